"""Everything a key can do: each action once, with its keys, its place in the footer and its help."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace
from textual.binding import Binding, BindingType

ActionScope = Literal["both", "screen", "overview", "rows"]
"""Where an action is offered: on both screens, that of one build, that of all agents, in any list."""


class Action(Struct, frozen=True):
    """`name` is Textual's action, or `part.method` of the build screen; `keys` comma-separated; `footer` the rank in
    the footer, 0 for none.

    `pane` is the only one that it is about, wherever the reader is; `overview_help` replaces the help where the rows
    are agents.
    """

    name: str
    keys: str
    title: str
    help: str
    scope: ActionScope = "screen"
    footer: int = 0
    palette: bool = True
    pane: str = ""
    overview_help: str = ""

    @property
    def ident(self) -> str:
        """`next-error`: how the config file names it."""
        return self.title.replace(" ", "-")

    @property
    def call(self) -> str:
        """As Textual is told: `search.next_error(1)` goes through the build screen's one action for its parts."""
        part, _, method = self.name.partition(".")
        if not method or part not in PARTS:
            return self.name
        name, _, values = method.rstrip(")").partition("(")
        return f"do({part!r}, {name!r}{', ' + values if values else ''})"

    @property
    def aim(self) -> str:
        """The same, called from elsewhere."""
        return self.call if self.call.startswith("app.") else f"screen.{self.call}"


PARTS = ("panes", "search", "history", "presenter", "export")
"""Of the build screen: what does most of what keys ask for."""


ACTIONS = (
    Action(
        "quit", "q", "quit", "Leave; the exit status says how the build ended", "both", footer=1, overview_help="Leave"
    ),
    Action("help", "question_mark", "help", "All keys", "both", footer=2),
    Action("watchers", "W", "who watches", "Who watches the server, from where, and what they lack", "both"),
    Action("app.share", "S", "share", "Lend somebody a link to the build, or its project, for a while", "both"),
    Action("app.command_palette", "ctrl+p,colon", "commands", "Find any action by its name", "both", 9, palette=False),
    Action("app.next_waiting", "exclamation_mark", "next that waits", "To the next agent that waits for you", "both"),
    Action("panes.next_pane", "tab", "pane", "Go to the next pane", footer=7, palette=False),
    Action("panes.next_pane(-1)", "shift+tab", "previous pane", "Go to the previous pane", palette=False),
    Action("pane('todos')", "1", "todos", "Go to the todos"),
    Action("pane('stream')", "2", "stream", "Go to the stream"),
    Action("pane('inspector')", "3", "inspector", "Go to the inspector: the row under the cursor in full"),
    Action("pane('timeline')", "4", "timeline", "Go to the timeline: when each todo was worked on; enter goes to it"),
    Action("pane('tools')", "5", "tools", "Go to the calls by kind; enter opens the slowest of a kind"),
    Action("pane('builds')", "6,B", "builds", "Go to the project's builds; enter shows one of them"),
    Action("pane('files')", "D,7", "files", "Go to the files that were changed; enter shows what changed in one"),
    Action("panes.plan", "P", "plan", "Read what the agent planned to do"),
    Action("panes.zoom", "z", "zoom", "Show the focused pane alone, or all panes again"),
    Action("back", "escape", "back", "Leave the pane, then the search, then the filter; then follow", palette=False),
    Action("search", "slash", "search", "Search texts, inputs and outputs of the whole build", footer=4, pane="stream"),
    Action("next_hit", "n", "next hit", "Next place that holds what is searched for, or the next build", pane="stream"),
    Action("search.next_hit(-1)", "N", "previous hit", "Previous place that holds what is searched for", pane="stream"),
    Action(
        "search.hits_only",
        "m",
        "only hits",
        "Show only what holds the searched text, or everything again",
        pane="stream",
    ),
    Action(
        "search.next_filter",
        "f",
        "filter",
        "Show all, errors, tools or text in the stream, or all of it in full",
        footer=5,
        pane="stream",
    ),
    Action(
        "panes.turn('verbose')", "v", "verbose", "Show reasoning and outputs in the stream, or fold them", pane="stream"
    ),
    Action("panes.turn('wraps')", "w", "wrap", "Wrap long lines of the stream, or cut them", pane="stream"),
    Action(
        "panes.turn('stamped')", "T", "timestamps", "Show the time before each row of the stream, or not", pane="stream"
    ),
    Action("presenter.mark", "M", "mark", "Put a line with the time under what came so far", pane="stream"),
    Action("search.next_error(-1)", "e", "next error", "Go to the newest error, then to the ones before it", footer=6),
    Action("search.next_error(1)", "E", "previous error", "From an error towards the newer ones"),
    Action("panes.follow_all", "F", "follow", "Follow what is new in all panes", footer=10),
    Action("export.scrollback", "s", "scrollback", "Show the stream as plain text in the terminal itself, then return"),
    Action("export.copy", "y", "copy row", "Copy the row under the cursor: command, text or output"),
    Action(
        "export.menu", "c", "copy", "Choose what to copy: the row, its input, output, command, or the log", footer=12
    ),
    Action("export.pager", "t", "full text", "Read the whole call or text under the cursor in $PAGER"),
    Action("export.edit", "o", "open file", "Open the file of the call under the cursor in $EDITOR"),
    Action(
        "export.save", "ctrl+s", "save log", "Write what the stream shows to a file of your state folder, and name it"
    ),
    Action("app.suspend_process", "ctrl+z", "suspend", "Back to the shell; fg returns", "both", palette=False),
    Action(
        "history.older", "left_square_bracket,p", "older build", "Show the project's build before this one", footer=11
    ),
    Action("history.newer", "right_square_bracket", "newer build", "Show the build after this one; the newest is live"),
    Action("history.live", "L", "live", "Back to the newest build, and follow it"),
    Action("presenter.retry", "r", "retry link", "Try the link again at once"),
    Action("terminal", "g", "terminal", "Go to the terminal in which the agent runs", "overview", 4),
    Action("find", "slash", "find", "Show only rows that hold what you type: project, agent, state …", "overview", 5),
    Action(
        "back", "escape", "back", "Drop the filter, close the fold, hide the hidden ones", "overview", palette=False
    ),
    Action("group", "s", "group by", "Group by state, project, agent or host", "overview", 6),
    Action("pin", "space", "pin", "Pin the agent on top, or no longer; on the fold: open it", "overview", 8),
    Action("hide", "h", "hide", "Hide the agent, or show it again", "overview", 10),
    Action("show_hidden", "H", "hidden ones", "Show what is hidden, too, or no longer", "overview"),
    Action("rename", "R", "rename", "Give the agent a name of your own; none gives its own back", "overview", 11),
    Action("copy", "y", "copy row", "Copy what the agent asks or does", "overview"),
    Action("copy_menu", "c", "copy", "Choose what to copy: the question, its folder, its session", "overview", 12),
    Action("folder", "o", "open folder", "Open the agent's folder in $EDITOR", "overview", 13),
    Action(
        "toggle_details", "v", "details", "Show what is under the cursor in full below the list, or not", "overview"
    ),
    Action("retry", "r", "retry link", "Try the links again at once", "overview"),
    Action("up", "k,up", "up", "One row up", "rows", palette=False),
    Action("down", "j,down", "down", "One row down", "rows", palette=False),
    Action("page(-0.5)", "ctrl+u", "half a page up", "Half a page up", "rows", palette=False),
    Action("page(0.5)", "ctrl+d", "half a page down", "Half a page down", "rows", palette=False),
    Action("page(-1)", "pageup,ctrl+b", "page up", "One page up", "rows", palette=False),
    Action("page(1)", "pagedown,ctrl+f", "page down", "One page down", "rows", palette=False),
    Action("first", "g,home", "first", "To the first row", "rows", palette=False),
    Action(
        "last",
        "G,end",
        "last",
        "To the last row, and follow what is new",
        "rows",
        palette=False,
        overview_help="To the last row",
    ),
    Action(
        "screen.inspect",
        "enter",
        "open",
        "Open the row: a call in the inspector, a todo unfolds",
        "rows",
        footer=3,
        overview_help="Open the build, esc leads back to its row; on the fold: open it",
    ),
    Action("fold", "space", "fold", "Fold or unfold the row", "rows", palette=False),
    Action(
        "fold(True)",
        "l,right",
        "unfold",
        "Unfold the row",
        "rows",
        palette=False,
        overview_help="Show those that ended",
    ),
    Action(
        "fold(False)",
        "h,left",
        "close",
        "Fold the row, or go to the todo above",
        "rows",
        palette=False,
        overview_help="Fold away those that ended",
    ),
)

_KEY_SYMBOLS = {
    "question_mark": "?",
    "exclamation_mark": "!",
    "colon": ":",
    "slash": "/",
    "escape": "esc",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}


def bindings(scope: ActionScope) -> list[BindingType]:
    """Textual's bindings of the actions of a scope; the id is `Action.ident`. Those of both screens belong to each."""
    return [
        _binding(action) for action in ACTIONS if action.scope == scope or (scope != "rows" and action.scope == "both")
    ]


def list_bindings() -> list[BindingType]:
    """Those of a list in the overview, whose own keys mean something else there."""
    return [_binding(action) for action in offered(ACTIONS, "overview") if action.scope == "rows"]


def _binding(action: Action) -> Binding:
    return Binding(action.keys, action.call, action.title, show=False, id=action.ident, tooltip=action.help)


def offered(actions: Sequence[Action], screen: Literal["screen", "overview"]) -> tuple[Action, ...]:
    """The actions that there are on a screen, in its words; keys of its own are not those of its lists."""
    screen_keys = {key for action in actions if action.scope == screen for key in action.keys.split(",")}
    left = [(action, [key for key in action.keys.split(",") if key not in screen_keys]) for action in actions]
    return tuple(
        replace(
            action,
            keys=",".join(keys) if action.scope == "rows" else action.keys,
            help=action.overview_help if screen == "overview" and action.overview_help else action.help,
        )
        for action, keys in left
        if action.scope in ("both", screen) or (action.scope == "rows" and keys)
    )


def key_name(key: str) -> str:
    return _KEY_SYMBOLS.get(key, key)


def keys_of(action: Action) -> str:
    """`j ↓`."""
    return " ".join(key_name(key) for key in action.keys.split(","))


def spelled(keys: str) -> str:
    """Arrows in words, for terminals that have none."""
    return " ".join(
        {symbol: key for key, symbol in _KEY_SYMBOLS.items() if not symbol.isascii()}.get(key, key)
        for key in keys.split(" ")
    )


def in_footer(
    actions: Sequence[Action] = ACTIONS, first: Sequence[str] = (), opens: str = "", idle: Container[str] = ()
) -> Iterator[tuple[Action, str]]:
    """What the footer shows, with its title, most important first; before all others the actions `first`, by ident.

    `opens`: what `open` does where the reader is; `idle`: actions that would do nothing now.
    """
    foremost = [action for ident in first for action in actions if action.ident == ident]
    ranked = sorted((action for action in actions if action.footer), key=lambda action: action.footer)
    for action in (*foremost, *(action for action in ranked if action not in foremost)):
        if action.ident not in idle:
            yield action, opens if opens and action.ident == "open" else action.title


def usable_keys(keys: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Keys from a config file (`{"next-error": "x,?"}`) as Textual names them, and what is wrong with the others.

    An unknown action, no key at all, or a key that has another meaning: told in a sentence, and the usual keys stand.
    """
    usual = {action.ident: action.keys.split(",") for action in ACTIONS}
    problems = [f"keys: no action is called {name!r}{_nearest(name, usual)}" for name in keys if name not in usual]
    rebindings = {name: [_key(key) for key in text.split(",")] for name, text in keys.items() if name in usual}
    for name in [name for name, pressed in rebindings.items() if not all(pressed)]:
        problems.append(f"keys: {name} = {keys[name]!r} names no key")
        del rebindings[name]
    for scopes in (("both", "screen", "rows"), ("both", "overview", "rows")):
        _drop_conflicts({action.ident for action in ACTIONS if action.scope in scopes}, usual, rebindings, problems)
    return {name: ",".join(pressed) for name, pressed in rebindings.items()}, problems


def _drop_conflicts(
    idents: set[str], usual: Mapping[str, list[str]], rebindings: dict[str, list[str]], problems: list[str]
) -> None:
    """Of the actions on one screen (`idents`) none takes another's key: what does is told and leaves `rebindings`."""
    owners: dict[str, str] = {}
    for name in [*(name for name in usual if name not in rebindings), *rebindings]:
        if name not in idents:
            continue
        pressed = rebindings.get(name, usual[name])
        conflict = next((key for key in pressed if owners.get(key, name) != name), None)
        if conflict is None or name not in rebindings:
            owners |= {key: name for key in pressed if key not in owners}
        else:
            problems.append(f"keys: {key_name(conflict)!r} means {owners[conflict]} already, so not {name}")
            del rebindings[name]
            owners |= {key: name for key in usual[name] if key not in owners}


def rebound(keys: Mapping[str, str]) -> tuple[Action, ...]:
    """The actions with the reader's own keys."""
    return tuple(replace(action, keys=keys.get(action.ident, action.keys)) for action in ACTIONS)


def _key(text: str) -> str:
    """A key as Textual names it: `?` is `question_mark`."""
    from .internals import key_named

    text = text.strip()
    return key_named(text) if len(text) == 1 else text


def _nearest(name: str, names: Iterable[str]) -> str:
    import difflib  # only to report a mistake

    near = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else "; ? on the screen lists them"
