"""What Claude Code runs in the background: the answers by which a call goes on, and the notice of its end.

Seen with 2.1.332: commands (`backgroundTaskId`), agents and workflows (`async_launched`), monitors (`timeoutMs`).
"""

from __future__ import annotations

import re

from msgspec import Struct

from ..common.values import Record, text

_BEGINNING = "<task-notification>"
_FIELD = re.compile(r"<(task-id|tool-use-id|status|summary)>\s*(.*?)\s*</", re.DOTALL)
_LONGEST = 8_000
_UNSUCCESSFUL = frozenset({"failed", "killed", "stopped", "timeout"})


class Notification(Struct, frozen=True):
    """What the model is told of a task. `call`: of the call that began it, where that is told."""

    task: str
    call: str
    status: str
    summary: str

    @property
    def is_end(self) -> bool:
        """A monitor tells of what it saw as well."""
        return self.status not in ("", "running", "pending")

    @property
    def failed(self) -> bool:
        return self.status in _UNSUCCESSFUL


def is_notification(text: str) -> bool:
    return text.lstrip().startswith(_BEGINNING)


def notification_in(text: str) -> Notification | None:
    """None for words that are none."""
    if not is_notification(text):
        return None
    fields = dict(_FIELD.findall(text[:_LONGEST]))
    return Notification(*(fields.get(name, "") for name in ("task-id", "tool-use-id", "status", "summary")))


def background_task(result: Record) -> str:
    """The task that a call left running when it answered; "" for a call that is over."""
    if result.get("status") == "async_launched":
        return text(result, "agentId") or text(result, "taskId")
    if "timeoutMs" in result or "persistent" in result:
        return text(result, "taskId")
    return text(result, "backgroundTaskId")
