"""A terminal monitor for builds of coding agents, and what other programs may use of it (docs/api.md).

`Publisher` publishes a build, `Watch` follows one. Each name is loaded with its first use, so that a program pays for
what it needs; `import sentryvibe_tui` alone costs nothing.
"""

from __future__ import annotations

from .version import __version__

TYPE_CHECKING = False  # to import typing costs as much as the start of Python
if TYPE_CHECKING:
    from .client.builds import BuildsWatch
    from .client.builds_link import BuildsChanged, BuildsListed
    from .client.publisher import Publisher
    from .client.watch import Watch
    from .client.watching import (
        CaughtUp,
        Changed,
        EndConfirmed,
        LinkChanged,
        LinkStatus,
        SignOfLife,
        Skipped,
        Snapshot,
        WatchEvent,
    )
    from .errors import BadAddress, NoAnswer, OutboxUnusable, SentryVibeError
    from .model.activity import Activity, Option, Request
    from .model.events import (
        About,
        ActivityReported,
        BuildEvent,
        BuildStarted,
        TextAdded,
        TodosReported,
        ToolEnded,
        ToolStarted,
        UsageReported,
    )
    from .model.facts import (
        AgentReported,
        BackgroundMoved,
        BuildEnded,
        Noticed,
        PlanReported,
        RequestOpened,
        RequestResolved,
        SummaryReported,
        TodoItem,
        TurnEnded,
    )
    from .model.state import Agent, BuildState, Note, Todo, ToolCall
    from .model.summary import BuildSummary
    from .model.usage import Usage
    from .wire.address import Address, parse_address
    from .wire.envelope import EventEnvelope
    from .wire.json import plain, raw

__all__ = [
    "About",
    "Activity",
    "ActivityReported",
    "Address",
    "Agent",
    "AgentReported",
    "BackgroundMoved",
    "BadAddress",
    "BuildEnded",
    "BuildEvent",
    "BuildStarted",
    "BuildState",
    "BuildSummary",
    "BuildsChanged",
    "BuildsListed",
    "BuildsWatch",
    "CaughtUp",
    "Changed",
    "EndConfirmed",
    "EventEnvelope",
    "LinkChanged",
    "LinkStatus",
    "NoAnswer",
    "Note",
    "Noticed",
    "Option",
    "OutboxUnusable",
    "PlanReported",
    "Publisher",
    "Request",
    "RequestOpened",
    "RequestResolved",
    "SentryVibeError",
    "SignOfLife",
    "Skipped",
    "Snapshot",
    "SummaryReported",
    "TextAdded",
    "Todo",
    "TodoItem",
    "TodosReported",
    "ToolCall",
    "ToolEnded",
    "ToolStarted",
    "TurnEnded",
    "Usage",
    "UsageReported",
    "Watch",
    "WatchEvent",
    "__version__",
    "parse_address",
    "plain",
    "raw",
]

_ROOMS = {
    "client.builds": ("BuildsWatch",),
    "client.builds_link": ("BuildsChanged", "BuildsListed"),
    "client.publisher": ("Publisher",),
    "client.watch": ("Watch",),
    "client.watching": (
        *("CaughtUp", "Changed", "EndConfirmed", "LinkChanged", "LinkStatus", "SignOfLife", "Skipped", "Snapshot"),
        "WatchEvent",
    ),
    "errors": ("BadAddress", "NoAnswer", "OutboxUnusable", "SentryVibeError"),
    "model.activity": ("Activity", "Option", "Request"),
    "model.events": (
        *("About", "ActivityReported", "BuildEvent", "BuildStarted", "TextAdded", "TodosReported", "ToolEnded"),
        *("ToolStarted", "UsageReported"),
    ),
    "model.facts": (
        *("AgentReported", "BackgroundMoved", "BuildEnded", "Noticed", "PlanReported", "RequestOpened"),
        *("RequestResolved", "SummaryReported", "TodoItem", "TurnEnded"),
    ),
    "model.state": ("Agent", "BuildState", "Note", "Todo", "ToolCall"),
    "model.summary": ("BuildSummary",),
    "model.usage": ("Usage",),
    "wire.address": ("Address", "parse_address"),
    "wire.envelope": ("EventEnvelope",),
    "wire.json": ("plain", "raw"),
}


def __getattr__(name: str) -> object:
    room = next((room for room, names in _ROOMS.items() if name in names), None)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{room}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
