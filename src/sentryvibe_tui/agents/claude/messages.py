"""Messages of Claude Code, as its stream and its session files both carry them (docs/agents.md#claude-code)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from ...model.events import BuildEvent, TextAdded, ToolEnded, ToolStarted
from ...model.facts import AgentReported, BackgroundMoved, Noticed
from ...model.state import Agent, NoteKind
from ...model.text import clip_end
from ..common.values import EMPTY, Record, as_object, fingerprint, flat, obj, objects, text, title_of, value
from .background import Notification, background_task, notification_in
from .tasks import TaskLists
from .tools import TODO_TOOLS

SYNTHETIC = "<synthetic>"

_INTERRUPTED = "[Request interrupted by user"
_COMMAND = re.compile(r"<command-name>\s*(.*?)\s*</command-name>", re.DOTALL)
_ARGUMENTS = re.compile(r"<command-args>\s*(.*?)\s*</command-args>", re.DOTALL)
_MACHINE = ("<local-command", "<bash-", "<system-reminder", "<task-notification", "Caveat: ", "<user-prompt-submit")
_TEAMMATE = re.compile(r"<teammate-message[^>]*>\s*(.*?)\s*</teammate-message>", re.DOTALL)


class Conversation:
    """Turns messages into events. `uuid` is the record's own id: notes get theirs from it, so repeats are harmless."""

    def __init__(self, lists: TaskLists | None = None) -> None:
        self.agent = Agent()
        self._titled = False
        self.lists = TaskLists() if lists is None else lists
        self._background: dict[str, tuple[str, str]] = {}

    def agent_report(self, agent: Agent) -> Iterator[BuildEvent]:
        """Metadata, when it is news."""
        if agent != self.agent:
            self.agent = agent
            yield AgentReported(agent)

    def assistant(self, message: Record, uuid: str, parent_id: str = "", streamed: str = "") -> Iterator[BuildEvent]:
        """Text, reasoning and tool calls. `streamed`: the note that already shows this message's block as it grew."""
        for number, block in enumerate(_blocks(message)):
            kind = text(block, "type")
            own = f"{uuid}:{number}" if uuid else f"{kind}:{fingerprint(text(message, 'id'), _block_text(block))}"
            if kind == "text":
                yield from self._note(block, "text", own, streamed, parent_id)
            elif kind == "thinking":
                yield from self._note(block, "reasoning", own, streamed, parent_id)
            elif kind.endswith("tool_use"):
                yield from self._called(block, parent_id)
            elif kind.endswith("tool_result"):
                yield from self._returned(block, EMPTY, parent_id)

    def user(
        self, message: Record, uuid: str, result: Any, parent_id: str = "", own: bool = True
    ) -> Iterator[BuildEvent]:
        """Results of tools, and the prompts of a person (`own`: not an injected or a subagent's message)."""
        structured = as_object(result)
        for number, block in enumerate(_blocks(message)):
            kind = text(block, "type")
            if kind.endswith("tool_result"):
                yield from self._returned(block, structured, parent_id)
            elif kind == "text" and own and not parent_id:
                yield from self._prompt(text(block, "text"), f"{uuid}:{number}" if uuid else "")
        if own and not parent_id and is_picture(message):
            yield from self._prompt("<image>", f"{uuid}:image" if uuid else "")

    def inherited(self, message: Record, result: Any) -> None:
        """What a session was forked from is not its own; only the todo list goes on."""
        for block in _blocks(message):
            call_id, is_result = text(block, "tool_use_id"), text(block, "type").endswith("tool_result")
            if text(block, "name") in TODO_TOOLS:
                self.lists.started(text(block, "id"), text(block, "name"), obj(block, "input"), own=True)
            elif is_result and self.lists.has(call_id):
                said = flat(block.get("content"))
                failed = block.get("is_error") is True
                self.lists.ended(call_id, said if isinstance(said, str) else "", as_object(result), failed)

    def _note(self, block: Record, kind: NoteKind, own: str, streamed: str, parent_id: str) -> Iterator[BuildEvent]:
        words = text(block, "thinking" if kind == "reasoning" else "text")
        if words.strip():
            yield TextAdded(streamed or own, words, kind, whole=True, parent_id=parent_id)

    def _called(self, block: Record, parent_id: str) -> Iterator[BuildEvent]:
        call_id, name = text(block, "id"), text(block, "name")
        if not call_id:
            return
        if name in TODO_TOOLS:
            listed = self.lists.started(call_id, name, obj(block, "input"), own=not parent_id)
            if listed is not None:
                yield listed
            return
        yield ToolStarted(call_id, name or "unknown", value(block.get("input")), parent_id=parent_id)

    def _returned(self, block: Record, structured: Record, parent_id: str) -> Iterator[BuildEvent]:
        call_id = text(block, "tool_use_id")
        if not call_id:
            return
        content = flat(block.get("content"))
        is_error = block.get("is_error") is True or text(as_object(content), "type").endswith("_error")
        if self.lists.has(call_id):
            said = content if isinstance(content, str) else ""
            listed = self.lists.ended(call_id, said, structured, is_error)
            if listed is not None:
                yield listed
            return
        if task := background_task(structured):
            self._background[task] = (call_id, parent_id)
            yield BackgroundMoved(call_id, parent_id=parent_id)
            return
        yield ToolEnded(call_id, None if content is None else value(content), is_error, parent_id=parent_id)

    def notified(self, prompt: str) -> Iterator[BuildEvent]:
        """What the program tells the model of a task in the background: that it ended, and how."""
        notice = notification_in(prompt)
        if notice is not None:
            yield from self.ended(notice)

    def has_task(self, task: str) -> bool:
        """Whether that task runs in the background."""
        return task in self._background

    def goes_on(self, task: str, call_id: str, what: str = "") -> Iterator[BuildEvent]:
        """The call runs in the background, or is at something else there."""
        known, parent_id = self._background.setdefault(task, (call_id, ""))
        yield BackgroundMoved(known, clip_end(what, 200), parent_id=parent_id)

    def ended(self, notice: Notification) -> Iterator[BuildEvent]:
        call_id, parent_id = self._background.pop(notice.task, ("", "")) if notice.is_end else ("", "")
        if call_id:
            yield ToolEnded(call_id, value(notice.summary), notice.failed, parent_id=parent_id)

    def _prompt(self, prompt: str, note_id: str) -> Iterator[BuildEvent]:
        if prompt.startswith(_INTERRUPTED):
            yield Noticed("interrupted by the user", "warning")
            return
        yield from self.notified(prompt)
        prompt = prompt_words(prompt)
        if not prompt:
            return
        if not self._titled:
            yield from self.titled(title_of(prompt))
        yield TextAdded(note_id or f"prompt:{fingerprint(prompt)}", prompt, "prompt", whole=True)

    def titled(self, title: str) -> Iterator[BuildEvent]:
        if title and title != self.agent.title:
            self._titled = True
            self.agent = replace(self.agent, title=title)
            yield AgentReported(Agent(title=title))


def _block_text(block: Record) -> str:
    return text(block, "text") or text(block, "thinking")


def _blocks(message: Record) -> list[Record]:
    """Content is text or a list of blocks; text is one block."""
    content = message.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else objects(message, "content")


def is_local_command(prompt: str, names: tuple[str, ...] = ()) -> bool:
    """Whether `said` is a command that the program itself carries out: the model never hears of it.

    A command for the model begins with its message, a local one with its name. `names`: only these.
    """
    prompt = prompt.strip()
    if not prompt.startswith("<command-name>") or "<command-message>" not in prompt[:4000]:
        return False
    command = _COMMAND.search(prompt[:4000])
    return not names or (command is not None and command[1] in names)


def is_picture(message: Record) -> bool:
    """Whether pictures are all that a message holds."""
    kinds = {text(block, "type") for block in objects(message, "content")}
    return "image" in kinds and kinds <= {"image", "text"} and not words(message)


def words(message: Record) -> str:
    """The text of a message."""
    content = message.get("content")
    if isinstance(content, str):
        return content.strip()
    return "\n".join(text(block, "text") for block in objects(message, "content")).strip()


def prompt_words(prompt: str) -> str:
    """What a person or another agent said to the model: a command as typed, "" for what the program itself writes."""
    prompt = prompt.strip()
    if is_local_command(prompt):
        return ""
    command = _COMMAND.search(prompt[:4000])
    if command is not None and prompt.startswith("<command-"):
        arguments = _ARGUMENTS.search(prompt[:8000])
        return f"{command[1]} {arguments[1] if arguments else ''}".strip()
    teammate = _TEAMMATE.match(prompt)
    if teammate is not None:
        return "" if teammate[1].startswith("{") else teammate[1]
    return "" if prompt.startswith(_MACHINE) else prompt


def model_of(message: Record) -> str:
    """The model that wrote a message; "" for what the program made up itself."""
    model = text(message, "model")
    return "" if model == SYNTHETIC else model
