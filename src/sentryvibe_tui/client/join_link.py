"""Join links: one line that opens a project, or one build of it, on another machine, for a while."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from ..audit import AUDIT, AuditLog, AuditRecord, local_user
from ..errors import BadTokenFile, NoAnswer, OddAnswer, SentryVibeError
from ..model.state import Millis
from ..principals import TOKENS, NamedTokens, Role
from ..runtime import serves_here
from ..wire.address import Address
from .rest import all_builds, projects

_UNITS = (("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))
_ANYWHERE = {"0.0.0.0": (socket.AF_INET, "192.0.2.1"), "::": (socket.AF_INET6, "2001:db8::1")}
"""Hosts that stand for every address of the machine, and where a packet that nobody sends would go."""


_PROBE = 3.0
"""Seconds that a look at a certificate takes at most."""
_UNKNOWN_AUTHORITIES = frozenset({18, 19, 20, 21})
"""What OpenSSL says of a certificate that vouches for itself, or for which nobody it knows does (`X509_V_ERR_…`)."""


class CannotLend(SentryVibeError):
    """A link cannot be made, or nobody else could open it; the message says why, and what to do."""


class LinkTerms(Struct, frozen=True):
    """What a link opens and for how long, in ms. `session_id` and `build_id`: of the only build; "" all of them."""

    project_id: str
    length: Millis
    session_id: str = ""
    build_id: str = ""
    role: Role = "watch"

    @property
    def summary(self) -> str:
        """`build b1, watch, for 1h`."""
        only = f"build {self.build_id}, " if self.build_id else ""
        unit, size = next((unit for unit in _UNITS if not self.length % unit[1]), _UNITS[-1])
        return f"{only}{self.role}, for {self.length // size}{unit}"


class JoinLink(Struct, frozen=True):
    """`line` opens it, and holds a secret: it is for the reader alone, and in no log. `expires_at`: epoch ms.

    `name`: of its token; `revocation`: the command that ends it before; `cautions`: sentences about what is amiss.
    """

    name: str
    line: str
    expires_at: Millis
    revocation: str
    cautions: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without the secret."""
        return f"JoinLink({self.name!r})"


class Lender:
    """Makes links to servers of this user that run here. `own_folder`: the data folder that commands take unasked;
    `clock` gives epoch ms."""

    def __init__(self, own_folder: Path, clock: Callable[[], Millis]) -> None:
        self._own_folder, self._clock = own_folder, clock

    async def reach(self, server: Address | None) -> str:
        """The URL at which others reach `server`; None: there is none. Raises CannotLend."""
        if server is None:
            raise CannotLend("no server has this build: it is read from files; `sentryvibe-tui serve` serves builds")
        if not server.data_dir:
            raise CannotLend(await _foreignness(server))
        require_token(server)
        return public_url(server)

    async def lend(self, server: Address, terms: LinkTerms, url: str) -> JoinLink:
        """A link to what `terms` say of `server`, whose data folder is here and which others reach at `url`.

        It is in the audit log. Raises CannotLend, also when the server does not take the link's token.
        """
        folder, name, now = Path(server.data_dir), f"share-{secrets.token_hex(3)}", self._clock()
        expires_at, build = now + terms.length, (terms.session_id, terms.build_id)
        tokens = NamedTokens(folder / TOKENS)
        try:
            token = await asyncio.to_thread(tokens.add, name, terms.role, now, terms.project_id, expires_at, build)
            if not await _takes(replace(server, token=token)):
                await asyncio.to_thread(tokens.revoke, name)
                raise CannotLend(
                    f"{server.base} goes by another list of tokens than {folder / TOKENS}: run `sentryvibe-tui share` "
                    "where the server runs, as its user, and name its folder with --data"
                )
        except BadTokenFile as error:
            raise CannotLend(str(error)) from None
        record = AuditRecord(now, "share", local_user(), terms.project_id, f"{name}: {terms.summary}", "here")
        cautions = await asyncio.to_thread(_noted, folder, record)
        if serves_here():
            cautions = (*cautions, "this very program is the server: when it ends, so does the link")
        if not await _is_trusted(url):
            vouching = server.authorities or server.certificate or "the file of who vouches for it"
            cautions = (
                *cautions,
                f"systems do not know the server's certificate: give {vouching} along, and add `--ca FILE` to the line",
            )
        watch = shlex.join(["sentryvibe-tui", "watch", terms.project_id, "--server", url])
        line = f"SENTRYVIBE_TOKEN={token} {watch}"
        return JoinLink(name, line, expires_at, self._revocation(name, folder), cautions)

    def _revocation(self, name: str, folder: Path) -> str:
        words = ["sentryvibe-tui", "token", "revoke", name]
        return shlex.join(words if folder.resolve() == self._own_folder.resolve() else [*words, "--data", str(folder)])


def _noted(folder: Path, record: AuditRecord) -> tuple[str, ...]:
    """Why the audit log does not have the record; nothing when it has."""
    try:
        AuditLog(folder / AUDIT).append((record,))
    except OSError as error:
        return (f"the audit log cannot be written: {error}",)
    return ()


async def _takes(server: Address) -> bool:
    """Whether the server lets its token in. One that does not answer just now may."""
    try:
        await projects(server)
    except NoAnswer as error:
        return error.status != 401
    return True


async def _is_trusted(url: str) -> bool:
    """Whether a system that was told nothing would trust the certificate at `url`; of what does not answer nobody
    knows."""
    place = urlsplit(url)
    if place.scheme != "https":
        return True
    try:
        async with asyncio.timeout(_PROBE):
            authorities = await asyncio.to_thread(ssl.create_default_context)  # reads a file of hundreds
            _, link = await asyncio.open_connection(
                place.hostname, place.port or 443, ssl=authorities, server_hostname=place.hostname
            )
            link.close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_code not in _UNKNOWN_AUTHORITIES
    except (OSError, TimeoutError):
        pass
    return True


def require_token(server: Address) -> None:
    """Raises CannotLend where nobody needs a link."""
    if not server.token:
        raise CannotLend(
            "the server lets everybody in, so there is nothing to lend: start it without --no-token, with --token-file"
        )


def public_url(server: Address) -> str:
    """At which other machines reach a server of this one. Raises CannotLend where they do not, or nobody knows."""
    if server.is_loopback:
        raise CannotLend(
            f"only this machine reaches {server.base}, so nobody could open a link: "
            "`sentryvibe-tui serve --host 0.0.0.0 --token-file FILE` lets others reach it; "
            "behind a proxy or a tunnel, `sentryvibe-tui share PROJECT --url URL` names that"
        )
    if server.host not in _ANYWHERE:
        return server.base
    family, elsewhere = _ANYWHERE[server.host]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))  # chooses the way there, and sends nothing
            own: str = probe.getsockname()[0]
    except OSError:
        raise CannotLend(
            "this machine knows no way to others; `sentryvibe-tui share PROJECT --url URL` says how they reach it"
        ) from None
    host = f"[{own}]" if ":" in own else own
    return urlsplit(server.base)._replace(netloc=f"{host}:{server.port}").geturl()


async def _foreignness(server: Address) -> str:
    """Why no link to a server can be made whose data folder is not known."""
    try:
        await all_builds(server, limit=1)
    except OddAnswer as error:
        if error.status in (0, 404, 405):
            return f"{server.base} is an original SentryVibe server, which has no tokens to lend"
    except NoAnswer:
        pass
    return (
        f"{server.base} is no server of yours on this machine: run `sentryvibe-tui share PROJECT` where it runs, "
        "as the user who runs it"
    )
