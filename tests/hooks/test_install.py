"""Our hooks in agents' settings: added once, taken out without a trace."""

import json
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.registry import AgentKind, built_in
from sentryvibe_tui.cli.hooks import AGENTS
from sentryvibe_tui.errors import BadSettings
from sentryvibe_tui.hooks.install import Hook, installed, settings_file, with_hook, without_hooks

URL = "http://127.0.0.1:4777/api/hooks/claude"
HTTP = Hook("claude", url=URL)
COMMAND = Hook("claude", command="python3 -I -S '/my tools/sentryvibe_tui/hooks/spool.py' claude 2>/dev/null || :")
FOREIGN: dict[str, Any] = {
    "model": "opus",
    "hooks": {
        "Stop": [{"hooks": [{"type": "command", "command": "say done"}]}],
        "PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "http", "url": "http://127.0.0.1:9/api/hooks/other"}]}],
    },
    "permissions": {"allow": ["Bash(ls:*)"]},
}
LAYOUTS = [
    "",
    "{}",
    "{}\n",
    "{\n}\n",
    '{ "model": "opus" }',
    '{"hooks": {}}',
    '{\n  "hooks": {}\n}\n',
    '{\n  "hooks": {\n  }\n}\n',
    '{\n  "hooks": {"Stop": [ ], "PreToolUse": [\n  ]}\n}\n',
    '{"hooks": {"Stop": [{"matcher": "", "hooks": []}]}}',
    json.dumps(FOREIGN),
    json.dumps(FOREIGN, indent=4) + "\n",
    json.dumps(FOREIGN, indent="\t").replace("\n", "\r\n"),
]


@pytest.mark.parametrize("text", LAYOUTS)
@pytest.mark.parametrize("hook", [HTTP, COMMAND, Hook("codex", command="python3 -m sentryvibe_tui hook codex")])
def test_added_once_and_removed_without_a_trace(text: str, hook: Hook) -> None:
    with_ours = with_hook(text, hook)
    before, after = json.loads(text or "{}"), json.loads(with_ours)
    assert installed(with_ours, hook.agent) == dict.fromkeys(hook.events, hook.url or hook.command)
    assert with_hook(with_ours, hook) == with_ours
    assert without_hooks(with_ours, hook.agent) == text
    for event, groups in before.get("hooks", {}).items():
        assert after["hooks"][event][: len(groups)] == groups
    assert {key: value for key, value in after.items() if key != "hooks"} == {
        key: value for key, value in before.items() if key != "hooks"
    }


@pytest.mark.parametrize("indent", [None, 2], ids=["no lines", "lines"])
def test_another_program_may_have_laid_out_the_file_anew(indent: int | None) -> None:
    text = json.dumps(json.loads(with_hook(json.dumps({"model": "opus"}), COMMAND)), indent=indent)
    assert without_hooks(text, "claude") == json.dumps({"model": "opus"}, indent=indent)


def test_comments_and_line_ends_stay() -> None:
    text = '{ // mine\n  "hooks": { /* none\n yet */ }, // so far\n  "model": "opus"\n}\n'
    with_ours = with_hook(text, HTTP)
    assert with_ours.startswith("{ // mine\n")
    assert with_ours.endswith(' /* none\n yet */ }, // so far\n  "model": "opus"\n}\n')
    assert without_hooks(with_ours, "claude") == text
    windows = '{\r\n\t"model": "opus"\r\n}\r\n'
    assert with_hook(windows, HTTP).replace("\r\n", "").count("\n") == 0
    assert without_hooks(with_hook(windows, HTTP), "claude") == windows


def test_of_two_members_of_one_name_the_last_counts() -> None:
    text = '{"hooks": {"Stop": []}, "hooks": {"Stop": [{"hooks": []}]}}'
    with_ours = with_hook(text, HTTP)
    assert len(json.loads(with_ours)["hooks"]["Stop"]) == 2
    assert without_hooks(with_ours, "claude") == text


def test_a_byte_order_mark_stays() -> None:
    text = "\ufeff" + json.dumps(FOREIGN, indent=2)
    with_ours = with_hook(text, HTTP)
    assert with_ours.startswith("\ufeff{")
    assert without_hooks(with_ours, "claude") == text


def test_another_way_takes_the_place_of_the_first() -> None:
    text = with_hook(with_hook(json.dumps(FOREIGN), COMMAND), HTTP)
    assert set(installed(text, "claude").values()) == {URL}
    assert without_hooks(text, "claude") == json.dumps(FOREIGN)


def test_ours_goes_out_of_a_group_that_others_share() -> None:
    mixed = {
        "hooks": {"Stop": [{"matcher": "", "hooks": [COMMAND.entry("Stop"), {"type": "command", "command": "say"}]}]}
    }
    assert json.loads(without_hooks(json.dumps(mixed), "claude")) == {
        "hooks": {"Stop": [{"matcher": "", "hooks": [{"type": "command", "command": "say"}]}]}
    }


@pytest.mark.parametrize(
    "command",
    [
        "/x/bin/sentryvibe-tui hook claude",
        "python3 -m sentryvibe_tui hook claude",
        "python3 -I -S /x/sentryvibe_tui/spool.py claude || exit 1",
        "python3 -I -S /x/sentryvibe_tui/hooks/spool.py claude || exit 1",
    ],
)
def test_hooks_of_other_wordings_are_ours(command: str) -> None:
    text = json.dumps({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": command}]}]}})
    assert installed(text, "claude") == {"Stop": command}
    assert set(installed(with_hook(text, COMMAND), "claude").values()) == {COMMAND.command}


@pytest.mark.parametrize("command", ["echo sentryvibe-tui", "my/spool.py claude"])
def test_hooks_that_only_look_alike_stay(command: str) -> None:
    text = json.dumps({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": command}]}]}})
    assert without_hooks(text, "claude") == text
    assert without_hooks(with_hook(text, HTTP), "codex") == with_hook(text, HTTP)


@pytest.mark.parametrize(
    ("hook", "has", "lacks"),
    [
        (HTTP, {"PermissionRequest", "SessionEnd", "StopFailure"}, {"SessionStart"}),
        (COMMAND, {"SessionStart", "PermissionRequest"}, set[str]()),
        (
            Hook("claude", command="c", version=(2, 0, 14)),
            {"SessionStart", "Stop"},
            {"PermissionRequest", "StopFailure"},
        ),
        (Hook("claude", url=URL, version=(2, 1, 331)), {"StopFailure"}, {"PermissionDenied", "SubagentStart"}),
        (Hook("claude", url=URL, version=(2, 1, 332)), {"PermissionDenied", "SubagentStart", "Elicitation"}, set()),
        (Hook("claude", url=URL, version=(2, 1, 63)), {"PermissionRequest"}, {"StopFailure"}),
        (Hook("codex", command="c"), {"PermissionRequest", "Stop", "Interrupt", "SessionEnd"}, {"Notification"}),
        (Hook("gemini", command="c"), {"BeforeTool", "AfterAgent"}, {"PreToolUse"}),
    ],
)
def test_events_are_those_that_the_agent_knows(hook: Hook, has: set[str], lacks: set[str]) -> None:
    assert has <= set(hook.events)
    assert not lacks & set(hook.events)


def test_gemini_counts_in_milliseconds() -> None:
    assert (Hook("gemini", command="c").entry("Stop")["timeout"], HTTP.entry("Stop")["timeout"]) == (5000, 5)


def test_codex_gives_some_hooks_three_seconds_at_most() -> None:
    given = json.loads(with_hook("", Hook("codex", command="c")))["hooks"]
    limits = {event: groups[0]["hooks"][0]["timeout"] for event, groups in given.items()}
    assert {event for event, limit in limits.items() if limit <= 3} == {"Interrupt", "SessionEnd"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"hooks": [1]}', "`hooks` is no object"),
        ('{"hooks": {"UserPromptSubmit": {}}}', "`hooks.UserPromptSubmit` is no array"),
        ('{"hooks": {', "line 1"),
    ],
)
def test_settings_of_another_shape_are_refused(text: str, told: str) -> None:
    with pytest.raises(BadSettings, match=told):
        with_hook(text, HTTP)


def test_where_settings_are() -> None:
    environ = {"HOME": "/h", "CODEX_HOME": "/x"}
    assert settings_file("claude", None, environ) == Path("/h/.claude/settings.json")
    assert settings_file("claude", None, {"HOME": "/h", "CLAUDE_CONFIG_DIR": "/c"}) == Path("/c/settings.json")
    assert settings_file("codex", None, environ) == Path("/x/hooks.json")
    assert settings_file("gemini", None, {"HOME": "/h", "GEMINI_CLI_HOME": "/g"}) == Path("/g/.gemini/settings.json")
    assert settings_file("gemini", Path("/p"), environ) == Path("/p/.gemini/settings.json")


def test_opencode_gets_a_file_of_our_own() -> None:
    assert settings_file("opencode", None, {"HOME": "/h"}) == Path("/h/.config/opencode/plugin/sentryvibe-tui.js")
    assert settings_file("opencode", None, {"HOME": "/h", "XDG_CONFIG_HOME": "/c"}).parent == Path("/c/opencode/plugin")
    assert settings_file("opencode", Path("/w"), {}) == Path("/w/.opencode/plugin/sentryvibe-tui.js")
    hook = Hook("opencode", command='/data/"hooks"')
    ours = with_hook("", hook)
    assert 'const FOLDER = "/data/\\"hooks\\""' in ours
    assert with_hook(ours.replace("/data", "/elsewhere"), hook) == ours
    assert (installed(ours, "opencode") != {}, installed("", "opencode")) == (True, {})
    assert without_hooks(ours, "opencode") == without_hooks("", "opencode") == ""
    for change in (lambda text: with_hook(text, hook), lambda text: without_hooks(text, "opencode")):
        with pytest.raises(BadSettings, match="it is not ours"):
            change("export const Mine = async () => ({})")


@pytest.mark.parametrize("kind", [kind for kind in built_in() if kind.hooks is not None], ids=lambda kind: kind.name)
def test_every_agent_whose_hooks_are_read_can_be_given_them(kind: AgentKind, tmp_path: Path) -> None:
    """Each in a file of its own, with a call that names it."""
    assert kind.name in AGENTS
    calls = "/spool" if kind.name == "opencode" else f"python3 -I -S /a/sentryvibe_tui/hooks/spool.py {kind.name}"
    with_ours = with_hook("", Hook(kind.name, command=calls))
    assert installed(with_ours, kind.name)
    assert without_hooks(with_ours, kind.name) == ""
    files = [settings_file(name, None, {"HOME": str(tmp_path)}) for name in AGENTS]
    assert files.count(settings_file(kind.name, None, {"HOME": str(tmp_path)})) == 1
