"""Everything that the program raises for its callers, as one tree. Each message is for a person, and says what to do.

SentryVibeError
├── BadInput (ValueError)          what somebody wrote cannot be used
│   ├── BadAddress                 a server's URL
│   ├── BadJson                    text that is no JSON of the expected shape
│   ├── CannotUnpack               a compressed frame
│   ├── BadSettings                an agent's settings file
│   ├── UnknownFormat              an agent's output
│   ├── BadFormat                  a status line's format: report/status_line.py
│   └── TooLarge                   packed data, out of all proportion
├── BadTokenFile                   the file of a server's token
├── UnknownAgent (LookupError)
├── NoAnswer                       a server that is asked
│   └── OddAnswer
│       └── ErrorAnswer            with its HTTP status
├── NoSuchProject, AmbiguousProject (LookupError): client/rest.py
├── NoSuchSession, NoBuild (LookupError): client/choice.py
├── CannotLend                     a join link: client/join_link.py
├── LinkError                      a connection: client/transport.py
│   ├── Ended
│   ├── Failed
│   └── Blocked
├── OutboxUnusable (OSError)       what is published cannot be kept
├── UnreadableInput, Undelivered   what is ingested: sources/ingest/intake.py
├── CannotServe                    a server that cannot start
├── HTTPError                      a request that gets an error for an answer: server/asgi.py
├── StoreError
│   ├── StoreUnavailable           not now; nothing was kept
│   │   └── BuildDamaged           one build, while others can be read: store/contract.py
│   ├── StoreBroken                not with these files
│   ├── SetBack                    a database that went back: store/postgres/writer.py
│   ├── Unreadable                 the data directory read without a server: store/readonly.py
│   └── EventDiffers               an id that belongs to another event
├── NoGlance, NothingLearned       a status line has nothing to tell
├── BusLost                        hints to other servers: bus/bus.py
├── RpcRefusal, NotUnderstood      a register of an agent: agents/*/
├── NoTerminal                     sources/terminal.py
└── NoLink, UsageProblem, PipeClosed, CannotWrite      the command line: cli/
"""

from __future__ import annotations


class SentryVibeError(Exception):
    """Whatever the program raises on purpose."""


class BadInput(SentryVibeError, ValueError):
    """What somebody wrote cannot be used; the message says what and where."""


class BadAddress(BadInput):
    """A server's URL that cannot be used; the message says why."""


class BadJson(BadInput):
    """Text that is no JSON of the expected shape; the message names the field and the reason."""


class CannotUnpack(BadInput):
    """A compressed frame is broken or too large."""


class BadSettings(BadInput):
    """A text that is no JSON object; the message says where."""


class BadTokenFile(SentryVibeError):
    """A token file that cannot be used; the message names it and says what to do."""


class UnknownFormat(BadInput):
    """The input is in no format that is known; the message says what was seen."""


class TooLarge(BadInput):
    """What is packed is out of all proportion to its size."""


class UnknownAgent(SentryVibeError, LookupError):
    """There is no agent of that name, or what an entry point leads to is none."""


class NoAnswer(SentryVibeError):
    """The server could not be reached, or said nothing that can be read; the message says why."""

    status = 0
    """The HTTP status of an error answer, else 0."""


class OddAnswer(NoAnswer):
    """The server answered, with something else than what it was asked for."""


class ErrorAnswer(OddAnswer):
    """The server answered with an error status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status}: {reason}" if reason else f"HTTP {status}")
        self.status = status


class LinkError(SentryVibeError):
    """A connection of a watch did not come about, or ended."""


class OutboxUnusable(SentryVibeError, OSError):
    """Nothing can be kept there; the message says where and why."""


class CannotServe(SentryVibeError):
    """Why a server cannot start: port or data directory in use, store broken. The message says what to do."""


class StoreError(SentryVibeError):
    """A store does not keep or give what it should."""


class StoreUnavailable(StoreError):
    """The store cannot write or read now (disk full, read-only, locked); the message says why. Nothing was kept.

    `reason`: one of a few, to be counted by.
    """

    def __init__(self, message: str, reason: str = "other") -> None:
        super().__init__(message)
        self.reason = reason.partition(":")[0]


class StoreBroken(StoreError):
    """The store's files cannot be used; the message says what to do."""


class EventDiffers(StoreError):
    """An event's id belongs to another event of its build. Nothing was kept."""

    def __init__(self, event_id: str) -> None:
        super().__init__(f"event {event_id!r} came before with another body")
        self.event_id = event_id


def reason(error: Exception) -> str:
    """What is wrong, in words; of what the system refused without the number and the path that Python adds."""
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
