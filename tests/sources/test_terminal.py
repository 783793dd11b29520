"""The way to an agent's own terminal, or why there is none."""

from __future__ import annotations

import subprocess

import pytest

from sentryvibe_tui.model.summary import BuildSummary
from sentryvibe_tui.sources.terminal import NoTerminal, go_to_terminal

PANES = "%1\t/dev/pts/1\twork:0.0\n%3\t/dev/pts/4\twork:2.1\n%5\t/dev/pts/6\tother:0.0\n"
PROCESSES = """\
    1 ?        /sbin/init
  200 pts/4    claude --resume
  300 pts/6    node --no-warnings /usr/lib/node_modules/bin/codex
  301 ??       /opt/codex/codex app-server
  400 pts/9    claude
  500 pts/1    vim claude.md
"""
FOLDERS = {200: "/work/shop", 300: "/work/landing", 301: "/work/landing", 400: "/work/api", 500: "/work/shop"}
TMUX = {"TMUX": "/tmp/tmux-0/default,1,0", "HOME": "/nowhere"}


class System:
    """`ps` and `tmux` of an invented machine; `went` is where tmux was told to go."""

    def __init__(self, processes: str = PROCESSES, panes: str | None = PANES, **variables: str) -> None:
        self.processes, self.panes, self.variables, self.went = processes, panes, variables, ""
        self.commands: list[tuple[str, ...]] = []

    def __call__(self, command) -> str:
        if command[0] == "ps":
            return self.processes
        if command[0] == "tmux" and self.panes is None:
            raise subprocess.CalledProcessError(1, command)
        if "list-panes" not in command:
            self.went = command[-1]
            self.commands.append(tuple(command))
        return self.panes or ""


def go(agent: str, cwd: str, system: System, environ=TMUX, **more) -> str:
    build = BuildSummary("p", "s", "b", agent_id=agent, cwd=cwd, **more)
    return go_to_terminal(build, environ, system, lambda pid: FOLDERS.get(pid, ""), lambda _: system.variables)


def test_the_pane_of_the_process_that_works_there():
    system = System()
    assert go("claude-code", "/work/shop", system) == "tmux work:2.1"
    assert system.went == "%3"


def test_a_program_that_an_interpreter_runs_is_known_and_a_daemon_has_no_terminal():
    system = System()
    assert go("openai-codex", "/work/landing", system) == "tmux other:0.0"


@pytest.mark.parametrize(
    ("agent", "cwd", "system", "environ", "more", "says"),
    [
        ("claude-code", "/work/shop", System(), TMUX, {"host": "box"}, "it runs on box"),
        ("claude-code", "/work/none", System(), TMUX, {}, "no process of Claude Code was found in /work/none"),
        ("claude-code", "/work/api", System(), TMUX, {}, "runs on /dev/pts/9: no way leads there"),
        ("claude-code", "/work/shop", System(panes=None), TMUX, {}, "/dev/pts/4: no way leads there"),
        ("claude-code", "/work/shop", System(), {"HOME": "/nowhere"}, {}, "tmux attach -t work"),
        ("claude-code", "/work/shop", System(panes=PANES.replace("work:", "my work:")), {"HOME": "/nowhere"}, {},
         "tmux attach -t 'my work'"),
        ("openai-codex", "/work/landing", System("301 ?? codex\n"), TMUX, {}, r"Codex \(process 301\) has no terminal"),
        ("claude-code", "/work/shop", System(PROCESSES.replace("500 pts/1    vim", "500 pts/1    claude")), TMUX, {},
         "more than once: tmux work:0.0, tmux work:2.1"),
        ("moon", "/work/shop", System(), TMUX, {}, "no process of moon was found"),
    ],
)  # fmt: skip
def test_it_says_why_it_cannot_go(agent, cwd, system, environ, more, says):
    with pytest.raises(NoTerminal, match=says):
        go(agent, cwd, system, environ, **more)
    assert system.went == ""


def test_the_register_of_the_agent_is_believed_before_its_directory(tmp_path, monkeypatch):
    from sentryvibe_tui.agents.claude import live

    monkeypatch.setattr(live, "is_alive", lambda pid, start: True)
    folder = tmp_path / "sessions"
    folder.mkdir()
    (folder / "400.json").write_text('{"pid": 400, "sessionId": "s", "cwd": "/work/shop", "status": "idle"}')
    (folder / "401.json").write_text("{")
    system = System(PROCESSES.replace("pts/9", "pts/1"))
    assert go("claude-code", "/work/shop", system, TMUX | {"CLAUDE_CONFIG_DIR": str(tmp_path)}) == "tmux work:0.0"


def test_a_machine_without_these_programs_is_told():
    def none(command) -> str:
        raise FileNotFoundError(command[0])

    with pytest.raises(NoTerminal, match="`ps` does not say"):
        go_to_terminal(BuildSummary("p", "s", "b", agent_id="claude-code", cwd="/work"), TMUX, none)


def test_a_process_whose_directory_is_not_told_is_not_taken_for_one_of_ours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoTerminal, match="no process of Claude Code was found"):
        go("claude-code", str(tmp_path), System("  900 pts/4    claude\n"))


def test_the_server_of_tmux_that_the_agent_runs_in_is_asked():
    mine = {"TMUX": "/tmp/tmux-0/work,7,0", "HOME": "/nowhere"}
    system = System(TMUX="/tmp/tmux-0/work,7,1", TMUX_PANE="%3")
    assert go("claude-code", "/work/shop", system, mine) == "tmux work:2.1"
    assert system.commands == [("tmux", "-S", "/tmp/tmux-0/work", "switch-client", "-t", "%3")]
    with pytest.raises(NoTerminal, match="in another tmux: tmux -S /tmp/tmux-0/work attach -t work"):
        go("claude-code", "/work/shop", system, TMUX)


@pytest.mark.parametrize(
    ("variables", "place", "command"),
    [
        ({"KITTY_WINDOW_ID": "4", "KITTY_LISTEN_ON": "unix:/tmp/k"}, "kitty",
         ("kitten", "@", "--to", "unix:/tmp/k", "focus-window", "--match", "id:4")),
        ({"WEZTERM_PANE": "2"}, "wezterm", ("wezterm", "cli", "activate-pane", "--pane-id", "2")),
        ({"TERM_PROGRAM": "iTerm.app"}, "iTerm", ("osascript", "-e", "/dev/pts/9")),
        ({"TERM_PROGRAM": "Apple_Terminal"}, "Terminal", ("osascript", "-e", "/dev/pts/9")),
    ],
)  # fmt: skip
def test_a_window_of_a_terminal_that_takes_commands(variables, place, command):
    system = System(**variables)
    assert go("claude-code", "/work/api", system) == f"/dev/pts/9 in {place}"
    (run,) = system.commands
    assert tuple(word for word in run if not word.startswith("on run")) == command


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"KITTY_WINDOW_ID": "4"}, "/dev/pts/9 in kitty: kitty takes commands with `allow_remote_control`"),
        ({"STY": "77.work", "KITTY_WINDOW_ID": "4"}, "/dev/pts/9 in screen: screen -x 77.work"),
        ({"ZELLIJ_SESSION_NAME": "work", "WEZTERM_PANE": "1"}, "in zellij: zellij attach work"),
        ({"ZELLIJ_SESSION_NAME": "my work"}, "in zellij: zellij attach 'my work'"),
        ({"TERM_PROGRAM": "vscode"}, "/dev/pts/9 in VS Code: no way leads there from here, go there by hand"),
        ({"TERM_PROGRAM": "WezTerm"}, "/dev/pts/9: no way leads there"),
    ],
)
def test_where_it_is_in_a_terminal_that_takes_none(variables, says):
    with pytest.raises(NoTerminal) as caught:
        go("claude-code", "/work/api", System(**variables))
    assert says in str(caught.value)


def test_a_command_that_fails_is_told():
    def broken(command) -> str:
        if command[0] == "wezterm":
            raise FileNotFoundError(command[0])
        return system(command)

    system = System(WEZTERM_PANE="2")
    with pytest.raises(NoTerminal, match="`wezterm cli activate-pane` does not go there"):
        go_to_terminal(BuildSummary("p", "s", "b", agent_id="claude-code", cwd="/work/api"), TMUX, broken,
                       lambda pid: FOLDERS.get(pid, ""), lambda _: system.variables)  # fmt: skip
