"""synchronous=FULL is a sync for each commit: counted, since a kill -9 cannot tell it from less."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ..patience import PATIENCE

COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
static void count(void) {
    int file = open(getenv("SYNC_COUNT_FILE"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (file >= 0) { ssize_t done = write(file, ".", 1); (void)done; close(file); }
}
int fsync(int fd) { count(); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { count(); return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
"""


@pytest.fixture
def preload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A library that counts syncs into a file; skips where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler for the counting library")
    source, library = tmp_path / "count.c", tmp_path / "count.so"
    source.write_text(COUNTER)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    monkeypatch.setenv("SYNC_COUNT_FILE", str(tmp_path / "syncs"))
    return str(library)


def test_every_acknowledged_commit_was_synced(make_server: Callable, preload: str, tmp_path: Path) -> None:
    server = make_server(preload=preload)
    server.start()
    counted = tmp_path / "syncs"
    before = counted.stat().st_size
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    for number in range(40):
        event = {"type": "text-delta", "id": "t", "delta": f"{number} "}
        body = json.dumps({"projectId": "p", "sessionId": "s", "eventId": str(number), "event": event})
        link.request("POST", "/api/build-events", body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        answer.read()
        assert answer.status == 200
        assert counted.stat().st_size - before >= number + 1, "answered before the sync"
    link.close()
