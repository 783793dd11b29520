"""Who works, on what: what is reported is added to what is known, and nothing empty erases it."""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.structs import asdict

from .state import Agent


def agent_news(known: Agent, incoming: Agent) -> Agent | None:
    """The fields of `incoming` that say something new; None when there are none."""
    if incoming == known:
        return None
    old = asdict(known)
    news = {name: value for name, value in asdict(incoming).items() if value and value != old[name]}
    return Agent(**news) if news else None


def merged_agent(known: Agent, incoming: Agent) -> Agent:
    """What is known, with the non-empty fields of `incoming`."""
    news = agent_news(known, incoming)
    return known if news is None else Agent(**(asdict(known) | {k: v for k, v in asdict(news).items() if v}))


def merged_codex(known: Raw | None, incoming: Raw) -> Raw:
    """Keys of the incoming object replace those known; a null never does."""
    old = msgspec.json.decode(known, type=dict[str, Raw]) if known is not None else {}
    new = {key: value for key, value in msgspec.json.decode(incoming, type=dict[str, Raw]).items() if value != _NULL}
    return Raw(msgspec.json.encode(old | new, order="sorted"))


_NULL = Raw(b"null")
