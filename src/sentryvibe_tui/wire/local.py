"""Servers of this user that run on this machine: what they ask for is known without asking."""

from __future__ import annotations

from contextlib import suppress

from msgspec.structs import replace

from .. import runtime
from ..errors import BadAddress
from .address import Address, parse_address


def address_of(server: Address | str) -> Address:
    """Of a server named by a URL, with its token where it runs here. Raises BadAddress."""
    return with_local_token(parse_address(server)) if isinstance(server, str) else server


def local_address(server: runtime.LocalServer) -> Address:
    """With all that its file says. Raises BadAddress."""
    return replace(parse_address(server.url, server.token, server.data_dir), certificate=server.certificate)


def with_local_token(address: Address) -> Address:
    """`address`, with token, certificate and data folder when it is that of a server of this user that runs here."""
    for server in runtime.local_servers():
        with suppress(BadAddress):  # a runtime file that says nonsense is as good as none
            here = local_address(server)
            if address.base in (here.base, _by_name(here)):
                return replace(here, token=here.token or address.token)
    return address


def _by_name(server: Address) -> str:
    """As people call it. The name may lead to another server, of whoever has the port by the other family."""
    scheme = server.base.partition(":")[0]
    return f"{scheme}://localhost:{server.port}" if server.is_loopback and not server.socket else ""
