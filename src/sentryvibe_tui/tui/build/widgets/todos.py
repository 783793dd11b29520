"""The todo list: what is done, what is under way with its calls, what is to come."""

from __future__ import annotations

from ....agents.subject import error_line, first_line, subject
from ....model.state import PLANNING, Millis, Note, Todo, ToolCall
from ....model.text import clean_line
from ....report.words import DURATION_WIDTH, call_mark, duration, running_time, todo_mark
from ...context import RenderContext, call, changes, right, role
from ...lines import Line, fill, line_text
from ...prose import inline
from ...widgets.rows import Rows
from ..steps import Step
from ..tree import CODEX, DROPPED, PLANNED, TEMPLATE, CodexPhase, Node, codex_phases, nodes
from ..view import BuildView

NAMES = {PLANNED: "Planning", TEMPLATE: "Template", DROPPED: "Dropped", CODEX: "Codex phases"}


class Todos(Rows):
    """One line per row of the tree: todos, or where there are none turns and steps. It follows what is under way."""

    def __init__(self, view: BuildView, context: RenderContext, **options: str) -> None:
        super().__init__(**options)
        self.view, self.context = view, context
        self.folds: dict[int | str, bool] = {}
        self.nodes: list[Node] = []
        self._is_stale = False
        self._todos: dict[int, Todo] = {}
        self._phases: list[CodexPhase] = []

    # ----------------------------------------------------------------- following the view

    def renew(self) -> None:
        """Another build."""
        self.folds.clear()
        self.following = True
        self.nodes.clear()
        self.reset(0)
        self.rebuild()

    def come_back(self) -> None:
        if self._is_stale:
            self.rebuild()

    def rebuild(self, positions: set[int] | None = None) -> None:
        """The tree anew, as soon as it is on screen; the cursor stays on its row.

        `positions`: the only items that changed where they stand; without them everything may have.
        """
        self._is_stale = not self.display
        if self._is_stale:
            return
        state = self.view.state
        current = self.nodes[self.cursor][:2] if self.cursor < len(self.nodes) else None
        self._todos = {todo.key: todo for todo in (*state.todos, *state.template_todos, *state.dropped)}
        self._phases = codex_phases(state)
        before, self.nodes = self.nodes, nodes(self.view, self.folds)
        cursor = next((index for index, row in enumerate(self.nodes) if row[:2] == current), None)
        if positions is not None and len(before) == len(self.nodes) == len(self.heights) > 0:
            self._replace(before, cursor, positions)
        else:
            self.reset(len(self.nodes), cursor)

    def _replace(self, before: list[Node], cursor: int | None, positions: set[int]) -> None:
        """As many rows as before, each of one line: only those that may say something else are painted anew."""
        self._point(self.cursor if cursor is None else cursor)
        pairs = enumerate(zip(before, self.nodes, strict=True))
        self.repaint_rows({at for at, (old, new) in pairs if old != new or self._may_differ(new, positions)})
        if self.following:
            self.follow_end()

    def _may_differ(self, row: Node, positions: set[int]) -> bool:
        """What is no call always may; a call only when it changed, or one below it may have."""
        if row.kind not in ("tool", "tail"):
            return True
        call = self.view.state.timeline[int(row.ident)]
        return row.ident in positions or (isinstance(call, ToolCall) and call.id in self.view.children)

    def update(self, positions: set[int]) -> None:
        """Calls at `positions` changed where they stand."""
        self.repaint_rows({index for index, row in enumerate(self.nodes) if row.ident in positions})

    def tick(self) -> None:
        """A second went by: what is under way shows it."""
        self.repaint_rows({index for index, row in enumerate(self.nodes) if self._ticks(row)})

    def go_to(self, key: int) -> None:
        """To a todo, or to what was planned before any; it unfolds."""
        ident = PLANNED if key == PLANNING else key
        for group, todos in ((TEMPLATE, self.view.state.template_todos), (DROPPED, self.view.state.dropped)):
            if any(todo.key == key for todo in todos):
                self.folds[group] = True
        self.folds[ident] = True
        self.following = False
        self.rebuild()
        self.move(next((at for at, row in enumerate(self.nodes) if row.ident == ident), 0))

    def _ticks(self, row: Node) -> bool:
        if row.kind == "todo":
            todo = self._todos.get(row.ident)  # type: ignore[arg-type]
            return todo is not None and todo.status == "in_progress"
        if row.kind == "tool":
            tool = self.view.state.timeline[row.ident]  # type: ignore[index]
            return isinstance(tool, ToolCall) and tool.is_open
        if row.kind == "turn":
            return self.view.steps.turns[-1:] == [row.number] and self.view.state.is_active
        if row.kind == "step":
            return self._goes_on(row.number)
        return False

    def follow_end(self) -> None:
        """The end of what is under way, with its todo above it if both fit."""
        first, last = self._under_way()
        self._point(first)
        room = max(1, self._viewport)
        below = min(2, max(0, room - 3))
        lines = min(last + below, len(self.nodes) - 1)
        top = self.scroll_offset.y
        if lines >= top + room or first < top or self._highest < top:
            self._to(min(first, max(0, lines - room + 1)) if lines - first < room else lines - room + 1)

    def _under_way(self) -> tuple[int, int]:
        """Rows of the active todo: its own and the last one below it; of an ended build the first row."""
        state = self.view.state
        if not self.view.has_todos:
            return self._last_step()
        key = self._current_todo()
        first = next((at for at, row in enumerate(self.nodes) if row.ident == key and row.kind == "todo"), None)
        if first is None and state.is_active and any(row.kind == "turn" and row.open for row in self.nodes):
            return self._last_step()
        if first is None:
            unfolded = next((at for at, row in enumerate(self.nodes) if row.kind == "group" and row.open), None)
            if unfolded is None or not state.is_active:
                return 0, 0
            first = unfolded
        last = first
        while last + 1 < len(self.nodes) and self.nodes[last + 1].kind not in ("todo", "group", "turn"):
            last += 1
        return first, last

    def _last_step(self) -> tuple[int, int]:
        """Rows of the newest step and of its last call; of its turn where nothing was said."""
        last = max(0, len(self.nodes) - 1)
        begins = (at for at in range(last, -1, -1) if self.nodes[at].kind in ("step", "turn"))
        return (next(begins, 0), last) if self.nodes else (0, 0)

    def _current_todo(self) -> int | None:
        """The key of the todo under way."""
        state, todos = self.view.state, self.view.state.current_todos
        return todos[state.active_todo].key if state.is_active and 0 <= state.active_todo < len(todos) else None

    @property
    def at_end(self) -> bool:
        return False

    # ----------------------------------------------------------------- rows

    def lines_of(self, row: int, width: int) -> list[Line]:
        node = self.nodes[row]
        match node.kind:
            case "group":
                return [self._group(node, width)]
            case "todo":
                return [self._todo(node, width)]
            case "tool":
                return [self._tool(node, width)]
            case "tail":
                return [self._tail(node, width)]
            case "phase":
                return [self._phase(node, width)]
            case "turn" | "step":
                return [self._step(node, width)]
            case "earlier":
                lead = self._lead(node.depth + 1)
                count: Line = [(f"{self.context.glyphs.closed} {node.number} earlier", "fold")]
                if node.errors:
                    count.append((f"  {self.context.glyphs.failed}{node.errors}", "bad"))
                return [fill([*lead, *count], [], width)]

    def _lead(self, depth: int) -> Line:
        return [("  " * depth, "")]

    def _fold(self, *, is_open: bool, has: bool = True) -> str:
        glyphs = self.context.glyphs
        return (glyphs.open if is_open else glyphs.closed) + " " if has else "  "

    def _group(self, row: Node, width: int) -> Line:
        name = str(row.ident)
        state = self.view.state
        if name == PLANNED:
            group = self.view.group()
            tail = self._counts(len(group.positions), group.errors)
        elif name == CODEX:
            done = sum(phase.status == "completed" for phase in self._phases)
            tail = [(f"{done}/{len(self._phases)}", "dim")]
        else:
            todos = state.template_todos if name == TEMPLATE else state.dropped
            done = sum(todo.status == "completed" for todo in todos)
            tail = [(f"{done}/{len(todos)}" if name == TEMPLATE else str(len(todos)), "dim")]
        fold = self._fold(is_open=row.open)
        pad_right: Line = [(" " * (DURATION_WIDTH + 1), "")]
        return fill([(fold, "fold"), (f"{self.context.glyphs.dot} {NAMES[name]}", "dim")], [*tail, *pad_right], width)

    def _step(self, row: Node, width: int) -> Line:
        """A prompt, or what the agent text, and what came of it."""
        steps, state, glyphs = self.view.steps, self.view.state, self.context.glyphs
        step = steps.all[row.number]
        below = steps.below(row.number)
        together = [step, *(steps.all[place] for place in below)]
        calls, errors = sum(len(part.calls) for part in together), sum(part.errors for part in together)
        last = below[-1] if below else row.number
        goes_on = self._goes_on(last)
        end = steps.end(last, self.context.now() if goes_on else state.worked_at or state.last_event_at or step.at)
        if last + 1 < len(steps.all) and steps.all[last + 1].is_turn:
            end = self._last_sign(steps.all[last])
        took = (running_time if goes_on else duration)(max(0, end - step.at)) if step.at else ""
        note = state.timeline[step.note] if step.note is not None else None
        text = line_text(inline(first_line(note.text))) if isinstance(note, Note) else ""
        mark, tone = (glyphs.into, "accent") if step.is_turn else (glyphs.text, "dim")
        left: Line = [
            *self._lead(row.depth),
            (self._fold(is_open=row.open, has=calls > 0), "fold" if calls else ""),
            (glyphs.running if goes_on and not row.open else mark, "busy" if goes_on and not row.open else tone),
            (" ", ""),
            (text, "strong" if goes_on else "" if calls else "dim"),
        ]
        tail = [*self._counts(calls, errors), (" ", ""), right((took, "busy" if goes_on else "dim"), DURATION_WIDTH)]
        return fill(left, tail, width)

    def _last_sign(self, step: Step) -> Millis:
        """When the agent was last seen at a step after which it rested until the next prompt."""
        last = self.view.state.timeline[step.calls[-1]] if step.calls else None
        return max(step.at, last.ended_at or 0 if isinstance(last, ToolCall) else 0)

    def _goes_on(self, place: int) -> bool:
        """Whether a step is the one under way."""
        state = self.view.state
        return state.is_active and state.activity.kind == "working" and place == len(self.view.steps.all) - 1

    def _phase(self, row: Node, width: int) -> Line:
        phase, glyphs = self._phases[int(row.ident)], self.context.glyphs
        glyph, tone = {
            "active": (glyphs.running, "busy"),
            "completed": (glyphs.done, "good"),
            "blocked": (glyphs.failed, "bad"),
        }.get(phase.status, (glyphs.pending, "dim"))
        text = clean_line(phase.title or phase.description)
        left: Line = [
            *self._lead(row.depth),
            ("  ", ""),
            (glyph + " ", tone),
            (text, "strong" if tone == "busy" else "dim"),
        ]
        return fill(left, [], width)

    def _counts(self, tools: int, errors: int) -> Line:
        """How many calls, and how many of them failed."""
        failed: Line = [(f"{self.context.glyphs.failed}{errors} ", "bad")] if errors else []
        return [*failed, (str(tools).rjust(3), "dim")] if tools else [*failed, ("   ", "")]

    def _todo(self, row: Node, width: int) -> Line:
        todo = self._todos[int(row.ident)]
        ended = not self.view.state.is_active
        mark = todo_mark(todo.status, self.context.glyphs, ended=ended)
        current = todo.status == "in_progress" and not ended
        text = (todo.active_form if current else "") or todo.content
        group = self.view.group(todo.key)
        drift = {"added": self.context.glyphs.added, "renamed": self.context.glyphs.renamed, "": ""}[todo.drift]
        body = {"completed": "dim", "in_progress": "strong", "pending": ""}[todo.status]
        left: Line = [
            *self._lead(row.depth),
            (self._fold(is_open=row.open, has=bool(group.positions)), "fold" if group.positions else ""),
            (mark.glyph + " ", role(mark.tone)),
            (clean_line(text) or "(no text)", body),
            (f" {drift}" if drift else "", "accent"),
        ]
        took = self._took(todo)
        if not group.positions and not took[0]:
            return fill(left, [], width)
        tail = self._counts(len(group.positions), group.errors)
        return fill(left, [*tail, (" ", ""), right(took, DURATION_WIDTH)], width)

    def _took(self, todo: Todo) -> tuple[str, str]:
        if todo.started_at is None:
            return "", ""
        if todo.status == "completed":
            took = (todo.ended_at or todo.started_at) - todo.started_at
            return duration(took) if took else "", "dim"
        if not self.view.state.is_active:
            return "", ""
        return running_time(self.context.now() - todo.started_at), "busy"

    def _tool(self, row: Node, width: int) -> Line:
        tool = self.view.state.timeline[int(row.ident)]
        assert isinstance(tool, ToolCall)
        mark = call_mark(tool, self.view.state.requests, self.context.glyphs)
        about = subject(tool, self.view.state.agent.cwd)
        detail = changes(tool, about) if about.detail and len(about.detail) <= 16 else []
        if failed := self.view.failed_below(tool):
            detail = [(f"{self.context.glyphs.failed}{failed}", "bad")]
        left: Line = [
            *self._lead(row.depth + 1),
            (mark.glyph + " ", role(mark.tone)),
            *call(tool, about),
        ]
        elapsed = self.context.call_time(tool)
        tail: Line = [*detail, (" ", ""), right(elapsed, DURATION_WIDTH)] if detail or elapsed[0] else []
        return fill(left, tail, width)

    def _tail(self, row: Node, width: int) -> Line:
        tool = self.view.state.timeline[int(row.ident)]
        assert isinstance(tool, ToolCall)
        line = error_line(tool) or "failed"
        side = self.context.glyphs.side
        return fill([*self._lead(row.depth + 2), (side + " ", "faint"), (line, "bad")], [], width)

    # ----------------------------------------------------------------- keys

    def action_fold(self, is_open: bool | None = None) -> None:
        """Opens (True), closes (False) or turns the row under the cursor; closing a call closes its todo."""
        if not self.nodes:
            return
        row = self.nodes[self.cursor]
        if row.kind in ("tool", "tail") and is_open is False:
            kinds = ("todo", "group", "step", "turn")
            above = (at for at in range(self.cursor, -1, -1) if self.nodes[at].kind in kinds)
            self.move(next(above, 0))
            return
        if row.kind in ("group", "todo", "turn", "step") and is_open != row.open:
            self.folds[row.ident] = not row.open
        elif row.kind == "earlier" and is_open is not False:
            self.folds[PLANNED if row.ident == PLANNING else row.ident] = True
        else:
            return
        self.following = False
        self.rebuild()

    def unfolds(self, row: int) -> bool:
        return 0 <= row < len(self.nodes) and self.nodes[row].kind not in ("tool", "tail")

    def position_at(self, row: int) -> int | None:
        """The position in the timeline of the call or words in a row; None where there are none."""
        if 0 <= row < len(self.nodes) and self.nodes[row].kind in ("tool", "tail"):
            return int(self.nodes[row].ident)
        if 0 <= row < len(self.nodes) and self.nodes[row].kind in ("turn", "step"):
            return self.view.steps.all[self.nodes[row].number].note
        return None
