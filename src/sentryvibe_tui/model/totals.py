"""Many builds in a few figures: a status line, a window's title. Imports nothing: a status line has no time for it.

Nor for annotations that are text: each of a NamedTuple would be compiled.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .summary import BuildSummary

_VOUCHERS = ("hook", "registry", "socket")
"""Sources that see an agent live on after its turn."""
_KINDS = {"waiting-person": "needs_input", "waiting-machine": "waiting", "idle": "idle"}


DIGITS = 9
"""Behind the point of a sum of dollars; further ones are noise of the addition."""


class Figures(NamedTuple):
    """What counts of one build. `kind`, `source`: of its activity; `asked_at`: when it asked `question`, epoch
    milliseconds."""

    status: str
    kind: str
    cost_usd: float | None
    cost_estimated: bool
    question: str
    project: str
    asked_at: int
    source: str = ""


class Totals(NamedTuple):
    """How many builds do what. `needs_input` wait for a person, `waiting` for a machine; `failed` and `ended` are over;
    `cost_usd` is of all of them. `question`: what was asked longest ago, of `project`, at `asked_at` (epoch ms)."""

    working: int = 0
    needs_input: int = 0
    waiting: int = 0
    idle: int = 0
    failed: int = 0
    ended: int = 0
    cost_usd: float | None = None
    cost_estimated: bool = False
    question: str = ""
    project: str = ""
    asked_at: int | None = None

    @property
    def active(self) -> int:
        return self.working + self.needs_input + self.waiting + self.idle


def figures_of(build: "BuildSummary") -> Figures:
    from .questions import asked_words  # not for `status`, which adds figures up and must be quick

    return Figures(
        build.status,
        build.activity.kind,
        build.cost_usd,
        build.cost_estimated,
        asked_words(build.needs_input or build.activity.what),
        build.project_name or build.project_id,
        build.requests[0].since if build.requests else build.activity.since or 0,
        build.activity.source,
    )


def totals(builds: "Iterable[Figures]") -> Totals:
    counts = dict.fromkeys(Totals._fields[:6], 0)
    cost, estimated = None, False
    oldest: Figures | None = None
    for build in builds:
        kind = _kind(build)
        counts[kind] += 1
        if build.cost_usd is not None:
            cost = round(build.cost_usd + (cost or 0.0), DIGITS)
            estimated = estimated or bool(build.cost_estimated)
        if kind == "needs_input" and (oldest is None or build.asked_at < oldest.asked_at):
            oldest = build
    sums = Totals(*counts.values(), cost_usd=cost, cost_estimated=estimated)
    if oldest is None:
        return sums
    return sums._replace(question=oldest.question, project=oldest.project, asked_at=oldest.asked_at)


_WORDS = [name.split("_") for name in Totals._fields]
KEYS = {"_".join(words): words[0] + "".join(word.title() for word in words[1:]) for words in _WORDS}
"""The names of the figures, and those they have in JSON."""


def named(sums: Totals) -> dict[str, object]:
    """As JSON has it."""
    return dict(zip(KEYS.values(), sums, strict=True))


def totals_named(figures: dict[str, Any]) -> Totals:
    """Of JSON. Raises TypeError, AttributeError for what is none."""
    return Totals(**{name: figures[key] for name, key in KEYS.items() if figures.get(key) is not None})


def _kind(build: Figures) -> str:
    if build.status == "active":
        return _KINDS.get(build.kind, "working")
    if (build.status, build.kind) == ("completed", "idle") and build.source in _VOUCHERS:
        return "idle"
    return "failed" if build.status == "failed" else "ended"
