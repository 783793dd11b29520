"""What `/metrics` says of now, beside what was counted: watchers, rings, builds."""

from __future__ import annotations

from collections.abc import Sequence

from ..version import __version__
from .context import ServerContext
from .metrics import Gauge


def gauges(context: ServerContext, runners: int) -> Sequence[Gauge]:
    hub = context.hub
    channels = tuple(hub.channels.values())
    watching = "Links of watchers: of a project, and of all builds."
    return (
        Gauge("build_info", "This server.", 1, f'version="{__version__}",epoch="{hub.epoch}"'),
        Gauge("watchers", watching, hub.watchers, 'scope="project"'),
        Gauge("watchers", watching, len(context.feed.watchers), 'scope="builds"'),
        Gauge("runners", "Links of original runners.", runners),
        Gauge("builds_active", "Builds that go on.", context.liveness.builds),
        Gauge("ring_entries", "Recent entries in memory, of watched projects.", sum(c.ring_entries for c in channels)),
        Gauge("ring_bytes", "Their size.", sum(c.ring_bytes for c in channels)),
        Gauge("frames_sent_total", "Frames given to links of a project.", hub.frames),
        Gauge("frame_bytes_total", "Their size before compression.", hub.frame_bytes),
        Gauge("recoveries_total", "Watchers so far behind that they began again.", hub.restarts, 'reason="ring"'),
    )
