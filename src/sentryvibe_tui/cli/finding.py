"""Which project and session the words of a command line mean; what a server answers instead is told as a problem."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from ..client.catalogue import Catalogue, ServedBuilds, StoredBuilds, kept_in
from ..client.choice import NoBuild, NoSuchSession, await_session, find_session
from ..client.rest import AmbiguousProject, NoSuchProject, ProjectRef, resolve
from ..errors import NoAnswer, OddAnswer, StoreError
from ..model.text import clean_line
from ..settings import data_dir
from ..wire.projects import project_id
from .options import NoLink, Server, UsageProblem, settings
from .output import tell


@contextmanager
def problems_of(server: Server) -> Generator[None]:
    """What a question to a server, or to what is kept, raises becomes NoLink or UsageProblem."""
    try:
        yield
    except (NoSuchProject, AmbiguousProject, NoSuchSession, NoBuild) as error:
        raise UsageProblem(clean_line(str(error))) from None
    except NoAnswer as error:
        raise server.unlinked(error) from None
    except StoreError as error:
        raise NoLink(clean_line(str(error))) from None


async def find_project(server: Server, text: str) -> ProjectRef:
    """The project there is. Raises NoLink, and UsageProblem with a list of what there is."""
    with problems_of(server):
        return await resolve(server.address, text)


async def expect_project(server: Server, text: str, note: Callable[[str], None]) -> ProjectRef:
    """The project there is, or that there will be under this name: `note` hears which others there are. Raises NoLink,
    UsageProblem.

    A server that the user named, or that runs here, may come back: then the link tries again by itself.
    """
    with problems_of(server):
        try:
            return await resolve(server.address, text)
        except NoSuchProject as error:
            if error.listing:
                note(clean_line(f"{error}; waiting for it"))
        except NoAnswer:
            if not server.certain:
                raise
        return ProjectRef(project_id(text), text)


async def target(
    server: Server, project: str, session: str | None, waits: bool, note: Callable[[str], None] = lambda _: None
) -> tuple[ProjectRef, str]:
    """The project, and the session's id or nothing. `note`: as of `expect_project`. Raises NoLink, UsageProblem."""
    ref = await (expect_project(server, project, note) if waits else find_project(server, project))
    if not session:
        return ref, ""
    with problems_of(server):
        find = await_session if waits else find_session
        return ref, await find(server.address, ref.id, session)


async def catalogue(server: Server) -> Catalogue:
    """Of the server; of what is kept when nobody named one and none runs here. Raises NoLink."""
    served = ServedBuilds(server.address)
    store = None if server.certain else store_catalogue()
    if store is None:
        return served
    try:
        await served.projects()
    except NoAnswer as error:
        if isinstance(error, OddAnswer):
            raise server.unlinked(error) from None
        tell("no server runs: this is what is kept")
        return store
    return served


def store_catalogue() -> StoredBuilds | None:
    """What the settings say that servers of ours keep; None: nothing is. Raises NoLink."""
    ours = settings().settings
    try:
        return kept_in(data_dir(ours), ours.store)
    except StoreError as error:
        raise NoLink(clean_line(str(error))) from None
