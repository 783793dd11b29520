"""Secrets in texts: whole, in pieces however they are cut, and cut by what nobody sees. Made up, all of them."""

import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from sentryvibe_tui.agents.common.reader import Counts, Reported
from sentryvibe_tui.agents.redact import Redacted, Redactor
from sentryvibe_tui.agents.redact import growing as growing_module
from sentryvibe_tui.agents.redact.redactor import ALL_SIGNS
from sentryvibe_tui.agents.redact.rules import REDACTION_RULES
from sentryvibe_tui.agents.redact.signs import branching, occurrences
from sentryvibe_tui.model.events import BuildEvent, TextAdded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded

A = "Ab3xY7Qz" * 12
H = "0a9fc3d1" * 12

TEXTS: tuple[tuple[str, str], ...] = (
    ('{"password": "hunter2!"}', "hunter2!"),
    ('{"password":\n    "hunter2!"}', "hunter2!"),
    ('{"env": {"OPENAI_API_KEY": "abc123def456"}}', "abc123def456"),
    (r'{\"apiKey\": \"abcdefgh1\"}', "abcdefgh1"),
    ("redis://:pw5x@cache:6379/0", "pw5x"),
    ("postgres://ada:hunter22@db/x", "hunter22"),
    ("amqp://guest:p:w%40d@mq", "p:w%40d"),
    ("git clone https://Zk3pQ9sLm2Xv8RtY@git.example.com/a.git", "Zk3pQ9sLm2Xv8RtY"),
    ("https://TOKEN@host/x", "TOKEN"),
    ("https://e9Fq2LmZ7pR4:x-oauth-basic@github.com/a/b", "e9Fq2LmZ7pR4"),
    ("GET /v1?access_token=q7w8e9r0&x=1", "q7w8e9r0"),
    ("GET /v1?x=1&api_key=q7w8e9", "q7w8e9"),
    ("https://b.example.com/c?sv=2024&sig=aB%2F3dE%3D", "aB%2F3dE%3D"),
    ("Authorization: Basic YWRhOmxvdmVsYWNl", "YWRhOmxvdmVsYWNl"),
    ("authorization: bearer s3cr3t", "s3cr3t"),
    ("curl -H 'Authorization: Bearer abc123' https://x", "abc123"),
    ("Authorization: Token 9944b09199c62bcf", "9944b09199c62bcf"),
    ("curl -u ada:lovelace9 https://x", "lovelace9"),
    ("curl --user ada:lovelace9 https://x", "lovelace9"),
    ("curl -sSu 'ada:love lace' https://x", "love lace"),
    ("mysql -u root -pTopSecret shop", "TopSecret"),
    ("mysqldump -h db -p'Top Secret' shop", "Top Secret"),
    ("sshpass -p swordfish ssh ada@host", "swordfish"),
    ("redis-cli -h r -a swordfish ping", "swordfish"),
    ("docker login -u ada -p swordfish9 reg.example.com", "swordfish9"),
    ("openssl rsa -passin pass:swordfish -in k", "swordfish"),
    ("keytool -storepass swordfish -list", "swordfish"),
    ('db_password = "x9"', "x9"),
    ("db_password = s3cret-value", "s3cret-value"),
    ("db_password=correcthorse", "correcthorse"),
    ("DB_PASSWORD=correcthorse", "correcthorse"),
    ("export DB_PASSWORD='correct horse battery'", "correct horse battery"),
    ('SECRET_KEY: str = "pL9mK8nJ7b"', "pL9mK8nJ7b"),
    ("const apiKey = `pL9mK8nJ7b`;", "pL9mK8nJ7b"),
    (":password => 'hunter2x'", "hunter2x"),
    ("database:\n  password: hunter2x\n  port: 5", "hunter2x"),
    ('database:\n  password: "correct horse battery"\n', "correct horse battery"),
    ('[db]\npassword = "correct horse battery"\n', "correct horse battery"),
    ("Server=db;User Id=sa;Password=x;Encrypt=yes", "=x;"),
    ("Endpoint=sb://a/;SharedAccessKeyName=r;SharedAccessKey=Zm9vYmFyYmF6cXV4MTI=", "Zm9vYmFyYmF6cXV4MTI="),
    ("//registry.npmjs.org/:_authToken=3f2e1d0c-aaaa", "3f2e1d0c-aaaa"),
    ("machine api.example.com login ada password lovelace", "lovelace"),
    ("machine api.example.com\n  login ada\n  password lovelace\n", "lovelace"),
    ('{"auths":{"https://index.docker.io/v1/":{"auth":"YWRhOmxvdmVsYWNl"}}}', "YWRhOmxvdmVsYWNl"),
    ("Cookie: session=9f8e7d6c5b; theme=dark", "9f8e7d6c5b"),
    ("Set-Cookie: sid=9f8e7d6c5b; Path=/; HttpOnly", "9f8e7d6c5b"),
    ("x-api-key: 9f8e7d6c5b", "9f8e7d6c5b"),
    ("X-Auth-Token: 9f8e7d6c5b", "9f8e7d6c5b"),
    ("app --password hunter2 --verbose", "hunter2"),
    ("app --token=hunter2x", "hunter2x"),
    ("<server><password>lovelace9</password></server>", "lovelace9"),
    ('<add key="Password" value="lovelace9" />', "lovelace9"),
    ("aws configure set aws_secret_access_key wJalrXUtnFEMIK7MDENGbPxRfiCYzzzzzzzzzzzz", "wJalrXUtnFEMI"),
    ("set -gx API_TOKEN zz9plural", "zz9plural"),
    ("ENV API_TOKEN zz9plural", "zz9plural"),
    ("password: |-\n  BlockS3cretPw77\n", "BlockS3cretPw77"),
    ("password: |\n  correcthorse\n", "correcthorse"),
    ("db:\n  password: >+\n\n    first5 half\n\n    second7 half\n  port: 5\n", "second7"),
    ("db:\n- api_key: !!str |2- # one\n     NextlineS3cret77\n    B4tteryStaple\n", "B4tteryStaple"),
    ('"client_secret": >-1\r\n\tBlockS3cretPw77\r\n', "BlockS3cretPw77"),
    ("api_key =\n  NextlineS3cret77", "NextlineS3cret77"),
    ("client_secret\n=\nNextlineS3cret77", "NextlineS3cret77"),
    ("client_secret\r\n= 'c0rrect horse'", "c0rrect horse"),
    ("API_KEY=\nNextlineS3cret77\n", "NextlineS3cret77"),
    ("password:\n  nextline-s3cret77\n", "nextline-s3cret77"),
    (f"key sk-ant-api03-{A}", A[:16]),
    (f"sk-proj-{A}", A[:24]),
    (f"ghp_{A[:36]}", A[:20]),
    (f"use AKIA{'ABCD2345' * 2} now", "ABCD2345"),
    (f"eyJ{A[:20]}.eyJ{A[:20]}.{A[:20]}", A[:16]),
    (f"-----BEGIN RSA PRIVATE KEY-----\nMIIEow{A[:58]}\n{A[:64]}\n-----END RSA PRIVATE KEY-----\n", A[:16]),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A0B\n\n"
        f"{A[:64]}\n{A[:64]}\n-----END RSA PRIVATE KEY-----",
        A[:16],
    ),
    (f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{A[:64]}\n-----END ENCRYPTED PRIVATE KEY-----", A[:16]),
    (f"-----BEGIN OPENSSH PRIVATE KEY-----\n{A[:64]}\n{A[:64]}\n", A[:16]),
    (f"Private-Lines: 2\n{A[:64]}\n{A[:64]}\nPrivate-MAC: 0a", A[:16]),
    (f"FlyV1 fm2_{A}", A[:16]),
    (f"a{'1' * 13}.atlasv1.{A[:64]}", A[:16]),
)  # fmt: skip
"""A text, and what of it must never be seen."""
CASES = pytest.mark.parametrize(("text", "secret"), TEXTS, ids=[text[:30] for text, _ in TEXTS])
AROUND = ("{}", "say {} and more", "{}\nmore\n")


@CASES
@pytest.mark.parametrize("around", AROUND)
def test_it_is_found_wherever_it_stands(text: str, secret: str, around: str) -> None:
    said = around.replace("{}", text)
    assert secret in said
    redactor = Redactor()
    masked = redactor.text(said)
    assert secret not in masked
    assert masked.count("<redacted ") == redactor.counts.total() > 0
    assert Redactor().text(masked) == masked, "what is masked stays as it is"


class Script:
    """A reader that reports one event for each byte."""

    def __init__(self, events: list[BuildEvent]) -> None:
        self.counts = Counts()
        self._events = events

    def feed(self, data: bytes) -> list[Reported]:
        return [Reported(self._events[number]) for number in data]

    def finish(self) -> list[Reported]:
        return [Reported(BuildEnded("completed"))]


def streamed(events: list[BuildEvent], note: str = "n") -> Iterator[str]:
    """What watchers have seen of a note, after each event."""
    reader = Redacted(Script(events), Redactor())
    seen = ""
    for number in range(len(events) + 1):
        for report in reader.feed(bytes([number])) if number < len(events) else reader.finish():
            if isinstance(report.event, TextAdded) and report.event.id == note:
                seen += report.event.text
        yield seen


def added(*pieces: str) -> list[BuildEvent]:
    return [TextAdded("n", piece) for piece in pieces]


@CASES
def test_no_split_shows_it(text: str, secret: str) -> None:
    """Nor does it change what is shown in the end."""
    said = f"say {text} and more"
    whole = Redactor().text(said)
    for at in range(1, len(said), 1 + len(said) // 100):
        assert [*streamed(added(said[:at], said[at:]))][-1] == whole, at


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_no_three_pieces_show_it_with_anything_between_them(case: tuple[str, str], data: st.DataObject) -> None:
    text, secret = case
    said = data.draw(st.sampled_from(AROUND)).replace("{}", text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), min_size=2, max_size=2)))
    pieces = [said[: cuts[0]], said[cuts[0] : cuts[1]], said[cuts[1] :]]
    others = st.sampled_from([None, ToolStarted("t", "Bash", Raw(b"{}")), TextAdded("other", "words ")])
    events: list[BuildEvent] = []
    for piece in added(*pieces):
        between = data.draw(others)
        events += [piece] if between is None else [piece, between]
    assert not any(secret in seen for seen in streamed(events)), pieces


@CASES
def test_letter_by_letter(text: str, secret: str) -> None:
    said = f"say {text} and more"
    assert [*streamed(added(*said))][-1] == Redactor().text(said)


@pytest.mark.parametrize("space", ["", " ", "  ", "\t", " \t "])
@pytest.mark.parametrize("sign", ["=", ":", ":=", "=>"])
def test_the_sign_between_as_a_word_of_its_own(space: str, sign: str) -> None:
    for value, seen in (("hunter2x", "hunter2x"), ("'hunter two'", "hunter two"), ('"hunter two"', "hunter two")):
        said = [*streamed(added("the password", space, sign, space, value, " follows"))]
        assert not any(seen in text for text in said), said
        assert said[-1].endswith(" follows")


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\u00ad", "\ufeff", "\u2060", "\x1b[0m", "\x1b[1;32m", "\U000e0041", "\x00", "\u200d"]
)
@pytest.mark.parametrize(
    ("text", "secret"), [TEXTS[20], ("key ghp_" + A[:36], A[:20]), ("DB_PASSWORD=correcthorse", "rrecthorse")]
)
def test_unseen_characters_hide_nothing(text: str, secret: str, unseen: str) -> None:
    for at in range(1, len(text)):
        said = text[:at] + unseen + text[at:]
        for seen in (Redactor().text(said), *streamed(added(said[: at + 1], said[at + 1 :]))):
            assert secret not in "".join(char for char in seen if char not in unseen), said


def test_what_hides_nothing_stays() -> None:
    for said in (
        "a \x1b[32mgreen\x1b[0m word",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f468\u200d\U0001f469 \u2713\ufe0f",
    ):
        assert Redactor().text(said) == said
        assert [*streamed(added(said))][-1] == said


def test_notes_that_grow_at_once_wait_each_for_its_own() -> None:
    events: list[BuildEvent] = [TextAdded("n", "password ="), TextAdded("m", "hello ")]
    events += [TextAdded("n", " hunter2x"), TextAdded("m", "world"), TextAdded("n", " end")]
    assert [*streamed(events)][-1] == "password = <redacted assigned-secret> end"
    assert [*streamed(events, "m")][-1] == "hello world"
    many: list[BuildEvent] = [TextAdded(f"n{number}", "DB_PASSWORD") for number in range(100)]
    assert [*streamed(many, "n0")][-2] == "DB_PASSWORD", "they are not kept without bounds"


def test_a_last_word_like_any_other_is_shown_when_something_else_happens() -> None:
    seen = [*streamed([*added("I run the tests."), ToolStarted("t", "Bash", Raw(b"{}")), *added(" Done.")])]
    assert seen[0] == "I run the "
    assert seen[1] == "I run the tests."
    assert seen[-1] == "I run the tests. Done."


def test_own_patterns_of_several_words_wait_too() -> None:
    reader = Redacted(Script(added("the launch ", "code is ", "blue ", "today ")), Redactor([r"(code is )\w+"]))
    reports = [report for number in range(4) for report in reader.feed(bytes([number]))]
    text = "".join(report.event.text for report in [*reports, *reader.finish()] if isinstance(report.event, TextAdded))
    assert text == "the launch code is <redacted own> today "


def test_without_the_package_that_knows_halves_whole_lines_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing_module, "half_pattern", lambda pattern: None)
    for text, secret in [case for case in TEXTS if "\n" not in case[0].strip()]:
        for at in range(1, len(text), 5):
            assert secret not in [*streamed(added(text[:at], text[at:], " and more"))][-1], (text, at)
    for text in ("password: |-\n  NextlineS3cret77\n", "api_key =\nNextlineS3cret77", "api_key\n=\nNextlineS3cret77"):
        for pieces in (text, [text[:15], text[15:]], [text, "\n", "more\n"]):
            assert "NextlineS3cret77" not in [*streamed(added(*pieces))][-1], pieces
    assert Redactor().grown("it is\nplain text ") == ("it is\nplain text ", "")


SIGNS = [*dict.fromkeys(sign.encode() for rule in REDACTION_RULES for sign in rule.signs), b"\xe2\x80\x8b"]
FINDERS = occurrences(SIGNS), branching(SIGNS)
PARTS = [
    "token",
    "Token",
    "sk-",
    "sk-ant-",
    "TOKEN_",
    "://",
    "\u00e4",
    " x",
    "\u200b",
    "api_key",
    "ghp_",
    "AP",
    "API_KEY",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PARTS)))
def test_signs_are_found_alike_without_the_automaton(parts: list[str]) -> None:
    quick, slow = (sorted(find("".join(parts).encode())) for find in FINDERS)
    assert slow == quick


def test_it_works_where_the_automaton_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ahocorasick_rs", None)
    find = occurrences(SIGNS)
    assert [SIGNS[number] for number, _, _ in find(b"sk-ant-")] == [b"sk-", b"sk-ant-"]
    redactor = Redactor(find=occurrences(ALL_SIGNS))
    for text, secret in TEXTS:
        assert secret not in redactor.text(text)


@pytest.mark.parametrize(
    "said",
    [
        "const token = getToken(request)", "token: string;", "password: str | None = None", "self.password = password",
        "next_page_token = page.next_token", "max_tokens=4096", "tokens: 1234567", "TOKEN_URL=https://x.example/t",
        "if (token === 'x') {", "token == other", "password=os.environ['DB_PASSWORD']", "API_KEY=${API_KEY}",
        "api_key: <your api key>", "Authorization: Bearer ${token}", "password: '********'", "PASSWORD_FILE=/run/x",
        'f"Bearer {token}"', 'headers={"Authorization": f"Bearer {token}"}', "https://ada@example.com/x",
        "the token is expired", "Bearer of news", "Cookie: a small cake", "Basic understanding of it", "secret santa",
        'type="password" name="password"', "curl -u $USER:$PASSWORD https://x", "mysql -port 3306", "ls --all /tmp",
        "public_key=abc123def456", "the password must be: long enough", "git push --token", "key: value9key9",
        '{"token_type": "bearer1234"}', "docker run mysql -p 3306:3306", "?page_token=abc", "PWD=/home/ada",
        "OLDPWD=/x", "PASSWORD=", "token:", "password =", "password = \n\nnext: x1234567",
        "  password: |\n  user: ada\n", "token: |\n  ${{ secrets.TOKEN }}\n", "description: |\n  Text S3cret77\n",
        "password: >-\n  The password must be entered by the user.\n", "password: |-\nport: 5432",
        "const token =\n  base64Value;", "val token =\n    sessionToken22", "secret =\n  load_key22(path)",
        "API_KEY=\nDB2_PORT22=\n", "token:\n  env12: x1", "token:\n- abc12def34", "class AccessKey:\n    @property\n",
        "secret:\n  src/foo12/bar.py",
        "The token:\nthis describes how it works", "Secret\n======\nVersion12a34", "token:\n2026-11-28T09:00:00Z",
        "password =\n  os.environ['DB_PASSWORD22']", "secret:\n  https://example.com/a1b22",
    ],
)  # fmt: skip
def test_what_only_looks_like_one_stays(said: str) -> None:
    assert Redactor().text(said) == said


HOSTILE = {
    "names": "password" * 40_000, "assigned": "token=" * 50_000, "quotes": 'token="' * 40_000, "curl": "curl " * 60_000,
    "flags": "--token " * 40_000, "cookies": "Cookie: a=b; " * 20_000, "one cookie": "Cookie: " + "a=b; " * 60_000,
    "tags": "<token>" * 40_000, "queries": "?token=&" * 40_000, 
    "keys": "-----BEGIN RSA PRIVATE KEY-----\n" + "a" * 300_000,
    "machines": "machine a login " * 20_000, "escapes": "\x1b[" * 100_000, "strings": "\x1b]" * 60_000,
    "gaps": "password" + " " * 300_000, "slashes": "token" + "\\" * 300_000, "basic": "Basic " + "a" * 300_000,
    "typed": "token: a" + "b" * 300_000, "mysql": "mysql -" * 40_000, "signs": "token" + "=" * 300_000,
    "blocks": "token: |\n  a\n" * 20_000, "one block": "token: |\n" + "  a1b2\n" * 60_000,
    "empty block": "token: |\n" + "   \n" * 70_000, "next lines": "token =\n" * 30_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_no_more_than_linear_time(name: str) -> None:
    said = HOSTILE[name]
    start = time.process_time()
    Redactor().text(said)
    assert time.process_time() - start < 3


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_that_grows(name: str) -> None:
    said, redactor, waits = HOSTILE[name][:30_000], Redactor(), ""
    start = time.process_time()
    for at in range(0, len(said), 500):
        _, waits = redactor.grown(waits + said[at : at + 500])
        assert len(waits) <= 33_000
    assert time.process_time() - start < 6
