"""The documents: whatever refers to one of them, or to a place in it, finds it."""

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.cli import COMMANDS
from sentryvibe_tui.settings import Settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/real/*.md")])
SOURCES = sorted([*ROOT.glob("src/**/*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("docs/**/*.py")])
CITATION = re.compile(r"\bdocs/[\w./-]+\.md(?:#[\w-]+)?")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PAPERS = re.compile(
    r"\b(?:PROTOCOL|AGENT_FORMATS|REALTIME|DESIGN|TEXTUAL|SCALE|HOUSE|ORIGINAL|LIVE|UI)(?:\.md)? [0-9A-B]"
)


def headings(path: Path) -> set[str]:
    """The anchors that GitHub makes of a document's headings."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    found: list[str] = []
    for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
        same = found.count(slug)
        found.append(f"{slug}-{same}" if same else slug)
    return {*found}


def resolves(target: str, base: Path) -> bool:
    name, _, anchor = target.partition("#")
    path = base / name if name else base
    return path.exists() and (not anchor or anchor in headings(path))


def cited() -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(ROOT)), citation)
        for path in SOURCES
        if path != Path(__file__)
        for citation in CITATION.findall(path.read_text())
    ]


def test_what_the_source_cites_is_there() -> None:
    assert len(cited()) > 60
    assert [place for place in cited() if not resolves(place[1], ROOT)] == []


def test_the_source_cites_nothing_that_is_not_in_the_repository() -> None:
    assert [path.name for path in SOURCES if path != Path(__file__) and PAPERS.search(path.read_text())] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_documents_lead_somewhere(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link]
    assert [link for link in links if not resolves(link, document if link.startswith("#") else document.parent)] == []


PLACE = re.compile(r"`([\w./-]+(?:\.py|/))`")
PAGES = ("CONTRIBUTING.md", "AGENTS.md", "docs/architecture.md", "docs/agents.md", "docs/performance.md", "docs/api.md")


@pytest.mark.parametrize("page", PAGES)
def test_files_and_rooms_that_a_page_names_are_there(page: str) -> None:
    files = [path for room in ("src", "tests", "docs") for path in (ROOT / room).rglob("*")]
    known = {f"/{path.relative_to(ROOT)}{'/' * path.is_dir()}" for path in files}
    named = [place for place in PLACE.findall((ROOT / page).read_text()) if not place.startswith(("/", "~"))]
    missing = [place for place in named if not any(path.endswith(f"/{place}") for path in known)]
    assert [place for place in missing if "NAME" not in place and not (ROOT / place).exists()] == []


def test_the_architecture_has_every_room() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rooms = [path for path in (ROOT / "src/sentryvibe_tui").iterdir() if path.suffix == ".py" or path.is_dir()]
    names = [path.name + "/" * path.is_dir() for path in rooms if not path.name.startswith("__")]
    assert len(names) > 12
    assert [name for name in names if f"`{name}`" not in page] == []


def test_tasks_that_a_page_names_are_recipes() -> None:
    recipes = {*re.findall(r"^(\w+)(?: [^:\n]*)?:$", (ROOT / "justfile").read_text(), re.MULTILINE)}
    pages = "".join(
        (ROOT / name).read_text() for name in ("CONTRIBUTING.md", "AGENTS.md", ".github/workflows/test.yml")
    )
    named = {*re.findall(r"(?:`|bin/)just (\w+)", pages)}
    assert len(named) > 5
    assert named <= recipes


def test_the_readme_tells_of_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if not re.search(rf"^\| `{name}[` ]", readme, re.MULTILINE)] == []


def test_the_readme_has_the_table_of_the_settings() -> None:
    words = runpy.run_path(str(ROOT / "docs/settings.py"))
    assert words["readme"]() == words["README"].read_text(), "run `just generate`, or `python docs/settings.py`"
    for name in Settings.__struct_fields__:
        assert f"| `{name}` | `SENTRYVIBE_{name.upper()}` |" in words["README"].read_text()


def test_an_anchor_that_is_not_there_is_noticed() -> None:
    assert resolves("docs/protocol.md#merge-rule", ROOT)
    assert not resolves("docs/protocol.md#no-such-heading", ROOT)
    assert not resolves("docs/no-such-file.md", ROOT)


def words_of(schema: Any) -> Iterator[str]:
    """Fields and types of a JSON Schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from [schema["const"]] if "const" in schema else []
        for part in schema.values():
            yield from words_of(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from words_of(part)


@pytest.mark.parametrize("name", ["event", "update", "state", "list"])
def test_the_page_of_the_wire_names_every_type_and_field(name: str) -> None:
    page = (ROOT / "docs/protocol.md").read_text()
    words = sorted({*words_of(json.loads((ROOT / f"docs/schema/{name}.json").read_text()))})
    assert len(words) > 20
    assert [word for word in words if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", page)] == []


def test_every_status_that_the_server_answers_is_on_the_page() -> None:
    page = (ROOT / "docs/protocol.md").read_text()
    server = "".join(path.read_text() for path in (ROOT / "src/sentryvibe_tui/server").glob("*.py"))
    codes = {*re.findall(r"HTTPError\((\d{3}),", server)}
    assert len(codes) > 8
    assert [code for code in sorted(codes) if not re.search(rf"^\| [\d, ]*{code}", page, re.MULTILINE)] == []
