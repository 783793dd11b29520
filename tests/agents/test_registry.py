"""One agent, one folder: what the registry gives, also of agents that come from elsewhere."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentryvibe_tui.agents import detect, kinds, registry
from sentryvibe_tui.agents.detect import AutoReader, format_names, new_reader
from sentryvibe_tui.agents.kinds import kind_of, verb_of
from sentryvibe_tui.agents.registry import agent_kind, agent_kinds, names
from sentryvibe_tui.errors import UnknownAgent
from sentryvibe_tui.model.events import ToolStarted
from sentryvibe_tui.sources.run.argv import prepare_argv

AGENTS = Path(registry.__file__).parent

PARROT = '''
"""An agent that repeats what it hears."""

from sentryvibe_tui.agents.common.command import Prepared
from sentryvibe_tui.agents.common.records import RecordReader
from sentryvibe_tui.agents.registry import AgentKind, Format, Tool
from sentryvibe_tui.model.events import ToolStarted
from sentryvibe_tui.model.facts import BuildEnded


class Parrot(RecordReader):
    def _events(self, record):
        if record["parrot"] == "squawk":
            yield ToolStarted(record["id"], "squawk")

    def _end(self):
        return BuildEnded("completed")


KIND = AgentKind(
    name="parrot",
    agent_id="parrot",
    title="Parrot",
    formats=(Format("parrot-stream", lambda record, kind: "parrot" in record, Parrot),),
    tools={"squawk": Tool("web", "Squawk")},
    prepare=lambda argv, name: Prepared((*argv, "--json"), name, "parrot-stream", ("--json",)),
)
'''


def _forget() -> None:
    for cached in (
        registry.names,
        registry.agent_kind,
        registry.built_in,
        registry.agent_kinds,
        registry._elsewhere,
        detect.formats,
        kinds._own_tools,
        kinds._all_tools,
        kinds.kind_of,
        kinds.verb_of,
    ):
        cached.cache_clear()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages as installed ones are."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for module in ("parrot_agent", "broken_agent"):
        sys.modules.pop(module, None)
    _forget()


def install(site: Path, module: str, code: str, **points: str) -> None:
    (site / f"{module}.py").write_text(code)
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[sentryvibe_tui.agents]\n{lines}")
    _forget()


def test_an_agent_from_elsewhere_is_an_agent_like_ours(site: Path) -> None:
    install(site, "parrot_agent", PARROT, parrot="parrot_agent:KIND")
    assert names()[-1] == "parrot"
    assert {"parrot", "parrot-stream"} <= {*format_names()}
    reader = AutoReader()
    events = [report.event for report in reader.feed(b'{"parrot": "squawk", "id": "t1"}\n')]
    assert (reader.format, events[-1]) == ("parrot-stream", ToolStarted("t1", "squawk"))
    assert new_reader("parrot").finish
    assert (kind_of("squawk"), verb_of("squawk")) == ("web", "Squawk")
    assert prepare_argv(["/usr/bin/parrot", "hello"]).argv == ("/usr/bin/parrot", "hello", "--json")


def test_its_name_costs_no_import_of_it(site: Path) -> None:
    install(site, "parrot_agent", PARROT, parrot="parrot_agent:KIND")
    assert "parrot" in names()
    assert agent_kind("claude").title == "Claude Code"
    assert "parrot_agent" not in sys.modules
    assert agent_kind("parrot").title == "Parrot"


@pytest.mark.parametrize(
    ("code", "points", "says"),
    [
        ("raise RuntimeError('boom')", {"parrot": "broken_agent:KIND"}, "RuntimeError: boom"),
        ("KIND = 1", {"parrot": "broken_agent:KIND"}, "is no AgentKind"),
        ("", {"parrot": "broken_agent:KIND"}, "AttributeError"),
        (PARROT, {"other": "broken_agent:KIND"}, "of the name 'other'"),
        (PARROT, {"claude": "broken_agent:KIND"}, "there is one of that name"),
    ],
)
def test_one_that_cannot_be_used_is_named_and_left_out(
    site: Path, code: str, points: dict[str, str], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(site, "broken_agent", code, **points)
    assert [kind.name for kind in agent_kinds()] == list(registry.BUILT_IN)
    assert says in caplog.text
    assert "broken_agent" in caplog.text
    assert agent_kind("claude").title == "Claude Code"


def test_an_unknown_name_says_which_are_known() -> None:
    with pytest.raises(UnknownAgent, match="no agent is called 'clod'; known are claude, codex, gemini, opencode"):
        agent_kind("clod")


def test_names_fit_together() -> None:
    forms = [form.name for kind in agent_kinds() for form in kind.formats]
    assert len({*forms}) == len(forms)
    for kind in agent_kinds():
        assert all(form.name.startswith(f"{kind.name}-") for form in kind.formats)
        assert all(name == name.lower() for name in kind.tools)
        if kind.sessions is not None:
            assert kind.sessions().format in forms


@pytest.mark.parametrize("path", sorted(AGENTS.rglob("*.py")), ids=lambda path: str(path.relative_to(AGENTS)))
def test_only_rooms_for_files_touch_files(path: Path) -> None:
    """I/O is done by files of these names, by `common/folders.py` and by `processes.py`."""
    if path.name in ("files.py", "live.py", "database.py", "port.py", "folders.py", "processes.py"):
        return
    tree = ast.parse(path.read_text())
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    roots = {module.partition(".")[0] for module in modules - {"os.path"}}
    assert not roots & {"os", "socket", "subprocess", "asyncio", "sqlite3"}
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    doing = {call.id if isinstance(call, ast.Name) else getattr(call, "attr", "") for call in calls}
    assert not doing & {"open", "read_bytes", "read_text", "stat", "scandir", "iterdir", "glob"}
