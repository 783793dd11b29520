"""When a narration stops, and with which exit status."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from sentryvibe_tui.client.watching import EndConfirmed, LinkChanged, LinkStatus
from sentryvibe_tui.model.events import BuildStarted
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.state import Outcome, Status
from sentryvibe_tui.report import exit_codes
from sentryvibe_tui.report.narrate import NarrationEnd, narrate
from sentryvibe_tui.report.plain import PlainLines


async def _run(script: Any) -> tuple[NarrationEnd, list[str]]:
    lines: list[str] = []
    return await narrate(script, PlainLines(), lines.append), lines


@pytest.mark.parametrize("outcome", get_args(Outcome))
async def test_the_exit_status_is_the_builds(script: Callable[..., Any], outcome: Outcome) -> None:
    told, lines = await _run(script([BuildStarted(), BuildEnded(outcome)]))
    assert told.code == (0 if outcome == "completed" else 1)
    assert f"build {outcome}" in lines[-1]


@pytest.mark.parametrize("phase", ["gave-up", "refused"])
async def test_a_lost_link_is_its_own_status(script: Callable[..., Any], phase: Any) -> None:
    status = LinkStatus(phase, reason="connection refused")
    told, lines = await _run(script([BuildStarted()], link=[LinkChanged(status)]))
    assert told == NarrationEnd(exit_codes.NO_LINK, "connection refused")
    assert "build running" in lines[-1]


async def test_the_end_of_a_build_counts_though_the_link_went(script: Callable[..., Any]) -> None:
    link = [LinkChanged(LinkStatus("gave-up"))]
    told, _ = await _run(script([BuildStarted(), BuildEnded("completed")], link=link))
    assert told.code == 0


async def test_a_server_that_may_still_tell_a_summary_is_heard_out(script: Callable[..., Any]) -> None:
    ended = script([BuildStarted(), BuildEnded("completed")])
    ended.told[-1] = replace(ended.told[-1], settled=False)
    ended.told.append(EndConfirmed(replace(ended.state, summary="All done.")))
    ended.told.append(LinkChanged(LinkStatus("gave-up")))
    told, lines = await _run(ended)
    assert told.code == 0
    assert lines[-1].endswith("summary: All done.")


async def test_a_refusal_keeps_its_status(script: Callable[..., Any]) -> None:
    refused = LinkStatus("refused", reason="Unauthorized", http_status=401)
    told, _ = await _run(script([BuildStarted()], link=[LinkChanged(refused)]))
    assert told == NarrationEnd(exit_codes.NO_LINK, "Unauthorized", 401)


def test_only_completed_is_success() -> None:
    assert [status for status in get_args(Status) if exit_codes.of_build(status) == 0] == ["completed"]
