"""What the scripted model says: a play is a list of replies, a reply is a list of steps.

A prompt picks its play by a cue, `play:permission/7f3a`: the name, and after the slash one run of it.
"""

from __future__ import annotations

import msgspec


class Say(msgspec.Struct, frozen=True):
    """Words; with a `pace` they come in pieces, so many seconds apart."""

    text: str
    pace: float = 0.0


class Shell(msgspec.Struct, frozen=True):
    command: str
    background: bool = False
    asks: bool = False
    """Whether the agent must ask its user first."""


class Ask(msgspec.Struct, frozen=True):
    question: str
    options: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True):
    """The todo list as it stands now: `(text, pending | in_progress | completed)`."""

    todos: tuple[tuple[str, str], ...]


class Task(msgspec.Struct, frozen=True):
    """One task of an agent whose list grows and changes by single calls; with a `number` it changes."""

    text: str = ""
    number: int = 0
    status: str = ""


class Propose(msgspec.Struct, frozen=True):
    """A plan that waits for the user's word."""

    plan: str


class Delegate(msgspec.Struct, frozen=True):
    """A subagent that follows a play of its own."""

    title: str
    play: str
    background: bool = False


class Await(msgspec.Struct, frozen=True):
    """Waits for the subagent that was started last, where an agent has a tool for that."""


class Refuse(msgspec.Struct, frozen=True):
    """An HTTP error in place of the reply, so many times for each run of a play."""

    status: int
    times: int = 1


Step = Say | Shell | Ask | Plan | Task | Propose | Delegate | Await | Refuse


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one reply; `fresh` counts neither cache."""

    fresh: int = 1000
    output: int = 50
    cache_read: int = 2000
    cache_write: int = 300

    @property
    def whole_input(self) -> int:
        return self.fresh + self.cache_read + self.cache_write


USAGE = Usage()
COUNT = Shell("sleep 1; echo twelve")
STEPS = ("Read the parser", "Fix the date bug", "Run the tests")


def _plan(done: int) -> Plan:
    """The list when `done` of its steps are."""
    return Plan(
        tuple(
            (text, "completed" if at < done else "in_progress" if at == done else "pending")
            for at, text in enumerate(STEPS)
        )
    )


PLAYS: dict[str, list[list[Step]]] = {
    "done": [[Say("The parser is finished and its tests pass.")]],
    "permission": [
        [Say("The release needs a mark."), Shell("touch release.txt", asks=True)],
        [Say("The release is marked.")],
    ],
    "question": [
        [Say("One thing first."), Ask("Which color should the button have?", ("Red", "Blue"))],
        [Say("The button has its color.")],
    ],
    "plan": [[Propose("Rewrite the parser in two steps.")], [Say("The plan is carried out.")]],
    "todos": [[_plan(0)], [_plan(1)], [_plan(3)], [Say("All three steps are done.")]],
    "tasks": [
        [Task(text) for text in STEPS],
        [Task(number=1, status="completed"), Task(number=2, status="in_progress")],
        [Task(number=2, status="completed"), Task(number=3, status="completed")],
        [Say("All three steps are done.")],
    ],
    "background": [
        [Say("The watcher starts."), Shell("sleep 6; echo watched", background=True)],
        [Say("The watcher runs.")],
        [Say("The watcher is finished.")],
    ],
    "subagent": [
        [Say("A helper shall count."), Delegate("Count the tests", "count")],
        [Await()],
        [Say("The helper counted twelve tests.")],
    ],
    "helper-runs-on": [
        [Say("A helper shall count slowly."), Delegate("Count slowly", "slow-count", background=True)],
        [Say("The helper is counting.")],
        [Say("The helper is back.")],
    ],
    "slow-count": [[Shell("sh -c 'sleep 5'")], [Say("There are twelve tests.")]],
    "count": [[COUNT], [Say("There are twelve tests.")]],
    "parallel": [
        [Say("Three looks at once."), Shell("echo one"), Shell("echo two"), Shell("echo three")],
        [Say("All three came back.")],
    ],
    "failing": [[Shell("cat no-such-file.txt")], [Say("The log is missing.")]],
    "slow-words": [[Say("Step by step, slowly, through all of the parser and its table of dates. " * 6, pace=0.35)]],
    "slow-tool": [[Shell("sh -c 'sleep 25'")], [Say("The build took its time.")]],
    "refused": [[Refuse(529), Say("The second try worked.")]],
}
