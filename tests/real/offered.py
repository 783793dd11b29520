"""Steps of a play as calls of the tools that an agent offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .plays import Ask, Await, Delegate, Plan, Propose, Shell, Step, Task

Json = dict[str, Any]


class Scene(NamedTuple):
    """Of which run a call is, and which subagent its conversation started last."""

    run: str
    helper: str


def helper_run(run: str) -> str:
    """What a run's subagents say is counted apart."""
    return f"{run}helper"


Shape = Callable[[Any, Scene], Json]


def _question(step: Ask, _: Scene) -> Json:
    options = [{"label": option, "description": f"{option}, please"} for option in step.options]
    return {"questions": [{"id": "color", "question": step.question, "header": "Color", "options": options}]}


def _asked_claude(step: Ask, scene: Scene) -> Json:
    (question,) = _question(step, scene)["questions"]
    del question["id"]
    return {"questions": [{**question, "multiSelect": False}]}


def _form(step: Ask, _: Scene) -> Json:
    color = {"type": "string", "title": "Color", "enum": list(step.options)}
    return {"message": step.question, "requestedSchema": {"properties": {"color": color}, "required": ["color"]}}


def _helper(step: Delegate, scene: Scene) -> Json:
    prompt = f"{step.title}. play:{step.play}/{helper_run(scene.run)}"
    return {
        "description": step.title,
        "prompt": prompt,
        "subagent_type": "general-purpose",
        "run_in_background": step.background,
    }


def _opencode_helper(step: Delegate, scene: Scene) -> Json:
    return {**_helper(step, scene), "subagent_type": "general"}


def _copilot_helper(step: Delegate, scene: Scene) -> Json:
    return {**_helper(step, scene), "agent_type": "general-purpose", "name": "helper", "mode": "sync"}


def _sql(step: Plan, _: Scene) -> Json:
    states = {"completed": "done", "in_progress": "in_progress", "pending": "pending"}
    rows = ", ".join(f"('{at}', '{text}', '{states[status]}')" for at, (text, status) in enumerate(step.todos))
    return {"description": "The list", "query": f"INSERT OR REPLACE INTO todos (id, title, status) VALUES {rows}"}


def _todowrite(step: Plan, _: Scene) -> Json:
    listed = enumerate(step.todos)
    return {
        "todos": [
            {"id": str(at), "content": text, "activeForm": text, "status": status, "priority": "medium"}
            for at, (text, status) in listed
        ]
    }


def _exec(step: Shell, _: Scene) -> Json:
    asks = {"sandbox_permissions": "require_escalated", "justification": "May this be done?"} if step.asks else {}
    return {"cmd": step.command, "yield_time_ms": 1000 if step.background else 28000, **asks}


def _shell(step: Shell, _: Scene) -> Json:
    return {"command": step.command, "description": "A command"}


def _bash(step: Shell, _: Scene) -> Json:
    return {"command": step.command, "description": "A command", "run_in_background": step.background}


SHAPES: tuple[tuple[type, str, Shape], ...] = (
    (Shell, "Bash", _bash),
    (Shell, "exec_command", _exec),
    (Shell, "bash", _shell),
    (Ask, "AskUserQuestion", _asked_claude),
    (Ask, "request_user_input", _question),
    (Ask, "question", _question),
    (Ask, "ask_user", _form),
    (Plan, "todowrite", _todowrite),
    (Plan, "TodoWrite", _todowrite),
    (Plan, "update_plan", lambda step, _: {"plan": [{"step": text, "status": to} for text, to in step.todos]}),
    (Plan, "sql", _sql),
    (Task, "TaskCreate", lambda step, _: {"subject": step.text, "description": step.text, "activeForm": step.text}),
    (Task, "TaskUpdate", lambda step, _: {"taskId": str(step.number), "status": step.status}),
    (Propose, "ExitPlanMode", lambda step, _: {"plan": step.plan}),
    (Delegate, "Agent", _helper),
    (Delegate, "spawn_agent", lambda step, scene: {"message": _helper(step, scene)["prompt"]}),
    (Await, "wait_agent", lambda _, scene: {"targets": [scene.helper], "timeout_ms": 15000}),
)
"""Kind of step, the tool's name, its input; the first that an agent offers is taken."""


def call_of(step: Step, tools: Iterable[str], scene: Scene) -> tuple[str, Json] | None:
    """The tool's full name and input; None when the agent has no tool for it. `space/name` is a grouped one."""
    full = {name.rpartition("/")[2]: name for name in tools}
    for kind, name, shape in _shapes(step, full):
        if isinstance(step, kind) and name in full:
            return full[name], shape(step, scene)
    return None


def _shapes(step: Step, full: dict[str, str]) -> Iterable[tuple[type, str, Shape]]:
    if isinstance(step, Task):
        return [shape for shape in SHAPES if shape[1] == ("TaskUpdate" if step.number else "TaskCreate")]
    if isinstance(step, Delegate) and "task" in full:
        return [(Delegate, "task", _copilot_helper if "sql" in full else _opencode_helper)]
    return SHAPES
