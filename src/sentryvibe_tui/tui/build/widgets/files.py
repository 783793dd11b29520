"""The files that the build changed: by how many lines, how often, when last. Enter shows the differences of one."""

from __future__ import annotations

from msgspec import Struct

from ....agents.file_changes import FileChange, file_changes
from ....model.state import Millis, ToolCall
from ....report.words import clock, plural
from ...context import RenderContext
from ...lines import Line, fill
from ...widgets.rows import Rows
from ..tally import relative_path
from ..view import BuildView


class ChangedFile(Struct):
    """A file with its changes, oldest first, and when each was made."""

    path: str
    changes: list[tuple[Millis, FileChange]] = []
    added: int = 0
    removed: int = 0

    def take(self, at: Millis, change: FileChange) -> None:
        self.changes.append((at, change))
        self.added += change.added
        self.removed += change.removed


class Files(Rows):
    """One row per file, the one that was changed last on top."""

    def __init__(self, view: BuildView, context: RenderContext, **options: str) -> None:
        super().__init__(**options)
        self.view, self.context = view, context
        self.following = False
        self.files: list[ChangedFile] = []
        self._by_path: dict[str, ChangedFile] = {}
        self._edits: list[int] = []
        self._count = 0

    def renew(self) -> None:
        """Another build, or more changes of it: only the inputs of new calls are read."""
        if not self.display:
            return
        here = self.chosen
        edits = self.view.edits
        if self._edits is not edits:
            self._edits, self._by_path, self._count = edits, {}, 0
        for position in edits[self._count :]:
            self._take(position)
        self._count = len(edits)
        self.files = sorted(self._by_path.values(), key=lambda file: -file.changes[-1][0])
        self.reset(len(self.files), next((at for at, file in enumerate(self.files) if file is here), 0))

    def _take(self, position: int) -> None:
        call = self.view.state.timeline[position]
        if isinstance(call, ToolCall):
            for change in file_changes(call):
                path = relative_path(change.path, self.view.state.agent.cwd)
                self._by_path.setdefault(path, ChangedFile(path, [])).take(call.ended_at or 0, change)

    def tick(self) -> None:
        """A second went by."""
        if self._edits is not self.view.edits or self._count != len(self.view.edits):
            self.renew()
            self.post_message(self.Fitted())

    def come_back(self) -> None:
        self.renew()

    def refit(self) -> None:
        self.renew()
        super().refit()

    @property
    def at_end(self) -> bool:
        return False

    @property
    def chosen(self) -> ChangedFile | None:
        """The file under the cursor."""
        return self.files[self.cursor] if self.cursor < len(self.files) else None

    def foot(self) -> str:
        added, removed = sum(file.added for file in self.files), sum(file.removed for file in self.files)
        return f"{plural(len(self.files), 'file')}, +{added} -{removed}" if self.files else ""

    def lines_of(self, row: int, width: int) -> list[Line]:
        file = self.files[row]
        times = len(file.changes)
        tail: Line = [
            (f"{times}× " if times > 1 else "", "dim"),
            (f"+{file.added}".rjust(6), "good"),
            (f"-{file.removed}".rjust(6) if file.removed else " " * 6, "bad"),
            (f"  {clock(file.changes[-1][0] or None)}", "faint"),
        ]
        return [fill([(file.path, "subject")], tail, width)]

    def instead(self) -> list[Line]:
        return [[("No file was changed.", "dim")]] if self.view.state.id else []
