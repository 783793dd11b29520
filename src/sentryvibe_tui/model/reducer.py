"""The one place that says what an event means: `reduce` decides its updates, `apply` carries them out.

A state is a fold of `apply` over the log, on the server, in a watcher, in a replay and in a test alike.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Raw
from msgspec.structs import asdict, replace

from .activity import OVER, Activity, Turn
from .events import (
    About,
    ActivityReported,
    BuildEvent,
    BuildStarted,
    Ignored,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolReturned,
    ToolStarted,
    UsageReported,
)
from .facts import (
    AgentReported,
    AutoFixReported,
    BackgroundMoved,
    BuildEnded,
    CodexReported,
    InputNeeded,
    Noticed,
    PlanReported,
    RequestOpened,
    RequestResolved,
    SummaryReported,
    TurnEnded,
)
from .hook_dedup import is_duplicate_of_hook
from .questions import open_question, plan_in
from .requests import closed, following, is_in_background, needed, opened, with_message, with_request, without_request
from .spending import spent, with_usage
from .standing import settled
from .state import (
    OPEN_STATES,
    PLANNING,
    TODO_TOOLS,
    Agent,
    AutoFix,
    BuildState,
    Item,
    Level,
    Millis,
    Note,
    Phase,
    ToolCall,
    ToolState,
    note_key,
    tool_key,
)
from .todos import active_index, apply_todos, items_of, todo_at
from .turns import build_ended, completing, goes_on, moved, reported, turn_ended, worked
from .updates import (
    ActivityChanged,
    BuildBegan,
    Entry,
    TextChanged,
    TodoCompleted,
    TodosChanged,
    ToolChanged,
    Update,
    UsageChanged,
)

NOTE_LIMIT = 64 * 1024
"""Characters of one note; longer text goes on in a next one, so that adding to it stays cheap."""

RULES = 4
"""To be raised when `apply` makes another state of the same log: the store then begins a new epoch."""

UNKNOWN_TOOL = "unknown"


# --------------------------------------------------------------------------- deciding


def reduce(state: BuildState, event: BuildEvent, at: Millis, about: About) -> tuple[BuildState, Entry | None]:
    """What `event` does to `state`. None when it changes nothing: it then gets no version."""
    if is_duplicate_of_hook(state, event, at):
        return state, None
    decided = tuple(_decide(state, event, at))
    updates = (*_beginning(state, event, at, about, bool(decided)), *decided)
    if not updates:
        return state, None
    entry = Entry(state.version + 1, at, updates)
    after = apply(state, entry)
    if more := (*following(state, after, event, at), *completing(state, after, at)):
        entry = replace(entry, updates=(*updates, *more))
        after = apply(state, entry)
    if after.activity is not state.activity:
        entry = replace(entry, updates=_with_activity(entry.updates, after.activity))
    return after, entry


def _with_activity(updates: tuple[Update, ...], activity: Activity) -> tuple[Update, ...]:
    """The activity that comes out of an entry stands in it, last, for readers that do not fold."""
    said = ActivityChanged(activity)
    return updates if updates[-1] == said else (*updates, said)


def _beginning(state: BuildState, event: BuildEvent, at: Millis, about: About, changes: bool) -> Iterable[Update]:
    """A build begins with its first event, and goes on after its end when its agent shows activity (that `changes` it).

    The envelope's metadata fills in what is unknown; only the agent's own report changes what is known.
    """
    if isinstance(event, Ignored):
        return
    goes = (changes or isinstance(event, BuildStarted)) and goes_on(state, event, at)
    if not state.id or (goes and not state.is_active):
        yield BuildBegan(about.build_id, about.session_id, about.project_id)
    elif goes and state.activity.kind in ("idle", "waiting-machine"):
        yield ActivityChanged(Activity("working", at))
    unknown = {name: said for name, said in asdict(about.agent).items() if said and not getattr(state.agent, name)}
    if unknown and not isinstance(event, AgentReported):
        yield AgentReported(Agent(**unknown))


def _decide(state: BuildState, event: BuildEvent, at: Millis) -> Iterable[Update]:
    match event:
        case BuildStarted() | Ignored():
            return ()
        case AgentReported(agent):
            news = _news(state.agent, agent)
            return () if news is None else (AgentReported(news),)
        case TodosReported():
            return _todos(state, event)
        case ToolStarted():
            return (*_tool_started(state, event, at), *_planned(state, event))
        case ToolEnded():
            return _tool_ended(state, event, at)
        case TextAdded():
            return _text(state, event)
        case UsageReported():
            return spent(state, event, at)
        case CodexReported(codex):
            return (event,) if _codex_merged(state.codex, codex) != state.codex else ()
        case PlanReported(text):
            return (event,) if text and text != state.plan else ()
        case SummaryReported(text):
            return (event,) if text and text != state.summary else ()
        case AutoFixReported(autofix):
            return (event,) if autofix != state.autofix else ()
        case Noticed():
            return (event,)
        case InputNeeded(message):
            return needed(state, message, at) if not message or _can_ask(state, event, at) else ()
        case RequestOpened(request):
            return opened(state, request, at) if _can_ask(state, event, at) else ()
        case RequestResolved():
            return closed(state, event)
        case BackgroundMoved():
            return moved(state, event, at)
        case ActivityReported():
            return reported(state, event, at)
        case TurnEnded():
            return turn_ended(state, event, at)
        case BuildEnded():
            return build_ended(state, event, at)


def _can_ask(state: BuildState, event: BuildEvent, at: Millis) -> bool:
    """An ended build asks nothing, unless it goes on by that."""
    return state.is_active or goes_on(state, event, at)


def _todos(state: BuildState, event: TodosReported) -> Iterable[Update]:
    known = state.list_of(event.phase)
    same = items_of(known) == event.todos
    if same and state.phase == event.phase and (known or not event.call_id or event.call_id in state.todo_calls):
        return ()
    return (TodosChanged(event.todos, active_index(known, event.todos), event.phase, event.call_id),)


def _tool_started(state: BuildState, event: ToolStarted, at: Millis) -> Iterable[Update]:
    if event.id in state.todo_calls or event.name in TODO_TOOLS:
        return
    known = state.tool(event.id)
    opened: ToolState = "input-streaming" if event.input is None else "input-available"
    if known is None:
        index = state.active_todo if event.todo_index is None else event.todo_index
        yield _tool_changed(state, event, index, opened)
    elif known.is_open or known.state == "interrupted":
        fresh = event.input is not None and event.input != known.input
        reopened = not known.is_open and (state.is_active or goes_on(state, event, at))
        if fresh or event.name != known.name or reopened or _is_placed(event, known):
            yield _tool_changed(state, event, PLANNING, opened)
    elif (known.input is None and event.input is not None) or _is_placed(event, known):
        yield _tool_changed(state, event, PLANNING, known.state)


def _planned(state: BuildState, event: ToolStarted) -> Iterable[Update]:
    """A call that asks a person to approve a plan brings it."""
    known, text = state.tool(event.id), plan_in(event.name, event.input)
    is_new = known is None or known.input is None
    return (PlanReported(text),) if is_new and text and text != state.plan else ()


def _tool_ended(state: BuildState, event: ToolEnded, at: Millis) -> Iterable[Update]:
    if event.id in state.todo_calls or event.name in TODO_TOOLS:
        return
    known = state.tool(event.id)
    if known is not None and known.background and _is_told_end(known, event, at):
        return
    if known is not None and known.is_open and at < (known.moved_at or 0):
        yield _tool_changed(state, event, PLANNING, known.state)  # what it answered before it was seen to go on
        return
    if known is not None and isinstance(event, ToolReturned) and known.state in _ENDS:
        if _is_placed(event, known):
            yield _tool_changed(state, replace(event, output=None), PLANNING, known.state)
        return
    closed: ToolState = "error" if event.is_error else "output-available"
    if known is None:
        index = state.active_todo if event.todo_index is None else event.todo_index
        yield _tool_changed(state, event, index, closed)
    elif known.state != closed or known.output != event.output or _is_placed(event, known):
        yield _tool_changed(state, event, PLANNING, closed)


_ENDS: frozenset[ToolState] = frozenset({"error", "output-available"})


def _is_told_end(known: ToolCall, event: ToolEnded, at: Millis) -> bool:
    """Whether it is the answer by which a call went to the background, told again by another source."""
    if known.is_open:
        return event.output is not None and event.output == known.output
    return at < (known.ended_at or 0)


def _is_placed(event: ToolStarted | ToolEnded, known: ToolCall) -> bool:
    """Whether this source, other than the one before, tells of which subagent the call is."""
    return bool(event.parent_id) and not known.parent_id


def _tool_changed(state: BuildState, event: ToolStarted | ToolEnded, index: int, new: ToolState) -> ToolChanged:
    """`index` counts only for a call not seen before; a known one keeps its todo (docs/protocol.md#merge-rule)."""
    known = state.tool(event.id)
    phase, index = (state.phase, index) if known is None else place_of(state, known.todo)
    name = event.name or (known.name if known else UNKNOWN_TOOL)
    if isinstance(event, ToolStarted):
        size = event.input_bytes
        return ToolChanged(
            event.id,
            name,
            index,
            new,
            phase,
            input=event.input,
            input_bytes=size,
            clipped=size > 0,
            parent_id=event.parent_id,
        )
    size = event.output_bytes
    return ToolChanged(
        event.id,
        name,
        index,
        new,
        phase,
        output=event.output,
        output_bytes=size,
        clipped=size > 0,
        parent_id=event.parent_id,
    )


def place_of(state: BuildState, key: int) -> tuple[Phase, int]:
    """Phase and index of a todo now; (current phase, -1) when it is in no list."""
    if key != PLANNING:
        for phase in (state.phase, "template" if state.phase == "build" else "build"):
            for index, todo in enumerate(state.list_of(phase)):
                if todo.key == key:
                    return phase, index
    return state.phase, PLANNING


def _text(state: BuildState, event: TextAdded) -> Iterable[Update]:
    index = state.active_todo if event.todo_index is None else event.todo_index
    phase, parent, parts = state.phase, event.parent_id, _parts(state, event.id)
    chunks = [event.text[start : start + NOTE_LIMIT] for start in range(0, len(event.text), NOTE_LIMIT)]
    if event.whole:
        for number, chunk in enumerate(chunks):
            known = state.note(_part(event.id, number))
            if known is None or known.text != chunk:
                yield TextChanged(_part(event.id, number), chunk, index, event.kind, True, phase, parent)
        for number in range(len(chunks), parts):
            yield TextChanged(_part(event.id, number), "", index, event.kind, True, phase, parent)
        return
    last = state.note(_part(event.id, max(0, parts - 1)))
    at = parts if last is None or len(last.text) + len(event.text) > NOTE_LIMIT else parts - 1
    for number, chunk in enumerate(chunks, start=at):
        yield TextChanged(_part(event.id, number), chunk, index, event.kind, False, phase, parent)


def _parts(state: BuildState, note_id: str) -> int:
    count = 0
    while note_key(_part(note_id, count)) in state.positions:
        count += 1
    return count


def _part(note_id: str, number: int) -> str:
    return note_id if number == 0 else f"{note_id}~{number + 1}"


def _news(known: Agent, incoming: Agent) -> Agent | None:
    """The fields of `incoming` that say something new; None when there are none."""
    if incoming == known:
        return None
    old = asdict(known)
    news = {name: value for name, value in asdict(incoming).items() if value and value != old[name]}
    return Agent(**news) if news else None


# --------------------------------------------------------------------------- applying


def apply(state: BuildState, entry: Entry) -> BuildState:
    """`state` after `entry`. An entry at or below the state's version is a repeat and changes nothing."""
    if entry.version and entry.version <= state.version:
        return state
    for update in entry.updates:
        state = _apply(state, update, entry.at)
    state = replace(
        state,
        version=entry.version or state.version,
        last_event_at=max(entry.at, state.last_event_at or entry.at),
        requests=state.requests if entry.version else open_question(state),
        worked_at=worked(state, entry.updates, entry.at),
    )
    return settled(state, entry.at)


def _apply(state: BuildState, update: Update, at: Millis) -> BuildState:
    match update:
        case ToolChanged():
            return _apply_tool(state, update, at)
        case TextChanged():
            return _apply_text(state, update, at)
        case TodosChanged():
            return apply_todos(state, update, at)
        case TodoCompleted(index):
            return _apply_todo_completed(state, index, at)
        case BuildBegan():
            return _apply_began(state, update, at)
        case BuildEnded():
            return _apply_ended(state, update, at)
        case AgentReported(agent):
            return replace(state, agent=merged_agent(state.agent, agent))
        case UsageChanged():
            return with_usage(state, update)
        case CodexReported(codex):
            return replace(state, codex=_codex_merged(state.codex, codex))
        case PlanReported(text):
            return replace(state, plan=text)
        case SummaryReported(text):
            return replace(state, summary=text)
        case InputNeeded(message):
            return with_message(state, message, at)
        case RequestOpened(request):
            return with_request(state, request)
        case RequestResolved(ident):
            return without_request(state, ident)
        case BackgroundMoved():
            return _apply_moved(state, update, at)
        case TurnEnded():
            return _apply_turn_ended(state, update, at)
        case ActivityChanged(activity):
            return replace(state, activity=activity, turn=None if activity.kind == "working" else state.turn)
        case Noticed(message, level):
            return _noticed(state, message, level, at)
        case AutoFixReported(autofix):
            return replace(_noticed(state, autofix_words(autofix), "warning", at), autofix=autofix)


def _noticed(state: BuildState, message: str, level: Level, at: Millis) -> BuildState:
    note = Note(f"notice-{len(state.timeline)}", "notice", message, PLANNING, at, level)
    return with_item(state, note_key(note.id), note)


def autofix_words(autofix: AutoFix) -> str:
    """`auto-fix, attempt 2 of 3: the error`."""
    of = f" of {autofix.attempts}" if autofix.attempts else ""
    attempt = f", attempt {autofix.attempt}{of}" if autofix.attempt else ""
    return f"auto-fix{attempt}" + (f": {autofix.error}" if autofix.error else "")


def merged_agent(known: Agent, incoming: Agent) -> Agent:
    """What is known, with the non-empty fields of `incoming`."""
    news = _news(known, incoming)
    return known if news is None else Agent(**(asdict(known) | {k: v for k, v in asdict(news).items() if v}))


def _codex_merged(known: Raw | None, incoming: Raw) -> Raw:
    """Keys of the incoming object replace those known; a null never does."""
    old = msgspec.json.decode(known, type=dict[str, Raw]) if known is not None else {}
    new = {key: value for key, value in msgspec.json.decode(incoming, type=dict[str, Raw]).items() if value != _NULL}
    return Raw(msgspec.json.encode(old | new, order="sorted"))


_NULL = Raw(b"null")


def _apply_began(state: BuildState, update: BuildBegan, at: Millis) -> BuildState:
    if state.id == update.build_id:
        state = _with_calls_again(state) if state.activity.source == "silence" else state
        activity = Activity("working", at) if state.activity.kind in OVER else state.activity
        return replace(state, status="active", ended_at=None, error="", activity=activity)
    return BuildState(
        id=update.build_id,
        project_id=update.project_id,
        session_id=update.session_id,
        started_at=at,
        agent=Agent(project_name=state.agent.project_name),
    )


def _with_calls_again(state: BuildState) -> BuildState:
    """The end was silence taken for one: the calls that it closed are under way."""
    end = len(state.timeline)
    for position in range(end - 1, max(-1, end - 1 - _WITHIN), -1):
        call = state.timeline[position]
        if isinstance(call, ToolCall) and call.state == "interrupted" and call.ended_at == state.ended_at:
            state = with_tool(state, call, replace(call, state="input-available", ended_at=None))
    return state


_WITHIN = 256


def _apply_ended(state: BuildState, update: BuildEnded, at: Millis) -> BuildState:
    state = _without_calls(state, state.open_tools, at)
    return replace(
        state,
        status=update.outcome,
        ended_at=at,
        summary=update.summary or state.summary,
        error=update.error or state.error,
        requests=(),
        turn=None,
    )


def _apply_turn_ended(state: BuildState, update: TurnEnded, at: Millis) -> BuildState:
    state = _without_calls(state, state.open_tools - state.in_background, at)
    requests = tuple(one for one in state.requests if is_in_background(state, one))
    return replace(state, requests=requests, turn=Turn(update.outcome, update.summary, update.error))


def _without_calls(state: BuildState, calls: frozenset[str], at: Millis) -> BuildState:
    """`state` with `calls` interrupted."""
    for tool_id in calls:
        tool = state.tool(tool_id)
        if tool is not None:
            state = with_item(state, tool_key(tool_id), replace(tool, state="interrupted", ended_at=at))
    return replace(state, open_tools=state.open_tools - calls, in_background=state.in_background - calls)


def _apply_moved(state: BuildState, update: BackgroundMoved, at: Millis) -> BuildState:
    known = state.tool(update.id)
    call = known or ToolCall(update.id, update.name or UNKNOWN_TOOL, started_at=at, parent_id=update.parent_id)
    is_open = state.is_active
    call = replace(
        call,
        state="input-available" if is_open else "interrupted",
        ended_at=None if is_open else at,
        background=True,
        moved_at=at if call.moved_at is None else min(at, call.moved_at),
        task=update.what or call.task,
        until=update.until or call.until,
    )
    return with_tool(state, known, call)


def _apply_todo_completed(state: BuildState, index: int, at: Millis) -> BuildState:
    todos = state.current_todos
    if not 0 <= index < len(todos) or todos[index].status == "completed":
        return state
    done = replace(todos[index], status="completed", ended_at=at, started_at=todos[index].started_at or at)
    changed = (*todos[:index], done, *todos[index + 1 :])
    return replace(state, **{"template_todos" if state.phase == "template" else "todos": changed})


def _apply_tool(state: BuildState, update: ToolChanged, at: Millis) -> BuildState:
    if update.name in TODO_TOOLS:
        return state
    known = state.tool(update.id)
    tool = _first_seen(state, update, at) if known is None else _seen_again(known, update, at)
    if tool.is_open and not state.is_active:
        tool = replace(tool, state="interrupted", ended_at=at)
    return with_tool(state, known, tool)


def with_tool(state: BuildState, known: ToolCall | None, tool: ToolCall) -> BuildState:
    """`state` with `tool` in place of `known`, and its counts right."""
    errors = state.error_count + (tool.state == "error") - (known is not None and known.state == "error")
    return replace(
        with_item(state, tool_key(tool.id), tool),
        open_tools=_having(state.open_tools, tool.id, tool.is_open),
        in_background=_having(state.in_background, tool.id, tool.is_open and tool.background),
        tool_count=state.tool_count + (known is None),
        error_count=errors,
    )


def _having(ids: frozenset[str], ident: str, is_in: bool) -> frozenset[str]:
    if (ident in ids) == is_in:
        return ids
    return ids | {ident} if is_in else ids - {ident}


def _first_seen(state: BuildState, update: ToolChanged, at: Millis) -> ToolCall:
    return ToolCall(
        id=update.id,
        name=update.name,
        todo=todo_at(state, update.phase, update.todo_index),
        state=update.state,
        input=update.input,
        output=update.output,
        input_bytes=update.input_bytes,
        output_bytes=update.output_bytes,
        clipped=update.clipped,
        started_at=at,
        ended_at=None if update.state in OPEN_STATES else at,
        parent_id=update.parent_id,
    )


def _seen_again(known: ToolCall, update: ToolChanged, at: Millis) -> ToolCall:
    """A finished call is not reopened by a repeated start; a new end updates it (docs/protocol.md#merge-rule)."""
    opens = update.state in OPEN_STATES
    stays = opens and not known.is_open and known.state != "interrupted"
    ends = (not opens and update.output is not None) or (not opens and update.state != known.state)
    return replace(
        known,
        name=update.name if known.name == UNKNOWN_TOOL or not known.name else known.name,
        state=known.state if stays else update.state,
        input=known.input if update.input is None else update.input,
        output=known.output if update.output is None else update.output,
        input_bytes=update.input_bytes if update.input is not None else known.input_bytes,
        output_bytes=update.output_bytes if update.output is not None else known.output_bytes,
        clipped=update.clipped or known.clipped,
        ended_at=at if ends else (known.ended_at if stays or not opens else None),
        parent_id=known.parent_id or update.parent_id,
    )


def _apply_text(state: BuildState, update: TextChanged, at: Millis) -> BuildState:
    known = state.note(update.id)
    if known is None:
        todo = todo_at(state, update.phase, update.todo_index)
        note = Note(update.id, update.kind, update.text, todo, at)
    else:
        note = replace(known, text=update.text if update.whole else known.text + update.text)
    return with_item(state, note_key(update.id), note)


def with_item(state: BuildState, key: str, item: Item) -> BuildState:
    """`state` with `item` at the place of `key`, or at the end of the timeline when it is new."""
    position = state.positions.get(key)
    if position is not None:
        return replace(state, timeline=state.timeline.set(position, item))
    position = len(state.timeline)
    return replace(state, timeline=state.timeline.set(position, item), positions=state.positions.set(key, position))
