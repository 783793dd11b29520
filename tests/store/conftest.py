from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from sentryvibe_tui.wire.envelope import EventEnvelope, decode_posted


@pytest.fixture
def posted() -> Callable[..., EventEnvelope]:
    """posted(kind, event_id=…, build=…, project=…, session=…, at=…, name=…, **fields of the event)"""

    def make(
        kind: str, *, event_id: str = "", build: str = "b", project: str = "p", session: str = "s", **fields: object
    ) -> EventEnvelope:
        envelope = {"projectId": project, "sessionId": session, "buildId": build}
        for key in ("at", "projectName"):
            if key in fields:
                envelope[key] = fields.pop(key)  # type: ignore[assignment]
        if event_id:
            envelope["eventId"] = event_id
        (event,) = decode_posted(json.dumps(envelope | {"event": {"type": kind, **fields}}).encode())
        return event

    return make
