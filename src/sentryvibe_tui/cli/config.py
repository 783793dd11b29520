"""`config`: what is set, and by what."""

from __future__ import annotations

import click
from msgspec.structs import asdict

from ..settings import SETTINGS, data_dir, log_file
from ..wire.address import shown
from .options import UsageProblem, find_server, settings
from .output import any_text, tell, write_line
from .screen import wrong_looks


@click.command("config")
def command() -> int:
    """Print the config file's path, every setting and where each comes from.

    Flags win over the environment, the environment over the config file (TOML). SENTRYVIBE_CONFIG names another file.
    """
    any_text()
    loaded = settings()
    preferences = loaded.settings
    write_line(f"config file  {loaded.path}{'' if loaded.path.exists() else '  (does not exist)'}")
    inferred = {
        "server": _server(),
        "data_dir": data_dir(preferences),
        "log_dir": log_file(preferences).parent,
    }
    values = asdict(preferences) | {"server": shown(preferences.server)}
    rows = [
        (name, _display_value(name, value) if value else str(inferred.get(name, value)))
        for name, value in values.items()
    ]
    width = max(len(value) for _, value in rows)
    named = max(len(name) for name, _ in rows)
    for name, value in rows:
        write_line(f"{name:<{named}}  {value:<{width}}  {loaded.sources[name]}")
    for problem in wrong_looks(preferences):
        tell(problem)
    return 0


def _display_value(name: str, value: object) -> str:
    return "set, not shown" if SETTINGS[name].is_secret else repr(value)


def _server() -> str:
    """The one that commands use. A URL that cannot be used is told; it stands there as it was set."""
    try:
        server = find_server(None)
    except UsageProblem as error:
        tell(error.message)
        return ""
    return f"{server.address.base}  ({server.source})"
