"""Copying out of the terminal: tmux' own buffer, OSC 52, and a file where that cannot carry the text."""

from __future__ import annotations

import os
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from ..notices import wrapped

LIMIT = 74_000
"""Bytes of text that terminals take in one OSC 52 sequence; many drop longer ones without a word."""

_SCREEN_CHUNK = 760


def osc52(text: str, environment: Mapping[str, str]) -> str | None:
    """The sequence that puts `text` on the clipboard of whoever shows this terminal; None when it is too long."""
    data = text.encode("utf-8", "replace")
    if len(data) > LIMIT:
        return None
    sequence = f"\x1b]52;c;{b64encode(data).decode()}\x07"
    if environment.get("TMUX"):  # which of the two tmux takes depends on set-clipboard and allow-passthrough
        return sequence + wrapped(sequence, environment)
    if environment.get("STY"):
        chunks = (sequence[at : at + _SCREEN_CHUNK] for at in range(0, len(sequence), _SCREEN_CHUNK))
        return "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)
    return sequence


def to_tmux(text: str, environment: Mapping[str, str]) -> bool:
    """Whether tmux took `text` as its newest buffer; it hands it on to the clipboard outside by itself (3.2 on)."""
    if not environment.get("TMUX"):
        return False
    data = text.encode("utf-8", "replace")
    for command in (["tmux", "load-buffer", "-w", "-"], ["tmux", "load-buffer", "-"]):
        try:
            if subprocess.run(command, input=data, timeout=1, capture_output=True, check=False).returncode == 0:
                return True
        except (OSError, subprocess.SubprocessError):
            return False
    return False


def to_file(text: str) -> Path:
    """A new file of the user's own that holds `text`."""
    handle, name = tempfile.mkstemp(prefix="sentryvibe-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return Path(name)
