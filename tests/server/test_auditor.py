"""What a server says to the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from sentryvibe_tui.audit import AUDIT, AuditLog
from sentryvibe_tui.errors import StoreUnavailable
from sentryvibe_tui.principals import TOKENS, NamedTokens
from sentryvibe_tui.server.auditor import EVERY, KINDS, Auditor
from sentryvibe_tui.server.retention import delete_expired
from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.store.contract import Expiry

SHARED = "s3cret-word"


class Now:
    at = 1_000_000

    def __call__(self) -> int:
        return self.at


@pytest.fixture
def now() -> Now:
    return Now()


async def rows(tmp_path: Path, auditor: Auditor) -> list[tuple[str, str, int]]:
    await auditor.finish()
    return [(record.origin, record.target, record.count) for record in AuditLog(tmp_path / AUDIT).records()]


async def test_a_refusal_is_written_at_once_and_its_repeats_are_counted(tmp_path: Path, now: Now) -> None:
    auditor = Auditor(str(tmp_path / AUDIT), now)
    for _ in range(100):
        auditor.refused("", "192.0.2.1", "no token")
    auditor.refused("", "192.0.2.2", "no token")
    now.at += EVERY
    auditor.refused("", "192.0.2.1", "no token")
    assert await rows(tmp_path, auditor) == [
        ("192.0.2.1", "no token", 1),
        ("192.0.2.2", "no token", 1),
        ("192.0.2.1", "no token", 99),
        ("192.0.2.1", "no token", 1),
    ]


async def test_a_storm_from_everywhere_is_one_line_more(tmp_path: Path, now: Now) -> None:
    auditor = Auditor(str(tmp_path / AUDIT), now)
    for number in range(10_000):
        auditor.refused("", f"address {number}", "no token")
    written = await rows(tmp_path, auditor)
    assert len(written) == KINDS + 2
    assert sum(count for _, _, count in written) == 10_000


async def test_a_log_that_cannot_be_written_stops_nobody(
    tmp_path: Path, now: Now, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "audit-refused.jsonl").mkdir()
    auditor = Auditor(str(tmp_path / AUDIT), now)
    writing = asyncio.create_task(auditor.run())
    auditor.refused("", "192.0.2.1", "no token")
    await auditor.finish()
    assert not writing.done()
    writing.cancel()
    assert "audit log cannot be written" in caplog.text


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    limits = ServerLimits(token=SHARED, tokens=str(tmp_path / TOKENS))
    async with running(tmp_path / "data", settings=limits) as server:
        yield server


async def test_who_deletes_and_who_is_refused_is_in_it_and_no_token(server: Running, tmp_path: Path) -> None:
    token = NamedTokens(tmp_path / TOKENS).add("guest", "watch", now=0)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False) as http:
        owner, guest = ({"Authorization": f"Bearer {word}"} for word in (SHARED, token))
        for project in ("p", "q"):
            ended = {"projectId": project, "sessionId": "s", "event": {"type": "build-completed"}}
            assert (await http.post("/api/build-events", json=ended, headers=owner)).status_code == 200
        build = "/api/builds?projectId=p&sessionId=s&buildId=s"
        assert (await http.delete(build, headers=guest)).status_code == 403
        assert (await http.post("/api/build-events", json=ended, headers=guest)).status_code == 403
        assert (await http.get("/api/projects", headers={"Authorization": "Bearer guess"})).status_code == 401
        assert (await http.get("/api/projects")).status_code == 401
        assert (await http.get("/api/projects", headers=owner | {"Host": "evil.example"})).status_code == 403
        assert (await http.delete(build, headers=owner)).status_code == 200
    deleted = [record for record in AuditLog(tmp_path / "data" / AUDIT).records() if record.what == "delete"]
    assert [(one.who, one.project, one.target) for one in deleted] == [("bearer", "p", "session s, build s")]
    await server.app._auditor.finish()
    records = list(AuditLog(tmp_path / "data" / AUDIT).records())
    refused = {(record.who, record.target) for record in records if record.what == "refused"}
    assert refused == {
        ("guest", "the token guest may watch and not admin"),
        ("guest", "the token guest may watch and not publish"),
        ("", "this token opens nothing here: it was revoked, has expired, or is of another server"),
        ("", "this server wants its token: Authorization: Bearer TOKEN"),
        ("", "this Host is not served here"),
    }
    text = "".join(path.read_text() for path in (tmp_path / "data").glob("audit*"))
    assert not any(word in text for word in (SHARED, token, "guess"))


async def test_builds_that_were_pruned_are_in_it(server: Running, tmp_path: Path) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False) as http:
        for build in ("old", "new"):
            ended = {"projectId": "p", "sessionId": build, "event": {"type": "build-completed"}}
            await http.post("/api/build-events", json=ended, headers={"Authorization": f"Bearer {SHARED}"})
    app = server.app
    assert (await delete_expired(app.context, Expiry(app.context.now() + 1), app._pruned)).builds == 1
    await app._auditor.finish()
    (record,) = AuditLog(tmp_path / "data" / AUDIT).records(project="p")
    assert (record.what, record.who, record.target) == ("prune", "retention", "session old, build old")


async def test_a_deletion_is_in_it_though_the_store_fails_right_after(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: str) -> None:
        raise StoreUnavailable("the database cannot be reached")

    owner = {"Authorization": f"Bearer {SHARED}"}
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False, headers=owner) as http:
        ended = {"projectId": "p", "sessionId": "s", "event": {"type": "build-completed"}}
        await http.post("/api/build-events", json=ended)
        monkeypatch.setattr(server.app.context.store, "project", fail)
        assert (await http.delete("/api/builds?projectId=p&sessionId=s&buildId=s")).status_code == 200
    (record,) = AuditLog(tmp_path / "data" / AUDIT).records(project="p")
    assert (record.what, record.target) == ("delete", "session s, build s")
