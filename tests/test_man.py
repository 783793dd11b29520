"""The manual page: that of the commands, and one that man(1) can set."""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.cli import COMMANDS

ROOT = Path(__file__).parents[1]


def script() -> Any:
    spec = importlib.util.spec_from_file_location("man", ROOT / "docs/man.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_that_of_the_commands() -> None:
    man = script()
    assert man.PAGE.read_text() == man.text(), "run `just generate`, or `python docs/man.py`"
    for name in COMMANDS:
        assert f"\n.SS {name}" in man.text()


def test_no_words_of_a_help_are_a_request_or_an_escape() -> None:
    assert script()._plain("a\n.so /etc/passwd\n'x\\n--plain") == "a\n\\&.so /etc/passwd\n\\&'x\\en\\-\\-plain"


def test_man_sets_the_page_without_a_warning() -> None:
    if shutil.which("man") is None:
        pytest.skip("no man here")
    command = ["man", "--warnings", "-l", str(ROOT / "docs/sentryvibe-tui.1")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"man cannot set a file here: {done.stderr}")
    assert [line for line in done.stderr.splitlines() if "break line" not in line] == []  # a long list of words
    assert "hooks install" in done.stdout
