"""`completion`: what it prints, and what `--install` leaves in a home."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sentryvibe_tui.cli.commands import group
from sentryvibe_tui.cli.shells import SHELLS, Place, script_place


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/usr/local/bin/bash")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def completion(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(group, ["completion", *arguments], prog_name="sentryvibe-tui", input=answer)


def files(home: Path) -> dict[str, str]:
    return {str(path.relative_to(home)): path.read_text() for path in home.rglob("*") if path.is_file()}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_asks_the_program(home: Path, shell: str) -> None:
    printed = completion(shell).stdout
    assert f"_SENTRYVIBE_TUI_COMPLETE={shell}_complete" in printed
    assert files(home) == {}


def test_without_a_name_it_is_the_shell_that_is_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "bash_complete" in completion().stdout
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    done = completion()
    assert (done.exit_code, "Say one of bash, zsh, fish" in done.stderr) == (2, True)


def test_it_is_installed_after_asking_and_only_once(home: Path) -> None:
    startup = home / ".zshrc"
    startup.write_text("setopt autocd")  # without a line end
    assert completion("zsh", "--install", answer="n\n").exit_code == 1
    assert files(home) == {".zshrc": "setopt autocd"}
    for _ in range(2):
        done = completion("zsh", "--install", answer="y\n")
        assert done.exit_code == 0, done.output
        assert "new zsh shells complete sentryvibe-tui" in done.stderr
    line = script_place("zsh", {}, home).line
    assert startup.read_text() == f"setopt autocd\n{line}\n"
    assert "zsh_complete" in script_place("zsh", {}, home).script.read_text()


def test_fish_needs_no_line(home: Path) -> None:
    assert completion("fish", "--install", "--yes").exit_code == 0
    assert [*files(home)] == [".config/fish/completions/sentryvibe-tui.fish"]


def test_a_line_reads_a_script_whose_path_has_blanks_and_quotes(tmp_path: Path) -> None:
    script = tmp_path / "o'neil home.bash"
    script.write_text("echo read\n")
    command = ["sh", "-c", Place(script, tmp_path / ".bashrc").line]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "read\n"


def test_a_file_that_cannot_be_written_is_named(home: Path) -> None:
    (home / ".bashrc").mkdir()
    done = completion("bash", "--install", "--yes")
    assert done.exit_code == 2
    assert str(home / ".bashrc") in done.stderr
