"""What Copilot CLI asks a person, and how it tells the answer."""

from __future__ import annotations

from ...model.activity import Option, Request, RequestKind
from ...model.facts import RequestResolved
from ...model.questions import permission
from ..common.values import Record, as_list, as_object, obj, text, value

_KINDS: dict[str, RequestKind] = {
    "permission": "permission",
    "user_input": "question",
    "elicitation": "form",
    "exit_plan_mode": "plan",
}
_WORDS = ("fullCommandText", "fileName", "path", "url", "toolTitle", "toolName", "subject", "fact", "intention")
"""Members of a permission's request that say what for, the most telling first."""


def kind_by_event(event: str) -> RequestKind | None:
    """Of `permission.requested` and its kin; None for other events."""
    return _KINDS.get(event.partition(".")[0])


def opened_request(kind: RequestKind, data: Record, tool: str) -> Request:
    """`tool`: the name of its call, "" when that is not known."""
    about = obj(data, "permissionRequest") or data
    call, ident = text(about, "toolCallId") or text(data, "toolCallId"), text(data, "requestId")
    if kind == "permission":
        name = tool or text(about, "kind")
        words = next((text(about, key) for key in _WORDS if text(about, key)), "")
        shown = value({"command" if "fullCommandText" in about else "path": words} if words else {})
        return Request(ident, kind, permission(name, shown), name, call, value(about), reason=text(about, "intention"))
    title = text(data, "question") or text(data, "message") or text(data, "summary") or "a question"
    labels = tuple(str(choice) for choice in as_list(data.get("choices")))
    return Request(ident, kind, _with_choices(title, labels), tool, call, value(data), _options(labels))


def asked_by_call(call_id: str, name: str, arguments: Record) -> Request | None:
    """The question that a call of `ask_user` is: a message, and the form of its answer as a JSON schema."""
    message = text(arguments, "message")
    if name != "ask_user" or not message:
        return None
    fields = obj(obj(arguments, "requestedSchema"), "properties").values()
    labels = tuple(str(label) for field in fields for label in as_list(as_object(field).get("enum")))
    kind: RequestKind = "question" if len(fields) <= 1 else "form"
    title = _with_choices(message, labels if kind == "question" else ())
    return Request(call_id, kind, title, name, call_id, value(arguments), _options(labels))


def answer_of(data: Record) -> RequestResolved:
    result = obj(data, "result")
    decision = text(result, "kind") or text(data, "decision") or text(result, "action")
    return RequestResolved(text(data, "requestId"), decision=decision, origin=text(data, "decisionSource"))


def _with_choices(title: str, labels: tuple[str, ...]) -> str:
    return f"{title} ({', '.join(labels)})" if labels else title


def _options(labels: tuple[str, ...]) -> tuple[Option, ...]:
    return tuple(Option(label, label) for label in labels)
