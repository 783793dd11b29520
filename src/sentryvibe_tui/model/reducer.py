"""The one place that says what an event means: `reduce` decides its updates, `apply` carries them out.

A state is a fold of `apply` over the log, on the server, in a watcher, in a replay and in a test alike.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import asdict, replace

from .activity import Activity
from .builds import apply_began, apply_ended, apply_turn_ended
from .calls import apply_call, apply_moved, call_ended, call_started, plan_of
from .events import (
    About,
    ActivityReported,
    BuildEvent,
    BuildStarted,
    Ignored,
    TextAdded,
    TodosReported,
    ToolEnded,
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
from .metadata import agent_news, is_same_model, merged_agent, merged_codex
from .notes import apply_text, autofix_words, text_added, with_notice
from .questions import open_question
from .requests import closed, following, is_in_background, needed, opening, with_message, with_request, without_request
from .spending import usage_changes, with_usage, without_context
from .standing import settled
from .state import (
    Agent,
    BuildState,
    Millis,
)
from .todos import apply_todo_completed, apply_todos, todos_reported
from .turns import build_ended, completing, goes_on, last_work, moved, reported, turn_ended
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

RULES = 5
"""To be raised when `apply` makes another state of the same log: the store then begins a new epoch."""


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
            news = agent_news(state.agent, agent)
            return () if news is None else (AgentReported(news),)
        case TodosReported():
            return todos_reported(state, event)
        case ToolStarted():
            return (*call_started(state, event, at), *plan_of(state, event))
        case ToolEnded():
            return call_ended(state, event, at)
        case TextAdded():
            return text_added(state, event)
        case UsageReported():
            return usage_changes(state, event, at)
        case CodexReported(codex):
            return (event,) if merged_codex(state.codex, codex) != state.codex else ()
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
            return opening(state, request, at) if _can_ask(state, event, at) else ()
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
    """An ended build asks nothing, unless it goes on by that; after a turn only what goes on in the background does."""
    if goes_on(state, event, at):
        return True
    of_background = isinstance(event, RequestOpened) and is_in_background(state, event.request)
    return state.is_active and (state.turn is None or of_background)


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
        worked_at=last_work(state, entry.updates, entry.at),
    )
    return settled(state, entry.at)


def _apply(state: BuildState, update: Update, at: Millis) -> BuildState:
    match update:
        case ToolChanged():
            return apply_call(state, update, at)
        case TextChanged():
            return apply_text(state, update, at)
        case TodosChanged():
            return apply_todos(state, update, at)
        case TodoCompleted(index):
            return apply_todo_completed(state, index, at)
        case BuildBegan():
            return apply_began(state, update, at)
        case BuildEnded():
            return apply_ended(state, update, at)
        case AgentReported(agent):
            now = merged_agent(state.agent, agent)
            same = is_same_model(state.agent.model, now.model)
            return replace(state if same else without_context(state), agent=now)
        case UsageChanged():
            return with_usage(state, update)
        case CodexReported(codex):
            return replace(state, codex=merged_codex(state.codex, codex))
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
            return apply_moved(state, update, at)
        case TurnEnded():
            return apply_turn_ended(state, update, at)
        case ActivityChanged(activity):
            return replace(state, activity=activity, turn=None if activity.kind == "working" else state.turn)
        case Noticed(message, level):
            return with_notice(state, message, level, at)
        case AutoFixReported(autofix):
            return replace(with_notice(state, autofix_words(autofix), "warning", at), autofix=autofix)
