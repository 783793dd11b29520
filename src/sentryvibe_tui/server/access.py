"""Whom a server lets in, as it is started: bearers of a token, its own user, or anybody."""

from __future__ import annotations

import logging
from pathlib import Path

from msgspec.structs import replace

from ..errors import BadTokenFile
from ..model.text import clean
from ..principals import TOKENS
from ..token_file import server_token
from .guard import is_loopback
from .settings import ServerLimits
from .socket_owner import tells_users

log = logging.getLogger("sentryvibe_tui.server")

TOKEN = "token"
"""The file of the data folder with the token that commands of the server's user bear."""


def secured(limits: ServerLimits, host: str, data: Path, secret: Path | None = None) -> ServerLimits:
    """`limits` of a server at `host` for who bears the token in the file `secret`, or one in the data folder's list.

    Without a file, and where only this machine reaches it: for processes of its own user, and for who bears the token
    in the data folder. Files that are not there are made. Raises BadTokenFile.
    """
    named = replace(limits, tokens=str(data / TOKENS))
    if secret is not None:
        return replace(named, token=server_token(secret), token_file=str(secret.resolve()))
    if not is_loopback(host):
        return named
    own = data / TOKEN
    try:
        return replace(named, own_user=True, token=server_token(own), token_file=str(own.resolve()))
    except BadTokenFile as error:
        if not tells_users():
            raise
        log.warning("%s; processes of this user need none", clean(str(error)))
        return replace(named, own_user=True)
