"""Inputs that were compressed with zstd: Codex does so with rollouts that are some days old."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ...errors import TooLarge

MAGIC = b"\x28\xb5\x2f\xfd"
"""The first bytes of a frame (RFC 8878, 3.1.1)."""
PACKED = ".zst"
"""How the name of such a file ends."""
LARGEST = 64 * 1024 * 1024
"""Bytes that one piece of input may unpack to."""

_MODULES = ("compression.zstd", "backports.zstd", "zstandard")
"""Python 3.14 has one of its own; the others are packages."""


def decompressor() -> Callable[[bytes], bytes] | None:
    """What unpacks one piece after another; None when no module here can. It raises ValueError for broken data."""
    for name in _MODULES:
        try:
            module: Any = import_module(name)
        except ImportError:
            continue
        return _standard(module) if name.endswith(".zstd") else _zstandard(module)
    return None


def _standard(module: Any) -> Callable[[bytes], bytes]:
    unpacker = module.ZstdDecompressor()

    def unpack(data: bytes) -> bytes:
        try:
            unpacked: bytes = unpacker.decompress(data, LARGEST)
        except (module.ZstdError, EOFError) as error:
            raise ValueError(str(error)) from error
        return _bounded(unpacked)

    return unpack


def _zstandard(module: Any) -> Callable[[bytes], bytes]:
    unpacker = module.ZstdDecompressor(max_window_size=LARGEST).decompressobj()

    def unpack(data: bytes) -> bytes:
        try:
            return _bounded(unpacker.decompress(data))
        except module.ZstdError as error:
            raise ValueError(str(error)) from error

    return unpack


def _bounded(unpacked: bytes) -> bytes:
    if len(unpacked) >= LARGEST:
        raise TooLarge(f"a piece of it unpacks to {LARGEST} bytes and more")
    return unpacked


def unpacked_head(data: bytes) -> bytes:
    """What the first bytes of a file hold, compressed or not; nothing when they cannot be unpacked here."""
    unpack = decompressor() if data.startswith(MAGIC) else None
    try:
        return data if not data.startswith(MAGIC) else b"" if unpack is None else unpack(data)
    except ValueError:
        return b""
