"""What the terminal is told beside the picture: its title, a bell, a notification of the desktop. Pure.

OSC 2 sets the title, OSC 9 (iTerm2, kitty, WezTerm, Windows Terminal) and OSC 777 (urxvt, foot, Ghostty) notify.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from ..model.attention import AttentionEvent
from ..model.progress import progress
from ..model.questions import asked_words
from ..model.state import BuildState
from ..model.text import clean_line
from ..report.words import UNICODE, Glyphs, build_mark, request_words, status_mark

PUSH_TITLE, POP_TITLE = "\x1b[22;2t", "\x1b[23;2t"
BELL = "\x07"


class Notices(Struct, frozen=True):
    """Which of them the reader wants."""

    title: bool = True
    bell: bool = True
    desktop: bool = True


NO_NOTICES = Notices(title=False, bell=False, desktop=False)


def window_title(state: BuildState, project: str, glyphs: Glyphs = UNICODE) -> str:
    """`◐ 4/8 todo-app`; a question mark while the agent waits for a person, a dotted circle while for a machine."""
    name = clean_line(state.agent.project_name or project, 60)
    if not state.id:
        return name
    mark = build_mark(state.status, state.activity, glyphs).glyph
    far = progress(state)
    return " ".join(part for part in (mark, f"{far.done}/{far.total}" if far.total else "", name) if part)


def notice_text(events: Sequence[AttentionEvent]) -> str:
    """What a reader who looks elsewhere should hear of, in one line; "" when it is nothing."""
    texts = [_event_words(event) for event in events]
    return texts[0] if len(texts) == 1 else f"{len(texts)} agents: {', '.join(texts)}" if texts else ""


def _event_words(event: AttentionEvent) -> str:
    name = clean_line(event.build.project_name or event.build.project_id, 60)
    if event.kind == "needs-input":
        requests = event.build.requests
        asked = (one for one in requests if clean_line(asked_words(one.title), len(event.text)) == event.text)
        words = next((request_words(one.title, one.tool) for one in asked), event.text)
        return f"{name} needs you: {clean_line(words, 120)}"
    return f"{name} {status_mark(event.kind).word}"


def title_sequence(title: str) -> str:
    return f"\x1b]2;{clean_line(title, 120)}\x07"


def notice_sequence(text: str, environment: Mapping[str, str]) -> str:
    text = clean_line(text, 200).replace(";", ",")
    sequence = (
        f"\x1b]777;notify;sentryvibe-tui;{text}\x07" if "foot" in environment.get("TERM", "") else f"\x1b]9;{text}\x07"
    )
    return wrapped(sequence, environment)


def wrapped(sequence: str, environment: Mapping[str, str]) -> str:
    """`sequence` so that tmux hands it on to the terminal outside."""
    if environment.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence
