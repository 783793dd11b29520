"""Certificates for tests of TLS, made by openssl where it is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest


class Certificate(NamedTuple):
    """`authority` vouches for it."""

    file: Path
    key: Path
    authority: Path


USAGE = ("-addext", "keyUsage=critical,keyCertSign")
"""What Python asks of an authority from 3.13 on, and `openssl req -x509` leaves out."""


def made_in(folder: Path, names: str = "DNS:localhost,IP:127.0.0.1", usage: tuple[str, ...] = USAGE) -> Certificate:
    """One of an authority of its own with `usage`, for `names`."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make certificates with")
    authority, key, file = folder / "authority.pem", folder / "key.pem", folder / "certificate.pem"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    _run([*new, "-keyout", folder / "authority.key", "-out", authority, "-subj", "/CN=an authority of tests", *usage])
    of = ["-CA", authority, "-CAkey", folder / "authority.key"]
    _run([*new, *of, "-keyout", key, "-out", file, "-subj", "/CN=tests", "-addext", f"subjectAltName={names}",
          "-addext", "basicConstraints=critical,CA:FALSE"])  # fmt: skip
    return Certificate(file, key, authority)


def _run(command: list[object]) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
