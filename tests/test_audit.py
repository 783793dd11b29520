"""Who did what: on disk, bounded, written by several at once, and never a token in it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from sentryvibe_tui.audit import AUDIT, REFUSED, AuditLog, AuditRecord, local_user
from sentryvibe_tui.cli.audit import command as audit
from sentryvibe_tui.principals import TOKENS, NamedTokens


def test_what_is_added_is_read_back_in_order_by_its_user_alone(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "new" / AUDIT)
    for at in range(3):
        log.append((AuditRecord(at, "share", "me", f"p{at % 2}", "x", "here"),))
    assert [record.at for record in log.records()] == [0, 1, 2]
    assert [record.at for record in log.records(since=1)] == [1, 2]
    assert [record.at for record in log.records(project="p0")] == [0, 2]
    assert (tmp_path / "new" / AUDIT).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    first = msgspec.json.decode((tmp_path / "new" / AUDIT).read_bytes().splitlines()[0])
    assert first == {"at": 0, "what": "share", "who": "me", "project": "p0", "to": "x", "from": "here"}


def test_it_never_grows_beyond_two_files(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / AUDIT, largest=1000)
    for at in range(200):
        log.append((AuditRecord(at, "share", target="w" * 10_000),))
    assert sorted(path.name for path in tmp_path.iterdir()) == [AUDIT, f"{AUDIT}.1"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2000
    ats = [record.at for record in log.records()]
    assert ats == list(range(ats[0], 200))


def test_what_was_done_is_not_washed_out_by_who_is_refused(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / AUDIT, largest=1000)
    log.append((AuditRecord(0, REFUSED), AuditRecord(1, "delete"), AuditRecord(2, REFUSED)))
    assert [record.at for record in log.records()] == [0, 1, 2]
    for at in range(3, 200):
        log.append((AuditRecord(at, REFUSED, target="w" * 100),))
    first, *refused = log.records()
    assert (first.at, first.what) == (1, "delete")
    assert [record.at for record in refused] == list(range(refused[0].at, 200))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 3000


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    def write(who: str) -> None:
        for at in range(50):
            AuditLog(tmp_path / AUDIT, largest=6000).append((AuditRecord(at, "share", who),))

    threads = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = b"".join(path.read_bytes() for path in tmp_path.iterdir()).splitlines()
    assert all(msgspec.json.decode(line)["what"] == "share" for line in lines)
    assert len(lines) > 100  # the oldest were dropped with their file


def test_lines_that_are_none_are_passed_over(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / AUDIT)
    log.append((AuditRecord(1, "share"),))
    with (tmp_path / AUDIT).open("ab") as file:
        file.write(b'{"at": \xff}\nnonsense\n' + b"[" * 100_000 + b"\n")
    log.append((AuditRecord(2, "share"),))
    assert [record.at for record in log.records()] == [1, 2]


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / AUDIT).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        AuditLog(tmp_path / AUDIT).append((AuditRecord(1, "share"),))
    assert local_user()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes into another user's folder")
def test_what_root_makes_in_the_folder_of_a_server_belongs_to_its_user(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1235)
    tokens = NamedTokens(tmp_path / TOKENS)
    for name in ("anna", "bob"):
        tokens.add(name, "watch", now=0)
        AuditLog(tmp_path / AUDIT).append((AuditRecord(0, "token-add", target=name),))
    owners = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in tmp_path.iterdir()}
    assert owners == {TOKENS: (1234, 1235), AUDIT: (1234, 1235)}


def test_a_user_of_this_machine_is_shown_with_the_name(tmp_path: Path) -> None:
    places = (f"user {os.geteuid()}", "user 4000000001", "192.0.2.1")
    AuditLog(tmp_path / AUDIT).append([AuditRecord(at, "refused", origin=place) for at, place in enumerate(places)])
    lines = CliRunner().invoke(audit, ["--data", str(tmp_path)]).output.splitlines()
    assert [place in line for place, line in zip(places, lines, strict=True)] == [True] * 3
    assert [f"({local_user()})" in line for line in lines] == [True, False, False]
