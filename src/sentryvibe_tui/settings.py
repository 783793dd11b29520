"""What a user can set, and where each value comes from: config file < environment < flags.

Nothing here fails on a bad value: the problem is told, and the value below it in that order stands.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast, get_type_hints

from msgspec import Meta, Struct
from msgspec.structs import asdict

from .folders import APP, config_folder, data_folder, make_private, user_path

_SECRET = {"secret": True}


class ServerSettings(Struct, frozen=True, kw_only=True):
    """Those that every server started here goes by."""

    max_body: Annotated[int, Meta(ge=1024, le=1024**3, description="Bytes of one request to a server of ours.")] = (
        1024 * 1024
    )
    store: Annotated[
        str,
        Meta(
            extra=_SECRET,
            description="`postgresql://…` keeps the builds of a server of ours in PostgreSQL, see "
            "[docs/operations.md](docs/operations.md#postgresql); without it they are files in `data_dir`.",
        ),
    ] = ""
    hints: Annotated[
        str,
        Meta(
            extra=_SECRET,
            description="`redis://…` wakes servers over one `store`, instead of the database itself, see "
            "[docs/operations.md](docs/operations.md#several-servers).",
        ),
    ] = ""
    redact: Annotated[bool, Meta(description="Secrets in what agents say are masked before it is kept.")] = True
    redact_patterns: Annotated[
        list[str], Meta(description="Regular expressions of further secrets; one a line in the variable.")
    ] = []
    notify_command: Annotated[
        str,
        Meta(
            description="A shell command that gets what needs you, has failed or ended as a JSON object a line on "
            "stdin, see [docs/scripts.md](docs/scripts.md)."
        ),
    ] = ""


class Settings(ServerSettings, frozen=True):
    """All of them, by their names in the config file. Empty text: the default place, or found by itself."""

    server: Annotated[
        str,
        Meta(
            description="The server that commands use; without it one that runs on this machine, else "
            "`http://127.0.0.1:3000`."
        ),
    ] = ""
    host: Annotated[str, Meta(description="The address that a server of ours listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="Its port; 0 takes a free one.")] = 4777
    token_file: Annotated[str, Meta(description="The file with the token that a server of ours asks for.")] = ""
    token: Annotated[
        str,
        Meta(
            extra=_SECRET,
            description="What another server asks for. `--token` says it, too, but others see a command line.",
        ),
    ] = ""
    ca: Annotated[
        str,
        Meta(description="A file with certificates that vouch for an https server, beside the system's."),
    ] = ""
    data_dir: Annotated[str, Meta(description="Where builds are kept; without it the user's data folder.")] = ""
    retention_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="`serve` deletes a build that has ended so long after its last event came, never the newest of "
            "a project; 0 keeps all.",
        ),
    ] = 90
    log_dir: Annotated[
        str,
        Meta(description="Where a screen logs, which is never to the terminal; without it the user's log folder."),
    ] = ""
    theme: Annotated[
        str,
        Meta(
            description="Colours; without it the program's own dark theme. `auto` (dark or light, as the terminal's "
            "background is), `sentry-light`, `sentry-contrast`, `ansi-dark` (the terminal's own colours) and Textual's "
            "themes."
        ),
    ] = ""
    ascii: Annotated[bool, Meta(description="Symbols that every font and locale has.")] = False
    animation: Annotated[bool, Meta(description="Without it nothing glides; clocks still tick.")] = True
    window_title: Annotated[bool, Meta(description="The terminal's title shows how far a build is.")] = True
    bell: Annotated[bool, Meta(description="An end or a question rings.")] = True
    desktop_notices: Annotated[bool, Meta(description="An end or a question notifies.")] = True
    keys: Annotated[
        dict[str, str],
        Meta(description="A table of actions and their keys, see below; `next-error=x`, one a line, in the variable."),
    ] = {}


class Setting(Struct, frozen=True):
    """One field of `Settings`. `low` and `high` are the limits of a number; `description` is Markdown."""

    name: str
    default: object
    description: str
    low: int | None
    high: int | None
    is_secret: bool
    """Its value is never shown."""

    @property
    def variable(self) -> str:
        return f"SENTRYVIBE_{self.name.upper()}"

    def parse(self, text: str) -> object:
        """An environment variable's text as a value; the text itself when it is none."""
        if isinstance(self.default, bool):
            return _SWITCH.get(text.lower(), text)
        if isinstance(self.default, list):
            return text.splitlines()
        if isinstance(self.default, dict):
            pairs = (line.partition("=") for line in text.splitlines() if line.strip())
            return {name.strip(): value.strip() for name, _, value in pairs}
        try:
            return int(text) if isinstance(self.default, int) else text
        except ValueError:
            return text

    def fault(self, value: object) -> str | None:
        """Why it cannot be `value`; None when it can."""
        texts: list[object] = []
        if isinstance(value, list):
            texts = cast("list[object]", value)
        elif isinstance(value, dict):
            texts = list(cast("dict[str, object]", value).values())
        if type(cast("object", value)) is not type(self.default) or not all(isinstance(text, str) for text in texts):
            return f"{self.name} must be {_KINDS[type(self.default)]}" + ("" if self.is_secret else f", not {value!r}")
        if self.low is None or self.high is None or not isinstance(value, int) or self.low <= value <= self.high:
            return None
        return f"{self.name} must be {self.low} to {self.high}, not {value}"


_KINDS: dict[type[object], str] = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    list: "a list of texts",
    dict: "a table of texts",
}
_SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _setting(name: str, default: object, meta: Meta) -> Setting:
    low, high = (None if end is None else int(end) for end in (meta.ge, meta.le))
    return Setting(name, default, meta.description or "", low, high, bool(meta.extra and meta.extra.get("secret")))


def _settings() -> dict[str, Setting]:
    hints = get_type_hints(Settings, include_extras=True)
    return {name: _setting(name, default, hints[name].__metadata__[0]) for name, default in asdict(Settings()).items()}


SETTINGS = _settings()
"""Each by its name; what there is to say of one is said in its field alone."""


class Loaded(Struct, frozen=True):
    """`sources` says for each name where its value comes from; `problems` are sentences for a person."""

    settings: Settings
    sources: dict[str, str]
    path: Path
    problems: tuple[str, ...] = ()


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    named = environ.get("SENTRYVIBE_CONFIG")
    return user_path(named) if named else config_folder() / "config.toml"


def load(environ: Mapping[str, str] = os.environ) -> Loaded:
    """The settings of the config file and the environment."""
    path = config_path(environ)
    values, sources = asdict(Settings()), dict.fromkeys(SETTINGS, "default")
    entries, problems = _file(path)
    for name, value in entries.items():
        if name not in SETTINGS:
            problems.append(f"{path}: unknown setting {name!r}{_nearest(name)}")
        elif (fault := SETTINGS[name].fault(value)) is not None:
            problems.append(f"{path}: {fault}")
        else:
            values[name], sources[name] = value, "config file"
    for name, setting in SETTINGS.items():
        if not (text := environ.get(setting.variable)):
            continue
        value = setting.parse(text)
        if (fault := setting.fault(value)) is not None:
            problems.append(f"{setting.variable}: {fault}")
        else:
            values[name], sources[name] = value, f"environment {setting.variable}"
    return Loaded(Settings(**values), sources, path, tuple(problems))


def data_dir(settings: Settings) -> Path:
    """Where builds are kept."""
    return user_path(settings.data_dir) if settings.data_dir else data_folder()


def token_path(settings: Settings) -> Path | None:
    """Where the token of a server of ours stands; None: it asks for none."""
    return user_path(settings.token_file) if settings.token_file else None


def log_file(settings: Settings) -> Path:
    """Where a command with a screen logs; its folder is made."""
    import platformdirs

    folder = user_path(settings.log_dir) if settings.log_dir else platformdirs.user_log_path(APP)
    make_private(folder)
    return folder / "sentryvibe-tui.log"


def _file(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in it, and what is wrong with it."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        return {}, [f"{path}: cannot be read: {error.strerror}"]
    import tomllib  # few have a config file

    try:
        return tomllib.loads(data.decode()), []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, [f"{path}: no valid TOML, left out whole: {error}"]


def _nearest(name: str) -> str:
    import difflib  # only to report a mistake

    near = difflib.get_close_matches(name, SETTINGS, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(SETTINGS)}"
