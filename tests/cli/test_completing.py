"""What a shell is offered: projects of the server, themes, folders; nothing when something goes wrong."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from click.shell_completion import ShellComplete

from sentryvibe_tui.cli.commands import group
from sentryvibe_tui.cli.completing import THEMES
from sentryvibe_tui.tui.themes import theme_names

PROJECTS = (
    b'{"projects":[{"id":"p-1","name":"Shop"},{"id":"p-2","name":"Two words","slug":"two-words"},'
    b'{"id":"p-3","name":"s\\u001b[2J"},{"id":"x","name":null},'
    b'{"id":"touch-x","name":"$(touch x)"},{"id":"y\'z","name":"-y","slug":"a;b"},'
    b'{"id":"\\u0441\\u0430\\u0434","name":"~"}]}'
)


@pytest.fixture
def answering() -> Iterator[str]:
    """A server that lists projects, at its path only."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PROJECTS if self.path == "/api/projects" else b"no")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def offered(*words: str) -> list[tuple[str, str]]:
    found = ShellComplete(group, {}, "sentryvibe-tui", "_X").get_completions(list(words[:-1]), words[-1])
    return [(item.type, item.value) for item in found]


@pytest.mark.parametrize(
    ("beginning", "names"),
    [
        ("", ["Shop", "two-words", "p-3", "x", "touch-x", "сад"]),
        ("sh", ["Shop"]),
        ("two", ["two-words"]),
        ("p-1", ["p-1"]),
        ("z", []),
    ],
)
@pytest.mark.parametrize("command", ["watch", "show", "ingest", "run"])
def test_projects(answering: str, command: str, beginning: str, names: list[str]) -> None:
    assert offered(command, "--server", answering, beginning) == [("plain", name) for name in names]


@pytest.mark.parametrize("place", ["nonsense://x", "{}/elsewhere", "http://127.0.0.1:{port}"])
def test_nothing_and_no_word_when_there_is_no_list(
    answering: str, unused_tcp_port: int, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert offered("watch", "--server", place.format(answering, port=unused_tcp_port), "") == []
    assert capfd.readouterr() == ("", "")


def test_folders_files_and_themes() -> None:
    assert offered("watch", "./a") == [("dir", "./a")]
    assert offered("ingest", "shop", "a") == [("file", "a")]
    assert offered("watch", "--theme", "sentry-l") == [("plain", "sentry-light")]


def test_every_theme_that_is_offered_is_there() -> None:
    assert set(THEMES) <= set(theme_names())
