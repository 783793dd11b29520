"""What an index and an installation get."""

import re
import tomllib
from pathlib import Path

import sentryvibe_tui

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def readme_on_an_index() -> str:
    text = (ROOT / "README.md").read_text()
    for change in PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    return text


def test_the_readme_on_an_index_shows_no_picture_and_leads_nowhere_in_the_repository() -> None:
    text = readme_on_an_index()
    assert "![" not in text
    assert re.findall(r"\]\((?!https?://|#)[^)]*\)", text) == []
    assert "docs/protocol.md" in text  # the words of a link stay
    assert text.count("\n## ") == (ROOT / "README.md").read_text().count("\n## ")


def test_the_changelog_has_the_version_and_a_place_for_what_comes() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1].split()[0] == sentryvibe_tui.__version__


def test_the_programs_test_command_installs_what_the_tests_need() -> None:
    assert "'.[test]'" in (ROOT / "README.md").read_text()
    assert "test" in PYPROJECT["project"]["optional-dependencies"]
