"""Who works, on what: what is reported is added to what is known, and nothing empty erases it."""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.structs import asdict

from .state import Agent


def agent_news(current: Agent, incoming: Agent) -> Agent | None:
    """The fields of `incoming` that say something new; None when there are none."""
    if incoming == current:
        return None
    old = asdict(current)
    news = {name: value for name, value in asdict(incoming).items() if value and value != old[name]}
    return Agent(**news) if news else None


def merged_agent(current: Agent, incoming: Agent) -> Agent:
    """What is known, with the non-empty fields of `incoming`."""
    news = agent_news(current, incoming)
    return current if news is None else Agent(**(asdict(current) | {k: v for k, v in asdict(news).items() if v}))


def is_same_model(before: str, now: str) -> bool:
    """Whether two names may be one model's: a prefix of its vendor and a suffix like `[1m]` are no other model."""
    names = {name.rpartition("/")[2].partition("[")[0] for name in (before, now)}
    return len(names - {""}) < 2


def merged_codex(current: Raw | None, incoming: Raw) -> Raw:
    """Keys of the incoming object replace those known; a null never does."""
    old = msgspec.json.decode(current, type=dict[str, Raw]) if current is not None else {}
    new = {key: value for key, value in msgspec.json.decode(incoming, type=dict[str, Raw]).items() if value != _NULL}
    return Raw(msgspec.json.encode(old | new, order="sorted"))


_NULL = Raw(b"null")
