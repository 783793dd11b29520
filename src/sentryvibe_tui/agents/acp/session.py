"""One session of the Agent Client Protocol: what is said in it, as events of a build."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ...model.events import BuildEvent, BuildStarted, TextAdded, TodosReported, UsageReported
from ...model.facts import AgentReported, BuildEnded, RequestOpened, TurnEnded
from ...model.state import Agent, NoteKind
from ...model.usage import Usage
from ..common.reader import Counts
from ..common.values import Record, as_list, count, flat, number, obj, objects, text, title_of
from .calls import AcpCalls, form_of, permission_of, todos_of

_CUT = {
    "max_tokens": "the model was cut at its token limit",
    "max_turn_requests": "too many requests in one turn",
    "refusal": "the model refused to go on",
}
_QUIET = frozenset({"available_commands_update", "current_mode_update", "plan_removed", "user_message_chunk"})
"""What a person said is in the request that said it."""


class AcpSession:
    """`notes`: a beginning for the ids of its texts, so that a session that is taken up again gets other ones."""

    def __init__(self, agent: Agent, counts: Counts, terminals: dict[str, str], notes: str) -> None:
        self._agent, self._counts, self._notes = agent, counts, notes
        self._calls = AcpCalls(terminals)
        self._usage = Usage()
        self._note = 0
        self._growing = ""
        self.is_replayed = False
        """It is being loaded: what it tells happened before."""
        self._turn: TurnEnded | None = TurnEnded("completed")
        """How the last turn ended; None while there is one."""

    @property
    def directory(self) -> str:
        return self._agent.cwd

    def placed(self, cwd: str) -> Iterator[BuildEvent]:
        """Where it works, which may be told late."""
        return self.agent_report(replace(self._agent, cwd=cwd or self._agent.cwd))

    def began(self) -> Iterator[BuildEvent]:
        yield BuildStarted()
        yield AgentReported(self._agent)

    def agent_report(self, agent: Agent) -> Iterator[BuildEvent]:
        if agent != self._agent:
            self._agent = agent
            yield AgentReported(agent)

    def prompted(self, params: Record) -> Iterator[BuildEvent]:
        """A turn begins."""
        self._turn = None
        said = flat(as_list(params.get("prompt")))
        words = said if isinstance(said, str) else _texts(params)
        yield from self.agent_report(replace(self._agent, title=self._agent.title or title_of(words)))
        yield self._fresh(words or "(no text)", "prompt")

    def returned(self, response: Record) -> Iterator[BuildEvent]:
        """The turn is over."""
        result, error = obj(response, "result"), obj(response, "error")
        used = obj(result, "usage")
        if used:
            yield from self._used(_spent(self._usage, used))
        self._growing = ""
        self._turn = _turn_end(text(result, "stopReason"), error)
        yield self._turn

    def request(self, method: str, ident: str, params: Record) -> Iterator[BuildEvent]:
        """Something is asked of a person."""
        self._growing = ""
        if method == "session/request_permission":
            yield from self._calls.events(obj(params, "toolCall") | {"status": ""})
            yield RequestOpened(permission_of(ident, params))
        else:
            yield RequestOpened(form_of(ident, params))

    def updated(self, update: Record) -> Iterator[BuildEvent]:
        """`session/update`."""
        kind = text(update, "sessionUpdate")
        if kind in ("agent_message_chunk", "agent_thought_chunk"):
            if not self.is_replayed:
                yield from self._grew(update, "text" if kind == "agent_message_chunk" else "reasoning")
            return
        self._growing = ""
        if kind in ("tool_call", "tool_call_update"):
            if not self.is_replayed:
                yield from self._calls.events(update)
        elif kind in ("plan", "plan_update"):
            yield TodosReported(todos_of(update))
        elif kind == "usage_update":
            yield from self._used(_filled(self._usage, update))
        elif kind == "session_info_update":
            yield from self.agent_report(replace(self._agent, title=text(update, "title") or self._agent.title))
        elif kind == "config_option_update":
            yield from self.configured(update)
        elif kind not in _QUIET:
            self._counts.add_unknown(f"update {kind or 'of no kind'}")

    def configured(self, settings: Record) -> Iterator[BuildEvent]:
        """The model, from an answer to `session/new` or from changed options."""
        models = (text(option, "currentValue") for option in objects(settings, "configOptions") if _is_model(option))
        model = next(models, "") or text(obj(settings, "models"), "currentModelId")
        yield from self.agent_report(replace(self._agent, model=model or self._agent.model))

    def over(self, error: str = "") -> Iterator[BuildEvent]:
        """The session is closed, or its agent's process has ended: `error` says how, if not as it should."""
        if self._turn is None:
            yield BuildEnded("interrupted", error=error or "the session was closed")
        else:
            yield BuildEnded(self._turn.outcome, error=self._turn.error)

    def _grew(self, update: Record, kind: NoteKind) -> Iterator[BuildEvent]:
        """Text comes in pieces, which belong together until something else comes, or another message."""
        piece = flat([obj(update, "content")])
        if not isinstance(piece, str) or not piece:
            return
        own = f"{kind}:{text(update, 'messageId')}"
        if own == self._growing:
            yield TextAdded(f"{self._notes}{self._note}", piece, kind)
            return
        self._growing = own
        yield replace(self._fresh("", kind), whole=True)
        yield TextAdded(f"{self._notes}{self._note}", piece, kind)

    def _fresh(self, piece: str, kind: NoteKind) -> TextAdded:
        self._note += 1
        return TextAdded(f"{self._notes}{self._note}", piece, kind, whole=True)

    def _used(self, usage: Usage) -> Iterator[BuildEvent]:
        if usage != self._usage:
            self._usage = usage
            yield UsageReported(usage)


def _texts(params: Record) -> str:
    return "\n".join(text(block, "text") or text(block, "uri") for block in objects(params, "prompt"))


def _turn_end(reason: str, error: Record) -> TurnEnded:
    if error:
        return TurnEnded("failed", error=text(error, "message") or "error", source="stream")
    if reason == "cancelled":
        return TurnEnded("cancelled", source="stream")
    cut = _CUT.get(reason, "")
    return TurnEnded("failed" if cut else "completed", error=cut, source="stream")


def _filled(usage: Usage, update: Record) -> Usage:
    """How full the context is, and the session's cost so far."""
    used, size, cost = count(update, "used"), count(update, "size"), obj(update, "cost")
    percent = round(100 * used / size, 1) if size else usage.context_percent
    amount = number(cost, "amount") if text(cost, "currency") == "USD" else None
    return replace(usage, context_percent=percent, cost_usd=usage.cost_usd if amount is None else float(amount))


def _spent(usage: Usage, used: Record) -> Usage:
    """Totals of the session. Whether cached tokens are part of the input or stand beside it, the total tells."""
    fresh, out, total = count(used, "inputTokens"), count(used, "outputTokens"), count(used, "totalTokens")
    input_total = max(fresh, total - out - count(used, "thoughtTokens"))
    cached = count(used, "cachedReadTokens")
    thought = count(used, "thoughtTokens") or None
    return replace(
        usage, input_tokens=input_total, output_tokens=out, cache_read_tokens=cached, reasoning_tokens=thought
    )


def _is_model(option: Record) -> bool:
    return text(option, "category") == "model" or text(option, "id") == "model"
