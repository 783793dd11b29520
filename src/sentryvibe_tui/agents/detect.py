"""Which format an input is in, told by its first lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .ai_sdk import AiSdk, BuildEvents
from .claude.session import ClaudeSession
from .claude.stream import ClaudeStream
from .codex.session import CodexRollout
from .codex.stream import CodexExec
from .common.hook_payloads import HookLines
from .common.json_lines import MAX_LINE, JsonLines, bare
from .common.reader import Counts, Reader, Reported
from .common.values import Record, obj, text
from .gemini.session import GeminiSession
from .gemini.stream import GeminiStream
from .opencode.serve import OpencodeServe
from .opencode.stream import OpencodeParts, OpencodeRun

LOOK_AHEAD = 1024 * 1024
"""Bytes within which an input must show what it is."""


class UnknownFormat(ValueError):
    """The input is in no format that is known; the message says what was seen."""


def _is_claude_stream(record: Record, kind: str) -> bool:
    if kind in ("assistant", "user", "system", "stream_event", "rate_limit_event"):
        return ("session_id" in record or "parent_tool_use_id" in record) and "sessionId" not in record
    return kind == "result" and "subtype" in record and "num_turns" in record


def _is_claude_session(record: Record, kind: str) -> bool:
    if kind in ("assistant", "user", "system"):
        return "sessionId" in record and ("uuid" in record or "message" in record)
    if kind == "summary":
        return "leafUuid" in record
    if kind == "file-history-snapshot":
        return "messageId" in record
    return "sessionId" in record and kind in _SESSION_ONLY


_SESSION_ONLY = frozenset(
    {
        "permission-mode",
        "mode",
        "queue-operation",
        "attachment",
        "progress",
        "last-prompt",
        "ai-title",
        "custom-title",
        "agent-name",
        "agent-setting",
        "atis-latch",
        "pr-link",
        "bridge-session",
    }
)


def _is_hook(record: Record, kind: str) -> bool:
    return "hook_event_name" in record


def _is_codex_hook(record: Record, kind: str) -> bool:
    return _is_hook(record, kind) and "/.codex/" in text(record, "transcript_path")


def _is_gemini_hook(record: Record, kind: str) -> bool:
    return text(record, "hook_event_name").startswith(("Before", "After")) or (
        _is_hook(record, kind) and "/.gemini/" in text(record, "transcript_path")
    )


def _is_codex_exec(record: Record, kind: str) -> bool:
    if "msg" in record and "id" in record:
        return True
    return (kind == "session.created" and "properties" not in record) or kind.startswith(("thread.", "turn.", "item."))


def _is_codex_rollout(record: Record, kind: str) -> bool:
    if kind in ("session_meta", "response_item", "event_msg", "turn_context", "compacted", "world_state"):
        return "payload" in record
    if kind in ("message", "reasoning"):  # without an envelope, as in early files
        return isinstance(record.get("content" if kind == "message" else "summary"), list)
    if kind in ("function_call", "function_call_output", "local_shell_call", "custom_tool_call"):
        return "call_id" in record
    return "record_type" in record or {"id", "timestamp", "instructions"} <= record.keys()


def _is_gemini_stream(record: Record, kind: str) -> bool:
    return {
        "init": "session_id" in record,
        "message": "role" in record and isinstance(record.get("content"), str),
        "tool_use": "tool_name" in record,
        "tool_result": "tool_id" in record,
        "result": "status" in record and ("stats" in record or "error" in record),
        "error": "severity" in record,
    }.get(kind, False)


def _is_gemini_session(record: Record, kind: str) -> bool:
    return "projectHash" in record or ("$set" in record and not kind)


def _is_opencode_run(record: Record, kind: str) -> bool:
    return "sessionID" in record and ("part" in record or kind in ("error", "done"))


def _is_opencode_serve(record: Record, kind: str) -> bool:
    inner = obj(record, "payload") or record
    return "properties" in inner and "." in text(inner, "type")


def _is_opencode_parts(record: Record, kind: str) -> bool:
    return bool(kind) and "_role" in record


def _is_build_event(record: Record, kind: str) -> bool:
    return isinstance(record.get("event"), dict) and "projectId" in record and "sessionId" in record


def _is_ai_sdk(record: Record, kind: str) -> bool:
    return kind in _AI_SDK and not record.keys() & {"session_id", "sessionID", "sessionId", "properties"}


_AI_SDK = frozenset({
    "start", "start-step", "finish-step", "text-start", "text-delta", "text-end", "reasoning-start", "reasoning-delta",
    "tool-input-start", "tool-input-delta", "tool-input-available", "tool-output-available", "tool-call",
    "tool-result",
})  # fmt: skip

_SIGNS: dict[str, Callable[[Record, str], bool]] = {
    "claude-stream": _is_claude_stream,
    "claude-session": _is_claude_session,
    "codex-hooks": _is_codex_hook,
    "gemini-hooks": _is_gemini_hook,
    "claude-hooks": _is_hook,
    "codex-exec": _is_codex_exec,
    "codex-rollout": _is_codex_rollout,
    "gemini-stream": _is_gemini_stream,
    "gemini-session": _is_gemini_session,
    "opencode-run": _is_opencode_run,
    "opencode-serve": _is_opencode_serve,
    "opencode-parts": _is_opencode_parts,
    "build-events": _is_build_event,
    "ai-sdk": _is_ai_sdk,
}

READERS: dict[str, Callable[[], Reader]] = {
    "auto": lambda: AutoReader(""),
    "claude": lambda: AutoReader("claude"),
    "claude-stream": ClaudeStream,
    "claude-session": ClaudeSession,
    "claude-hooks": HookLines,
    "codex": lambda: AutoReader("codex"),
    "codex-exec": CodexExec,
    "codex-rollout": CodexRollout,
    "codex-hooks": lambda: HookLines("codex"),
    "gemini": lambda: AutoReader("gemini"),
    "gemini-stream": GeminiStream,
    "gemini-session": GeminiSession,
    "gemini-hooks": lambda: HookLines("gemini"),
    "opencode": lambda: AutoReader("opencode"),
    "opencode-run": OpencodeRun,
    "opencode-serve": OpencodeServe,
    "opencode-parts": OpencodeParts,
    "ai-sdk": AiSdk,
    "build-events": BuildEvents,
}
"""By the name that `--format` takes. A family's name decides between its formats by itself."""


def format_of(record: Record) -> str:
    """The format that one record gives away; "" when it could belong to several or to none."""
    kind = text(record, "type")
    return next((name for name in _SIGNS if _SIGNS[name](record, kind)), "")


def detect(head: bytes, wanted: str = "") -> str:
    """The format's name in READERS. Raises UnknownFormat, which says what was seen instead."""
    detector = _Detector(wanted)
    found = detector.feed(head) or detector.finish()
    if not found:
        raise detector.refusal()
    return found


class _Detector:
    """Looks at records until one gives the format away. `wanted`: a format or a family of them, "" for any."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._lines = JsonLines(Counts())
        self._head = b""
        self._seen: dict[str, None] = {}

    def feed(self, data: bytes) -> str:
        """Raises UnknownFormat when it is another one than wanted."""
        self._head += data[: _HEAD - len(self._head)]
        if bare(self._head).startswith((b"{\n", b"{\r\n")):
            return self._checked("gemini-session") if b'"projectHash"' in self._head else ""
        return self._found(self._lines.feed(data))

    def finish(self) -> str:
        return self._found(self._lines.finish())

    def _found(self, records: Iterable[Record]) -> str:
        for record in records:
            if self._wanted in _SIGNS and _is_readable_as(self._wanted, record):
                return self._wanted
            found = format_of(record)
            if found:
                return self._checked(found)
            if len(self._seen) < _SHOWN:
                self._seen[_shown(record)] = None
        return ""

    def _checked(self, found: str) -> str:
        if found.startswith(self._wanted):
            return found
        raise UnknownFormat(f"the input is {found}, not {self._wanted}{self._known()}")

    def _known(self) -> str:
        """Between which formats it was."""
        names = [name for name in _SIGNS if name.startswith(self._wanted)]
        return f". Known formats: {', '.join(names)}" if len(names) > 1 else ""

    def refusal(self) -> UnknownFormat:
        if self._seen:
            what = "its first records are " + "; ".join(self._seen)
        elif self._head.strip():
            line = self._head.strip().splitlines()[0][:80].decode("utf-8", "replace")
            broken = "its first record is cut or broken" if line.startswith("{") else "its first line is no JSON"
            what = f"{broken}: {line!r}"
        else:
            what = "it is empty"
        problem = (
            f"the input is not {self._wanted}" if self._wanted in _SIGNS else "cannot tell the format of the input"
        )
        return UnknownFormat(f"{problem}: {what}{self._known()}")


def _is_readable_as(name: str, record: Record) -> bool:
    """Hooks of several agents look the same."""
    kind = text(record, "type")
    return _SIGNS[name](record, kind) or (name.endswith("-hooks") and _is_hook(record, kind))


_HEAD = 4096
_SHOWN = 8


def _shown(record: Record) -> str:
    kind = text(record, "type") or text(obj(record, "msg"), "type")
    return f"type {kind[:40]!r}" if kind else "an object with " + ", ".join(repr(key[:20]) for key in list(record)[:5])


class AutoReader:
    """A reader that finds out the format from what it is fed, then hands over.

    `wanted`: a format, or a family of them, that the input is expected to be in; any other is refused.
    """

    def __init__(self, wanted: str = "") -> None:
        self.counts = Counts()
        self.wanted = wanted
        self.format = ""
        self._detector = _Detector(wanted)
        self._held: list[bytes] = []
        self._size = 0
        self.inner: Reader | None = None

    def feed(self, data: bytes) -> list[Reported]:
        """Raises UnknownFormat once LOOK_AHEAD bytes of whole lines, or one line too long, gave nothing away."""
        if self.inner is not None:
            return self.inner.feed(data)
        self._held.append(data)
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
            found = self._detector.finish()
            if not found:
                raise self._detector.refusal()
            reports = self._decided(found)
        return reports + (self.inner.finish() if self.inner is not None else [])

    def _decided(self, name: str) -> list[Reported]:
        self.format = name
        self.inner = READERS[name]()
        self.counts = self.inner.counts
        held, self._held = b"".join(self._held), []
        return self.inner.feed(held)
