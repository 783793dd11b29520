"""The rules by which the two original web clients keep a build, as observed of them (October 2025 and January 2026).

They are written down from what those clients do with frames, faults included; nothing here is their code.
"""

from __future__ import annotations

from typing import Any

State = dict[str, Any]


def _empty() -> State:
    return {"id": "temp", "todos": [], "toolsByTodo": {}, "activeTodoIndex": -1, "isActive": True}


class Hook:
    """Any original client: takes frames of `/ws`, and the answer of `/messages` that it asks for once."""

    def __init__(self) -> None:
        self.state: State | None = None

    def hydrate(self, answer: State) -> None:
        raise NotImplementedError

    def take(self, frame: State) -> None:
        match frame["type"]:
            case "batch-update" if frame["updates"]:
                self.state = dict(self.state or _empty())
                for update in reversed(frame["updates"]):  # both turn the list round before they go through it
                    self._apply(self.state, update["type"], update["data"])
            case "state-update" if frame.get("state"):
                self.state = {**(self.state or {}), **frame["state"]}
            case "state-recovery":
                self._recover(frame)

    def _recover(self, frame: State) -> None:
        pass

    def _apply(self, state: State, kind: str, data: State) -> None:
        if kind == "state-update":
            state.update(data)
        elif kind == "todo-update":
            state["todos"] = data["todos"]
        elif kind == "tool-call":
            self._call(state, data)

    def _call(self, state: State, call: State) -> None:
        raise NotImplementedError


def _calls(state: State, index: int) -> list[State]:
    return list(state["toolsByTodo"].get(str(index), []))


class V1Hook(Hook):
    """Knows three updates. Calls under no todo are left out; any end counts as a good one, and only of a known call."""

    def hydrate(self, answer: State) -> None:
        if answer["sessions"]:
            self.state = answer["sessions"][0]["hydratedState"]

    def _call(self, state: State, call: State) -> None:
        index = call.get("todoIndex")
        if not isinstance(index, int) or index < 0:
            return
        calls = _calls(state, index)
        known = next((place for place, one in enumerate(calls) if one["id"] == call["id"]), None)
        if call["state"] == "input-available" and known is None:
            calls.append({name: call.get(name) for name in ("id", "name", "input", "state")})
        elif call["state"] != "input-available" and known is not None:
            calls[known] = {**calls[known], "state": "output-available"}
        state["toolsByTodo"] = {**state["toolsByTodo"], str(index): calls}


class V2Hook(Hook):
    """Takes states of running builds only, calls under a todo once they ended and never again."""

    def hydrate(self, answer: State) -> None:
        if answer["sessions"] and answer["sessions"][0]["hydratedState"]["isActive"]:
            self.state = answer["sessions"][0]["hydratedState"]

    def _recover(self, frame: State) -> None:
        state, status = frame["state"], frame.get("sessionStatus")
        if state and state["isActive"] and status in (None, "active"):
            self.state = state

    def _apply(self, state: State, kind: str, data: State) -> None:
        match kind:
            case "build-started":
                state["isActive"] = True
                state.update({name: data[name] for name in ("projectId",) if data.get(name)})
                state["id"] = data.get("buildId") or state["id"]
            case "todos-update" if data.get("phase") == "template":
                state.update(templateTodos=data["todos"], activeTemplateTodoIndex=data["activeTodoIndex"])
                state["currentPhase"] = "template"
            case "todos-update":
                state.update(todos=data["todos"], activeTodoIndex=data["activeTodoIndex"], currentPhase="build")
            case "build-complete":
                state["isActive"] = False
                state["buildSummary"] = data.get("summary") or state.get("buildSummary")
            case "build-summary":
                state["buildSummary"] = data.get("summary") or state.get("buildSummary")
            case _:
                super()._apply(state, kind, data)

    def _call(self, state: State, call: State) -> None:
        index = call.get("todoIndex")
        if not isinstance(index, int):
            return
        if index < 0:
            self._plan(state, call)
            return
        calls = _calls(state, index)
        ended = call["state"] in ("output-available", "error")
        if ended and all(one["id"] != call["id"] for one in calls):
            state["toolsByTodo"] = {**state["toolsByTodo"], str(index): [*calls, call]}

    def _plan(self, state: State, call: State) -> None:
        calls = list(state.get("planningTools") or [])
        known = next((place for place, one in enumerate(calls) if one["id"] == call["id"]), None)
        if known is None:
            calls.append(call)
        else:
            calls[known] = {**calls[known], **call}
        state["planningTools"] = calls
        if call["name"] == "ExitPlanMode" and (call.get("input") or {}).get("plan"):
            state["buildPlan"] = call["input"]["plan"]
