"""What a user can set, and where each value comes from: config file < environment < flags.

Nothing here fails on a bad value: the problem is told, and the value below it in that order stands.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import platformdirs
from msgspec import Struct
from msgspec.structs import asdict

from .folders import APP, make_private


class Settings(Struct, frozen=True):
    """Names as in the config file. Empty text: the default place, or found by itself."""

    server: str = ""
    host: str = "127.0.0.1"
    port: int = 4777
    token_file: str = ""
    token: str = ""
    max_body: int = 1024 * 1024
    store: str = ""
    hints: str = ""
    data_dir: str = ""
    retention_days: int = 90
    log_dir: str = ""
    theme: str = ""
    ascii: bool = False
    animation: bool = True
    window_title: bool = True
    bell: bool = True
    desktop_notices: bool = True
    notify_command: str = ""
    keys: dict[str, str] = {}
    redact: bool = True
    redact_patterns: list[str] = []


ENVIRONMENT = {
    "server": "SENTRYVIBE_SERVER",
    "host": "SENTRYVIBE_HOST",
    "port": "SENTRYVIBE_PORT",
    "token_file": "SENTRYVIBE_TOKEN_FILE",
    "token": "SENTRYVIBE_TOKEN",
    "max_body": "SENTRYVIBE_MAX_BODY",
    "store": "SENTRYVIBE_STORE",
    "hints": "SENTRYVIBE_HINTS",
    "retention_days": "SENTRYVIBE_RETENTION_DAYS",
    "data_dir": "SENTRYVIBE_DATA_DIR",
    "log_dir": "SENTRYVIBE_LOG_DIR",
    "theme": "SENTRYVIBE_THEME",
    "ascii": "SENTRYVIBE_ASCII",
    "animation": "SENTRYVIBE_ANIMATION",
    "window_title": "SENTRYVIBE_WINDOW_TITLE",
    "bell": "SENTRYVIBE_BELL",
    "desktop_notices": "SENTRYVIBE_DESKTOP_NOTICES",
    "notify_command": "SENTRYVIBE_NOTIFY_COMMAND",
    "keys": "SENTRYVIBE_KEYS",
    "redact": "SENTRYVIBE_REDACT",
    "redact_patterns": "SENTRYVIBE_REDACT_PATTERNS",
}

_KINDS: dict[type[object], str] = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    list: "a list of texts",
    dict: "a table of texts",
}
_LIMITS = {"port": (0, 65_535), "max_body": (1024, 1024**3), "retention_days": (0, 36_500)}


SECRET = frozenset({"token", "store", "hints"})
"""Settings whose values are never shown."""


class Loaded(Struct, frozen=True):
    """`sources` says for each name where its value comes from; `problems` are sentences for a person."""

    settings: Settings
    sources: dict[str, str]
    path: Path
    problems: tuple[str, ...] = ()


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    named = environ.get("SENTRYVIBE_CONFIG")
    return Path(named).expanduser() if named else platformdirs.user_config_path(APP) / "config.toml"


def load(environ: Mapping[str, str] = os.environ) -> Loaded:
    """The settings of the config file and the environment."""
    path = config_path(environ)
    values, sources = asdict(Settings()), dict.fromkeys(asdict(Settings()), "default")
    problems: list[str] = []
    told, unreadable = _file(path)
    problems.extend(unreadable)
    for name, value in told.items():
        if name not in values:
            problems.append(f"{path}: unknown setting {name!r}{_nearest(name, values)}")
        elif (wrong := _wrong(name, value)) is not None:
            problems.append(f"{path}: {wrong}")
        else:
            values[name], sources[name] = value, "config file"
    for name, variable in ENVIRONMENT.items():
        if not (text := environ.get(variable)):
            continue
        value = _said(text, values[name])
        if (wrong := _wrong(name, value)) is not None:
            problems.append(f"{variable}: {wrong}")
        else:
            values[name], sources[name] = value, f"environment {variable}"
    return Loaded(Settings(**values), sources, path, tuple(problems))


def data_dir(settings: Settings) -> Path:
    """Where builds are kept."""
    return Path(settings.data_dir).expanduser() if settings.data_dir else platformdirs.user_data_path(APP)


def token_path(settings: Settings) -> Path | None:
    """Where the token of a server of ours stands; None: it asks for none."""
    return Path(settings.token_file).expanduser() if settings.token_file else None


def log_file(settings: Settings) -> Path:
    """Where a command with a screen logs; its folder is made."""
    folder = Path(settings.log_dir).expanduser() if settings.log_dir else platformdirs.user_log_path(APP)
    make_private(folder)
    return folder / "sentryvibe-tui.log"


def _file(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}, ()
    except OSError as error:
        return {}, (f"{path}: cannot be read: {error.strerror}",)
    import tomllib  # few have a config file

    try:
        return tomllib.loads(data.decode()), ()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, (f"{path}: no valid TOML, left out whole: {error}",)


def _nearest(name: str, known: Mapping[str, object]) -> str:
    import difflib  # only to report a mistake

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"


_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _said(text: str, like: object) -> object:
    """An environment variable's text as a value of the same type as `like`; the text itself when it is none."""
    if isinstance(like, bool):
        return _FLAGS.get(text.lower(), text)
    if isinstance(like, list):
        return text.splitlines()
    if isinstance(like, dict):
        pairs = (line.partition("=") for line in text.splitlines() if line.strip())
        return {name.strip(): value.strip() for name, _, value in pairs}
    try:
        return int(text) if isinstance(like, int) else text
    except ValueError:
        return text


def _wrong(name: str, value: object) -> str | None:
    """Why `value` cannot be the setting `name`; None when it can."""
    like: object = asdict(Settings())[name]
    texts: list[object] = []
    if isinstance(value, list):
        texts = cast("list[object]", value)
    elif isinstance(value, dict):
        texts = list(cast("dict[str, object]", value).values())
    fits = type(cast("object", value)) is type(like) and all(isinstance(text, str) for text in texts)
    if not fits:
        return f"{name} must be {_KINDS[type(like)]}" + ("" if name in SECRET else f", not {value!r}")
    low, high = _LIMITS.get(name, (None, None))
    if isinstance(value, int) and low is not None and high is not None and not low <= value <= high:
        return f"{name} must be {low} to {high}, not {value}"
    return None
