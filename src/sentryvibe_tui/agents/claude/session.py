"""Claude Code's session files, `~/.claude/projects/<folder>/<session>.jsonl` and their subagents'
(docs/agents.md#claude-code-session-files)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ...model.events import ActivityReported, BuildEvent, BuildStarted, ToolStarted, UsageReported
from ...model.facts import AgentReported
from ...model.state import Millis
from ...wire.json import plain
from ..common.json_lines import JsonLines
from ..common.reader import Counts, Reported, reports_of
from ..common.spending import Call, Spending
from ..common.turn_end import as_event
from ..common.values import Record, as_object, obj, objects, text, time
from .background import is_notification
from .messages import Conversation, model_of, words
from .spent import context_percent, settle, tokens_of
from .stream import notice_of
from .tasks import TaskLists
from .tools import AGENT, SUBAGENT_TOOLS
from .turn_end import ClaudeTurn

_QUIET = frozenset(
    {
        "file-history-snapshot",
        "file-history-delta",
        "progress",
        "queue-operation",
        "agent-name",
        "agent-setting",
        "agent-color",
        "permission-mode",
        "mode",
        "last-prompt",
        "pr-link",
        "bridge-session",
        "atis-latch",
        "tag",
        "worktree-state",
        "content-replacement",
        "marble-origami-commit",
        "speculation-accept",
        "saved_hook_context",
        "artifact-autoreact-ledger",
        "artifact-comment-monitor",
        "frame-link",
        "tools-used",
        "api-request",
        "api-request-shape",
        "api-request-blob",
    }
)
_QUIET_SYSTEM = frozenset(
    {
        "stop_hook_summary",
        "turn_duration",
        "local_command",
        "away_summary",
        "informational",
        "bridge_status",
        "microcompact_boundary",
        "task_notification",
        "init",
        "memory_saved",
        "agents_killed",
        "scheduled_task_fire",
        "permission_retry",
    }
)
_TITLES = {"ai-title": "aiTitle", "custom-title": "customTitle", "summary": "summary"}


class ClaudeSession:
    """One file: one build. With `parent_id`, the file of the subagent that this call runs: tools and text only.

    `lists`: the session's todo list, which its subagents change too.
    """

    def __init__(self, parent_id: str = "", lists: TaskLists | None = None) -> None:
        self.counts = Counts()
        self._lines = JsonLines(self.counts)
        self._parent_id = parent_id
        self._session = ""
        self._talk = Conversation(lists)
        self._asides = _Asides()
        self._alone: bool | None = None
        self._started = bool(parent_id)
        self._title = ""
        self._summaries: dict[str, str] = {}
        self.turn = ClaudeTurn()
        self._spending = Spending()

    def feed(self, data: bytes) -> list[Reported]:
        return reports_of(self._lines.feed(data), self._read, self.counts)

    def finish(self) -> list[Reported]:
        reports = reports_of(self._lines.finish(), self._read, self.counts)
        left_out = self.counts.left_out()
        if left_out is not None:
            reports.append(Reported(left_out, None, self._session))
        if not self._parent_id:
            reports.append(Reported(as_event(self.turn.end), None, self._session))
        return reports

    def _read(self, record: Record) -> Iterator[Reported]:
        at = time(record)
        self._session = self._session or text(record, "sessionId")
        for event in self._events(record):
            if not self._started:
                self._started = True
                yield Reported(BuildStarted(), at, self._session)
            if not (self._parent_id and isinstance(event, AgentReported)):
                yield Reported(event, at, self._session)

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind = text(record, "type")
        if kind in ("user", "assistant"):
            yield from self._message(kind, record)
        elif kind == "attachment":
            yield from self._queued(obj(record, "attachment"), text(record, "uuid"))
        elif kind == "queue-operation" and text(record, "operation") == "enqueue":
            yield from self._woken(text(record, "content"))
        elif kind == "cost-state":
            if settle(self._spending, record):
                yield UsageReported(self._spending.usage(), whole=True)
        elif kind in _TITLES:
            yield from self._named(text(record, _TITLES[kind]), text(record, "leafUuid"))
        elif kind == "system":
            self.turn.read(record)
            notice = notice_of(record)
            if notice is not None:
                yield notice
            elif text(record, "subtype") not in _QUIET_SYSTEM:
                self.counts.add_unknown(f"system/{text(record, 'subtype')}")
        elif kind not in _QUIET:
            self.counts.add_unknown(kind or "no type")

    @property
    def lists(self) -> TaskLists:
        """The session's todo list."""
        return self._talk.lists

    @property
    def is_main(self) -> bool:
        """Whether this is the session's own file, not a subagent's."""
        return not self._parent_id

    def _named(self, title: str, leaf: str) -> Iterator[BuildEvent]:
        """A summary at the head of a file is of the session that its leaf belongs to, which may be another one."""
        if leaf and not self._started:
            self._summaries[leaf] = title
            return
        self._title = title
        if self._session:
            yield from self._talk.titled(title)

    def _message(self, kind: str, record: Record) -> Iterator[BuildEvent]:
        message, uuid = obj(record, "message"), text(record, "uuid")
        self._talk.lists.now = time(record)
        if record.get("forkedFrom"):
            self._talk.inherited(message, record.get("toolUseResult"))
            return
        self._title = self._summaries.pop(uuid, "") or self._title
        is_sidechain = record.get("isSidechain") is True
        if self._alone is None:
            self._alone = is_sidechain
        parent = self._parent_id or ("" if self._alone or not is_sidechain else self._asides.parent_of(record))
        main = not is_sidechain or self._alone
        if main:
            was_over = self.turn.end is not None
            self.turn.read(record)
            by_itself = is_notification(words(message)) or (self.turn.end is None and record.get("isMeta") is True)
            if was_over and kind == "user" and by_itself:
                yield ActivityReported("working", source="file")
            yield from self._agent_report(record, message)
            yield from self._talk.titled(self._title)
        if kind == "user":
            own = main and record.get("isMeta") is not True and record.get("isCompactSummary") is not True
            yield from self._talk.user(message, uuid, record.get("toolUseResult"), parent, own)
            return
        for event in self._talk.assistant(message, uuid, parent):
            if isinstance(event, ToolStarted) and event.name in SUBAGENT_TOOLS:
                self._asides.called(event.id, _prompt_of(message, event.id))
            yield event
        yield from self._spent(message, text(record, "requestId"), time(record), parent or self._parent_id)

    def _spent(self, message: Record, request: str, at: Millis | None, parent: str) -> Iterator[BuildEvent]:
        """A message repeats on each of its lines what it used; a request that was tried again has the same message."""
        call = Call(model_of(message), tokens_of(obj(message, "usage")), at)
        usage = self._spending.add(f"{text(message, 'id')} {request}", call) if text(message, "id") else None
        if usage is not None:
            percent = None if parent else context_percent(call.model, call.tokens.input)
            yield UsageReported(replace(usage, context_percent=percent))

    def _queued(self, attachment: Record, uuid: str) -> Iterator[BuildEvent]:
        """What a person typed while the agent worked comes as an attachment only."""
        if text(attachment, "commandMode") == "task-notification":
            yield from self._talk.notified(words({"content": attachment.get("prompt")}))
        elif text(attachment, "type") == "queued_command" and text(attachment, "commandMode") in ("prompt", ""):
            yield from self._talk.user({"content": attachment.get("prompt")}, uuid, None)

    def _woken(self, prompt: str) -> Iterator[BuildEvent]:
        """The end of a task in the background is told at once; with it the agent begins a turn, if it is at none."""
        ends = list(self._talk.notified(prompt))
        if ends and self.turn.end is not None:
            self.turn.goes_on()
            yield ActivityReported("working", source="file")
        yield from ends

    def _agent_report(self, record: Record, message: Record) -> Iterator[BuildEvent]:
        agent = self._talk.agent
        yield from self._talk.agent_report(
            replace(
                agent,
                agent_id=AGENT,
                model=model_of(message) or agent.model,
                cwd=text(record, "cwd") or agent.cwd,
                version=text(record, "version") or agent.version,
                branch=_branch_of(record) or agent.branch,
            )
        )


def _branch_of(record: Record) -> str:
    """`HEAD` stands for none: the directory is no repository, or on a commit without a branch."""
    branch = text(record, "gitBranch")
    return "" if branch == "HEAD" else branch


class _Asides:
    """Which call an inline record of a subagent belongs to: the first one repeats its prompt, the others follow."""

    def __init__(self) -> None:
        self._prompts: dict[str, list[str]] = {}
        self._records: dict[str, str] = {}
        self._agents: dict[str, str] = {}
        self._last = ""

    def called(self, call_id: str, prompt: str) -> None:
        calls = self._prompts.setdefault(prompt, [])
        if call_id not in calls:
            calls.append(call_id)
        self._last = call_id

    def parent_of(self, record: Record) -> str:
        agent_id = text(record, "agentId")
        parent = self._agents.get(agent_id) if agent_id else None
        parent = parent or self._records.get(text(record, "parentUuid"))
        parent = parent or self._next_of(words(obj(record, "message"))) or self._last
        self._records[text(record, "uuid")] = parent
        if agent_id:
            self._agents[agent_id] = parent
        return parent

    def _next_of(self, prompt: str) -> str:
        """The call with that prompt; of several each conversation takes its own."""
        calls = self._prompts.get(prompt, [])
        return "" if not calls else calls.pop(0) if len(calls) > 1 else calls[0]


def _prompt_of(message: Record, call_id: str) -> str:
    blocks = (block for block in objects(message, "content") if text(block, "id") == call_id)
    return next((text(obj(block, "input"), "prompt") for block in blocks), "").strip()


def subagent_prompt(event: BuildEvent) -> str:
    """What a call of a subagent asks of it; "" for any other event. The subagent's file begins with the same words."""
    if not isinstance(event, ToolStarted) or event.name not in SUBAGENT_TOOLS or event.input is None:
        return ""
    return text(as_object(plain(event.input)), "prompt").strip()


def first_prompt(head: bytes) -> str:
    """The words that the first record of a subagent's file begins with; "" when it is not there yet."""
    for record in JsonLines(Counts()).feed(head):
        if text(record, "type") == "user":
            return words(obj(record, "message"))
    return ""
