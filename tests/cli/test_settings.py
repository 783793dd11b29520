"""Config file < environment; what is wrong is told and changes nothing."""

from pathlib import Path

import pytest

from sentryvibe_tui.server.access import secured
from sentryvibe_tui.server.settings import limits_from
from sentryvibe_tui.settings import SETTINGS, ServerSettings, Settings, config_path, data_dir, load, log_file


def _load(tmp_path: Path, text: str, **environ: str) -> tuple[Settings, dict[str, str], tuple[str, ...]]:
    path = tmp_path / "config.toml"
    path.write_text(text)
    loaded = load({"SENTRYVIBE_CONFIG": str(path), **environ})
    return loaded.settings, loaded.sources, loaded.problems


def test_nothing_set() -> None:
    loaded = load({"SENTRYVIBE_CONFIG": "/nonexistent/config.toml"})
    assert (loaded.settings, loaded.problems, set(loaded.sources.values())) == (Settings(), (), {"default"})


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    text = 'server = "http://a"\nport = 5000\n'
    settings, sources, problems = _load(tmp_path, text, SENTRYVIBE_SERVER="http://b")
    assert (settings.server, settings.port, problems) == ("http://b", 5000, ())
    assert (sources["server"], sources["port"], sources["host"]) == (
        "environment SENTRYVIBE_SERVER",
        "config file",
        "default",
    )


@pytest.mark.parametrize(
    ("text", "environ", "told"),
    [
        ("sevrer = 'x'", {}, "unknown setting 'sevrer'; did you mean 'server'?"),
        ("zzz = 1", {}, "unknown setting 'zzz'; there are server, host"),
        ("port = '1'", {}, "port must be a whole number, not '1'"),
        ("port = true", {}, "port must be a whole number, not True"),
        ("port = 70000", {}, "port must be 0 to 65535, not 70000"),
        ("server = 1", {}, "server must be text, not 1"),
        ("ascii = 1", {}, "ascii must be true or false, not 1"),
        ("keys = 'x'", {}, "keys must be a table of texts, not 'x'"),
        ("keys = {quit = 1}", {}, "keys must be a table of texts, not {'quit': 1}"),
        ("bell = 'loud'", {}, "bell must be true or false, not 'loud'"),
        ("redact_patterns = [1]", {}, "redact_patterns must be a list of texts, not [1]"),
        ("", {"SENTRYVIBE_ASCII": "maybe"}, "SENTRYVIBE_ASCII: ascii must be true or false, not 'maybe'"),
        ("port = = 1", {}, "no valid TOML, left out whole: Invalid value (at line 1, column 8)"),
        ("", {"SENTRYVIBE_PORT": "many"}, "SENTRYVIBE_PORT: port must be a whole number, not 'many'"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, environ: dict[str, str], told: str) -> None:
    settings, _, problems = _load(tmp_path, text, **environ)
    assert len(problems) == 1
    assert told in problems[0]
    assert settings == Settings()


def test_variables_have_the_type_of_their_setting(tmp_path: Path) -> None:
    settings, _, problems = _load(tmp_path, "ascii = false", SENTRYVIBE_ASCII="Yes", SENTRYVIBE_PORT="0")
    assert (settings.ascii, settings.port, problems) == (True, 0, ())


def test_a_list_is_lines_in_a_variable(tmp_path: Path) -> None:
    assert _load(tmp_path, "redact_patterns = ['a+', 'b']")[0].redact_patterns == ["a+", "b"]
    assert _load(tmp_path, "", SENTRYVIBE_REDACT_PATTERNS="a+\nb")[0].redact_patterns == ["a+", "b"]


def test_keys_are_a_table_and_lines_in_a_variable(tmp_path: Path) -> None:
    assert _load(tmp_path, "[keys]\nquit = 'Q'")[0].keys == {"quit": "Q"}
    assert _load(tmp_path, "", SENTRYVIBE_KEYS="quit=Q, X\nnext-error = =")[0].keys == {
        "quit": "Q, X",
        "next-error": "=",
    }


def test_a_mistake_leaves_the_rest_in_force(tmp_path: Path) -> None:
    settings, _, problems = _load(tmp_path, "port = 5000\nhots = 'x'", SENTRYVIBE_PORT="-1")
    assert (settings.port, len(problems)) == (5000, 2)


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    (problem,) = load({"SENTRYVIBE_CONFIG": str(tmp_path)}).problems
    assert "cannot be read" in problem


def test_paths(tmp_path: Path) -> None:
    assert data_dir(Settings(data_dir="~/x")) == Path("~/x").expanduser()
    assert data_dir(Settings(data_dir="~nobody-here/x")) == Path("~nobody-here/x")
    assert data_dir(Settings()).name == "sentryvibe-tui"
    assert log_file(Settings(log_dir=str(tmp_path / "a" / "b"))).parent.is_dir()
    assert config_path({}).name == "config.toml"


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_every_setting_has_a_variable_and_says_what_it_is(name: str) -> None:
    setting = SETTINGS[name]
    assert (setting.variable, setting.default) == (f"SENTRYVIBE_{name.upper()}", getattr(Settings(), name))
    assert setting.description.endswith(".")
    assert setting.fault(setting.default) is None


@pytest.mark.parametrize(
    ("name", "low", "high"), [("port", 0, 65_535), ("max_body", 1024, 1024**3), ("retention_days", 0, 36_500)]
)
def test_a_number_keeps_to_its_limits(name: str, low: int, high: int) -> None:
    setting = SETTINGS[name]
    assert [setting.fault(value) for value in (low, high)] == [None, None]
    assert setting.fault(low - 1) == f"{name} must be {low} to {high}, not {low - 1}"
    assert setting.fault(high + 1) == f"{name} must be {low} to {high}, not {high + 1}"


def test_secrets_are_those_that_open_something() -> None:
    assert {name for name, setting in SETTINGS.items() if setting.is_secret} == {"token", "store", "hints"}


def test_a_server_goes_by_the_settings(tmp_path: Path) -> None:
    values = {
        "max_body": 2048,
        "store": "a",
        "hints": "b",
        "redact": False,
        "redact_patterns": ["c"],
        "notify_command": "d",
    }
    limits = limits_from(Settings(**values))
    assert {name: getattr(limits, name) for name in ServerSettings.__struct_fields__} == values
    assert (limits.token, limits.token_file) == ("", "")  # another server's token is not ours
    secret = tmp_path / "token"
    limits = secured(limits_from(Settings(token="another's")), "127.0.0.1", tmp_path, secret)
    assert (limits.token, limits.token_file) == (secret.read_text().strip(), str(secret))


def test_a_token_that_cannot_be_one_is_not_shown(tmp_path: Path) -> None:
    _, _, problems = _load(tmp_path, "token = 123456")
    assert [problem.partition(": ")[2] for problem in problems] == ["token must be text"]
