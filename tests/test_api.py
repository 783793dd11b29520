"""What the package offers to other programs."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sentryvibe_tui

ROOT = Path(__file__).parents[1]
SOURCE = Path(sentryvibe_tui.__file__)


def typed_names() -> set[str]:
    """Names that a type checker sees."""
    tree = ast.parse(SOURCE.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 1]
    return {alias.name for node in imports for alias in node.names}


def test_every_name_has_one_room() -> None:
    names = [name for room in sentryvibe_tui._ROOMS.values() for name in room]
    assert sorted(names) == sorted({*sentryvibe_tui.__all__} - {"__version__"})


def test_every_name_is_there_typed_and_documented() -> None:
    page = (ROOT / "docs/api.md").read_text()
    assert typed_names() == {*sentryvibe_tui.__all__}
    for name in sentryvibe_tui.__all__:
        assert getattr(sentryvibe_tui, name) is not None
        assert name in dir(sentryvibe_tui)
        assert name == "__version__" or name in page, f"docs/api.md does not tell of {name}"


def test_another_name_is_none() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Publsher'"):
        _ = sentryvibe_tui.Publsher  # type: ignore[attr-defined]


def test_the_package_alone_loads_nothing() -> None:
    code = "import sentryvibe_tui, sys; print({name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [name for name in ("msgspec", "httpx", "asyncio", "textual", "click") if f"'{name}'" in loaded]


def test_the_programs_of_the_page_are_typed(tmp_path: Path) -> None:
    programs = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/api.md").read_text(), re.MULTILINE | re.DOTALL)
    paths = [tmp_path / f"program{number}.py" for number, _ in enumerate(programs)]
    for path, text in zip(paths, programs, strict=True):
        path.write_text(f"# pyright: strict\n{text}")
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
