"""Command lines of known agents."""

import shlex

import pytest

from sentryvibe_tui.sources.run.argv import prepare_argv


@pytest.mark.parametrize(
    ("line", "runs", "reader", "prompt"),
    [
        (
            "claude -p 'fix it'",
            "claude -p 'fix it' --output-format stream-json --verbose",
            "claude-stream",
            "fix it",
        ),
        (
            "/opt/bin/claude --print --model opus 'fix it'",
            "/opt/bin/claude --print --model opus 'fix it' --output-format stream-json --verbose",
            "claude-stream",
            "fix it",
        ),
        (
            "claude -p x --output-format=stream-json",
            "claude -p x --output-format=stream-json --verbose",
            "claude-stream",
            "x",
        ),
        (
            "claude -p --output-format stream-json --verbose -- 'a b'",
            "claude -p --output-format stream-json --verbose -- 'a b'",
            "claude-stream",
            "a b",
        ),
        (
            "claude -p -- --weird",
            "claude -p --output-format stream-json --verbose -- --weird",
            "claude-stream",
            "--weird",
        ),
        ("claude -p x --output-format json", "claude -p x --output-format json", "", "x"),
        ("claude mcp list", "claude mcp list", "", ""),
        ("codex exec 'fix it'", "codex exec --json 'fix it'", "codex-exec", "fix it"),
        (
            "codex -m o3 exec resume 1 'go on'",
            "codex -m o3 exec --json resume 1 'go on'",
            "codex-exec",
            "go on",
        ),
        (
            "codex exec --json -s read-only 'fix it'",
            "codex exec --json -s read-only 'fix it'",
            "codex-exec",
            "fix it",
        ),
        ("codex exec", "codex exec --json", "codex-exec", ""),
        ("gemini -p 'fix it'", "gemini -p 'fix it' --output-format stream-json", "gemini-stream", "fix it"),
        ("gemini -o text -p x", "gemini -o text -p x", "", "x"),
        ("opencode run 'fix it'", "opencode run --format json 'fix it'", "opencode-run", "fix it"),
        ("opencode run --format json x", "opencode run --format json x", "opencode-run", "x"),
        ("make -j4 all", "make -j4 all", "", ""),
    ],
)
def test_the_output_is_asked_for_once(line: str, runs: str, reader: str, prompt: str) -> None:
    found = prepare_argv(shlex.split(line))
    assert (shlex.join(found.argv), found.format, found.prompt) == (runs, reader, prompt)
    assert len(found.argv) == len(shlex.split(line)) + len(found.added)
    assert prepare_argv(found.argv).added == ()


@pytest.mark.parametrize(
    ("line", "model"),
    [
        ("codex exec -m gpt-5 x", "gpt-5"),
        ("codex exec --model=gpt-5 x", "gpt-5"),
        ("opencode run -m openai/gpt-5 x", "openai/gpt-5"),
        ("codex exec x", ""),
        ("gemini -m gemini-3-pro -p x", "gemini-3-pro"),
        ("gemini -m auto-gemini-3 -p x", ""),
    ],
)
def test_the_model_is_named_by_the_command_line(line: str, model: str) -> None:
    assert prepare_argv(shlex.split(line)).model == model


@pytest.mark.parametrize(
    ("line", "interactive"),
    [
        ("claude", True),
        ("claude --continue", True),
        ("claude 'fix it'", True),
        ("claude --version", False),
        ("claude mcp list", False),
        ("claude -p x", False),
        ("codex", True),
        ("codex login", False),
        ("gemini", True),
        ("gemini -i 'and then'", True),
        ("opencode", True),
        ("vim", False),
    ],
)
def test_screens_of_their_own_are_known(line: str, interactive: bool) -> None:
    assert prepare_argv(shlex.split(line)).interactive is interactive
