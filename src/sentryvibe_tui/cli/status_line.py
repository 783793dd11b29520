"""All agents in one line, within a few milliseconds: no click, no msgspec, nothing that a link needs.

That is how it answers of the server that runs here, and of what is kept; anything else goes by `status`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SentryVibeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from http.client import HTTPConnection

    from ..model.totals import Totals
    from ..runtime import LocalServer

ANSWER_WITHIN = 0.3
"""Seconds for connecting to the server, and for each read."""
ACTIVE_WITHIN = 30 * 60 * 1000
"""Without a server: a build that was not heard of for so many milliseconds is not counted as going on."""


class NothingLearned(SentryVibeError):
    """No figures; the message says why."""


def quick(arguments: Sequence[str]) -> int | None:
    """The exit status of `status ARGUMENTS`; None when that needs more than is here."""
    form, as_json = "", False
    rest = list(arguments)
    while rest:
        name, has_value, value = rest.pop(0).partition("=")
        if name == "--json" and not has_value:
            as_json = True
        elif name == "--format" and (has_value or rest):
            form = value if has_value else rest.pop(0)
        else:
            return None
    from .. import runtime

    config = _config()
    if os.environ.get("SENTRYVIBE_SERVER") or config is None or config.get("server") or _is_shared(config):
        return None
    running = runtime.find_local_server()
    if running is not None and not running.url.startswith("http:"):
        return None
    return print_answer(lambda: _found_here(config, running), form, as_json)


def _is_shared(config: Mapping[str, object]) -> bool:
    """Whether the builds are in a database, and no server of this machine tells of them."""
    from .. import runtime

    has_store = bool(os.environ.get("SENTRYVIBE_STORE") or config.get("store"))
    return has_store and runtime.find_local_server() is None


def print_answer(find: Callable[[], Totals], form: str, as_json: bool) -> int:
    """Prints the line, or JSON. Exit status 0; 2 for a format that is none; 3 when nothing was learned."""
    from ..model.totals import named
    from ..report.status_line import BadFormat, status_line
    from .output import any_text

    try:
        found = find()
        line = json.dumps(named(found)) if as_json else status_line(found, now(), form)
    except (BadFormat, NothingLearned) as error:
        sys.stderr.write(f"sentryvibe-tui: {error}\n")
        return 2 if isinstance(error, BadFormat) else 3
    try:
        any_text(utf8=True)
        print(line, flush=True)
    except OSError:
        return 1
    return 0


def served(url: str, headers: Mapping[str, str], link: HTTPConnection | None = None) -> Totals:
    """Of the server at `url`, reached by `link` when it takes more than TCP. Raises NothingLearned."""
    from ..client.glance import NoGlance, glance
    from ..model.totals import totals_named

    try:
        return totals_named(
            json.loads(glance(f"{url}/api/status?since={start_of_today()}", headers, ANSWER_WITHIN, link))
        )
    except NoGlance as error:
        raise NothingLearned(f"no figures from {url}: {error}") from None
    except (ValueError, TypeError, AttributeError):
        raise NothingLearned(f"{url} does not answer as a SentryVibe server of ours") from None


def stored_totals(directory: Path) -> Totals:
    """Of a data directory without a server. Raises NothingLearned."""
    from ..model.totals import Figures, totals
    from ..store.readonly import Unreadable, open_readonly, recent_figures

    try:
        db = open_readonly(directory)
        rows = [] if db is None else recent_figures(db, start_of_today(), now() - ACTIVE_WITHIN)
    except Unreadable as error:
        raise NothingLearned(str(error)) from None
    return totals(Figures(*row) for row in rows)


def _found_here(config: Mapping[str, object], running: LocalServer | None) -> Totals:
    """Of the server that runs here, else of what is kept. Raises NothingLearned."""
    if running is None:
        return stored_totals(_data_dir(config))
    token = running.token or os.environ.get("SENTRYVIBE_TOKEN") or str(config.get("token", ""))
    return served(running.url, {"Authorization": f"Bearer {token}"} if token else {})


def start_of_today() -> int:
    """Of today, local time, in epoch milliseconds."""
    day = time.localtime()
    return int(time.mktime((day.tm_year, day.tm_mon, day.tm_mday, 0, 0, 0, 0, 0, -1)) * 1000)


def now() -> int:
    return time.time_ns() // 1_000_000


def _data_dir(config: Mapping[str, object]) -> Path:
    from ..folders import data_folder, user_path

    named = os.environ.get("SENTRYVIBE_DATA_DIR") or str(config.get("data_dir", ""))
    return user_path(named) if named else data_folder()


def _config() -> dict[str, object] | None:
    """What the config file says; {} without one, None for one that cannot be read: somebody else tells why."""
    from ..folders import config_folder, user_path

    named = os.environ.get("SENTRYVIBE_CONFIG")
    path = user_path(named) if named else config_folder() / "config.toml"
    try:
        text = path.read_bytes()
    except OSError:
        return {}
    import tomllib

    try:
        return tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None
