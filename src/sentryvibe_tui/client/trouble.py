"""Why a server cannot be reached, in words."""

from __future__ import annotations

import errno
import os
import socket
import ssl

from ..wire.address import Address


def in_words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "unknown host"
    if _is_refusal(error):
        return "connection refused"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}; `--ca FILE` names who vouches for it"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason or error}"
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def at_address(error: BaseException, server: Address) -> str:
    """`no server at …` where nobody listens, else the error in words."""
    if _is_refusal(error):
        return server.absence
    return f"{server.absence}: unknown host" if isinstance(error, socket.gaierror) else in_words(error)


def _is_refusal(error: BaseException) -> bool:
    """Also of a name with several addresses, whose errors asyncio tells as one text."""
    told = str(error)
    refused = told.count(f"[Errno {errno.ECONNREFUSED}]")
    return isinstance(error, ConnectionRefusedError) or 0 < told.count("[Errno ") == refused
