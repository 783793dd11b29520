"""Which format an input is in, told by its first lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from ..errors import UnknownFormat
from .ai_sdk import AiSdk, BuildEvents
from .common.json_lines import MAX_LINE, JsonLines, trimmed
from .common.reader import Counts, Reader, Reported
from .common.values import Record, obj, text
from .common.zstd import MAGIC, decompressor
from .registry import Format, agent_kinds, names

LOOK_AHEAD = 1024 * 1024
"""Bytes within which an input must show what it is."""


PACKED = (
    "the input is compressed with zstd, as Codex does with old rollouts: unpack it with `zstd -d FILE`, or install the "
    "Python package zstandard"
)


def _is_build_event(record: Record, kind: str) -> bool:
    return isinstance(record.get("event"), dict) and "projectId" in record and "sessionId" in record


def _is_ai_sdk(record: Record, kind: str) -> bool:
    return kind in _AI_SDK and not record.keys() & {"session_id", "sessionID", "sessionId", "properties"}


_AI_SDK = frozenset({
    "start", "start-step", "finish-step", "text-start", "text-delta", "text-end", "reasoning-start", "reasoning-delta",
    "tool-input-start", "tool-input-delta", "tool-input-available", "tool-output-available", "tool-call",
    "tool-result",
})  # fmt: skip

_COMMON = (Format("build-events", _is_build_event, BuildEvents), Format("ai-sdk", _is_ai_sdk, AiSdk))
"""Formats of no agent's own."""


@cache
def formats() -> dict[str, Format]:
    """By name, in the order in which their signs are looked for."""
    found = (*(form for kind in agent_kinds() for form in kind.formats), *_COMMON)
    return {form.name: form for form in sorted(found, key=lambda form: form.general)}


def format_names() -> list[str]:
    """What `--format` takes: a family's name decides between its formats by itself."""
    return sorted({"auto", *names(), *formats()})


def new_reader(name: str) -> Reader:
    """A reader of the format or family of that name. Raises UnknownFormat when there is none."""
    if name in formats():
        return formats()[name].reader()
    if name != "auto" and name not in names():
        raise UnknownFormat(f"no format is called {name!r}; known are {', '.join(format_names())}")
    return AutoReader("" if name == "auto" else name)


def format_of(record: Record) -> str:
    """The format that one record gives away; "" when it could belong to several or to none."""
    kind = text(record, "type")
    return next((name for name, form in formats().items() if form.sign(record, kind)), "")


def detect(head: bytes, family: str = "") -> str:
    """The format's name. Raises UnknownFormat, which says what was seen instead."""
    detector = _Detector(family)
    format_name = detector.feed(head) or detector.finish()
    if not format_name:
        raise detector.refusal()
    return format_name


def is_strangers(record: Record) -> bool:
    """Whether a record that no sign fits begins the output of a program that is not known.

    What follows may look like a known one's, and would be taken for it.
    """
    kind = text(record, "type")
    return kind == "system" or (kind in ("user", "assistant") and isinstance(record.get("content"), str | list))


class _Detector:
    """Looks at records until one gives the format away. `wanted`: a format or a family of them, "" for any."""

    def __init__(self, family: str) -> None:
        self._family = family
        self._lines = JsonLines(Counts())
        self._head = b""
        self._samples: dict[str, None] = {}

    def feed(self, data: bytes) -> str:
        """Raises UnknownFormat when it is another one than wanted."""
        self._head += data[: _HEAD - len(self._head)]
        if trimmed(self._head).startswith((b"{\n", b"{\r\n")):
            name = next((name for name, form in formats().items() if form.document and form.document(self._head)), "")
            return self._checked(name) if name else ""
        return self._format_of(self._lines.feed(data))

    def finish(self) -> str:
        return self._format_of(self._lines.finish())

    def _format_of(self, records: Iterable[Record]) -> str:
        for record in records:
            if self._family in formats() and _is_readable_as(self._family, record):
                return self._family
            found = format_of(record)
            if found:
                return self._checked(found)
            if is_strangers(record) and self._family not in formats():
                self._samples[_sample(record)] = None
                raise self.refusal()
            if self._family in formats():  # who names it knows it, as long as it is not another's for certain
                return self._family
            if len(self._samples) < _SAMPLE_LIMIT:
                self._samples[_sample(record)] = None
        return ""

    def _checked(self, format_name: str) -> str:
        if format_name.startswith(self._family):
            return format_name
        raise UnknownFormat(f"the input is {format_name}, not {self._family}{self._known_formats()}")

    def _known_formats(self) -> str:
        """Between which formats it was."""
        names = [name for name in formats() if name.startswith(self._family)]
        return f". Known formats: {', '.join(names)}" if len(names) > 1 else ""

    def refusal(self) -> UnknownFormat:
        if self._samples:
            what = "its first records are " + "; ".join(self._samples)
        elif self._head.strip():
            line = self._head.strip().splitlines()[0][:80].decode("utf-8", "replace")
            broken = "its first record is cut or broken" if line.startswith("{") else "its first line is no JSON"
            what = f"{broken}: {line!r}"
        else:
            what = "it is empty"
        problem = (
            f"the input is not {self._family}" if self._family in formats() else "cannot tell the format of the input"
        )
        return UnknownFormat(f"{problem}: {what}{self._known_formats()}")


def _is_readable_as(name: str, record: Record) -> bool:
    """Hooks of several agents look the same."""
    kind = text(record, "type")
    return formats()[name].sign(record, kind) or (name.endswith("-hooks") and "hook_event_name" in record)


_HEAD = 4096
_SAMPLE_LIMIT = 8


def _sample(record: Record) -> str:
    kind = text(record, "type") or text(obj(record, "msg"), "type")
    keys = ", ".join(repr(key[:20]) for key in list(record)[:5])
    return (
        f"type {kind[:40]!r}" + (f" with {keys}" if is_strangers(record) else "") if kind else f"an object with {keys}"
    )


class AutoReader:
    """A reader that finds out the format from what it is fed, then hands over.

    `wanted`: a format, or a family of them, that the input is expected to be in; any other is refused.
    """

    def __init__(self, family: str = "") -> None:
        self.counts = Counts()
        self.family = family
        self.format = ""
        self._detector = _Detector(family)
        self._head: list[bytes] = []
        self._size = 0
        self._start: bytes | None = b""
        self._unpack: Callable[[bytes], bytes] | None = None
        self.inner: Reader | None = None

    def feed(self, data: bytes) -> list[Reported]:
        """Raises UnknownFormat once LOOK_AHEAD bytes of whole lines, or one line too long, gave nothing away."""
        data = self._unpacked(data)
        if self.inner is not None:
            return self.inner.feed(data)
        self._head.append(data)
        self._size += len(data)
        found = self._detector.feed(data)
        if found:
            return self._decided(found)
        if self._size > (LOOK_AHEAD if b"\n" in data else MAX_LINE):
            raise self._detector.refusal()
        return []

    def finish(self) -> list[Reported]:
        """Raises UnknownFormat when the input ended without giving its format away."""
        reports: list[Reported] = []
        if self.inner is None:
            format_name = self._detector.finish()
            if not format_name:
                raise self._detector.refusal()
            reports = self._decided(format_name)
        return reports + (self.inner.finish() if self.inner is not None else [])

    def _unpacked(self, data: bytes) -> bytes:
        """`data` as it was before it was compressed. Raises UnknownFormat when it cannot be unpacked here."""
        if self._start is not None:
            data = self._start + data
            self._start = data if len(data) < len(MAGIC) and MAGIC.startswith(data) else None
            if self._start is not None:
                return b""
            if data.startswith(MAGIC):
                self._unpack = decompressor()
                if self._unpack is None:
                    raise UnknownFormat(PACKED)
        try:
            return data if self._unpack is None else self._unpack(data)
        except ValueError as error:
            raise UnknownFormat(f"the input is compressed with zstd and cannot be unpacked: {error}") from None

    def _decided(self, name: str) -> list[Reported]:
        self.format = name
        self.inner = new_reader(name)
        self.counts = self.inner.counts
        held, self._head = b"".join(self._head), []
        return self.inner.feed(held)
