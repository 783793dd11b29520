"""The README's table of the settings, made from their fields.

python docs/settings.py            writes it into README.md
python docs/settings.py --check    exits 1 when it is not up to date
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from sentryvibe_tui.settings import SETTINGS, Setting

README = Path(__file__).parents[1] / "README.md"
HEAD = "| setting | environment | default | what it is |\n|---|---|---|---|\n"


def readme() -> str:
    """What it has to be: as it stands, with the table as the fields say it. Raises ValueError without a table."""
    around = re.split(rf"{re.escape(HEAD)}(?:\|.*\n)*", README.read_text())
    before, after = around
    return f"{before}{HEAD}{''.join(map(_row, SETTINGS.values()))}{after}"


def _row(setting: Setting) -> str:
    limits = "" if setting.low is None else f", {setting.low} to {setting.high}"
    value = setting.default if isinstance(setting.default, str) else json.dumps(setting.default)
    default = f"`{value}`{limits}" if setting.default not in ("", [], {}) else "none"
    return f"| `{setting.name}` | `{setting.variable}` | {default} | {setting.description} |\n"


def main(arguments: list[str]) -> int:
    text = readme()
    is_stale = README.read_text() != text
    if "--check" in arguments:
        print(f"{README} is not up to date" if is_stale else "", end="\n" if is_stale else "")
        return int(is_stale)
    README.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
