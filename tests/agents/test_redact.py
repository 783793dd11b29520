import base64
import json
import random
import sys
import time
from typing import Any

import pytest
from msgspec import Raw

from sentryvibe_tui.agents.claude.stream import ClaudeStream
from sentryvibe_tui.agents.common.reader import Counts, Reported
from sentryvibe_tui.agents.redact import Redacted, Redactor
from sentryvibe_tui.model.activity import Request
from sentryvibe_tui.model.events import ActivityReported, TextAdded, TodosReported, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import AgentReported, BackgroundMoved, BuildEnded, Noticed, RequestOpened, TodoItem
from sentryvibe_tui.model.questions import LIMIT, permission
from sentryvibe_tui.model.state import Agent
from sentryvibe_tui.model.text import clip_end

A = "Ab3" * 20
H = "0a9f" * 20
SECRETS = {
    "anthropic-key": f"sk-ant-api03-{A}",
    "openai-key": f"sk-proj-{A}",
    "github-token": f"ghp_{A[:36]}",
    "gitlab-token": f"glpat-{A[:20]}",
    "aws-key-id": "AKIA" + "ABCD2345" * 2,
    "google-key": "AIza" + A[:35],
    "slack-token": "xoxb-" + "1234567890-abc",
    "stripe-key": "sk_" + "live_" + A[:24],
    "npm-token": "npm_" + A[:36],
    "xai-key": "xai-" + A + A,
    "groq-key": "gsk_" + A[:52],
    "perplexity-key": "pplx-" + A[:48],
    "replicate-token": "r8_" + A[:37],
    "tavily-key": "tvly-dev-" + A[:32],
    "langsmith-key": f"lsv2_pt_{H[:32]}_{H[:10]}",
    "vault-token": "hvs." + A[:30],
    "digitalocean-token": "dop_v1_" + H[:64],
    "databricks-token": "dapi" + H[:32],
    "docker-token": "dckr_pat_" + A[:27],
    "shopify-token": "shpat_" + H[:32],
    "atlassian-token": "ATATT3" + A + A,
    "linear-key": "lin_api_" + A[:40],
    "notion-token": "ntn_" + A[:46],
    "sentry-token": "sntrys_" + A,
    "grafana-token": f"glsa_{A[:32]}_0a1b2c3d",
    "supabase-key": "sbp_" + H[:40],
    "postman-key": f"PMAK-{H[:24]}-{H[:34]}",
    "new-relic-key": "NRAK-" + "AB3" * 9,
    "pulumi-token": "pul-" + H[:40],
    "rubygems-key": "rubygems_" + H[:48],
    "age-key": "AGE-SECRET-KEY-1" + "QPZ" * 19 + "Q",
    "telegram-token": "123456789:AA" + A[:33],
    "json-web-token": f"eyJ{A[:20]}.eyJ{A[:20]}.{A[:20]}",
    "private-key": f"-----BEGIN RSA PRIVATE KEY-----\n{A}\n{A}\n-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_known_shapes_are_masked_and_counted(kind: str) -> None:
    secret = SECRETS[kind]
    redactor = Redactor()
    assert redactor.text(f"use {secret} here") == f"use <redacted {kind}> here"
    assert redactor.counts == {kind: 1}
    value = Raw(json.dumps({"env": [f"a\n{secret}\n"]}).encode())
    masked = redactor.event(ToolStarted("t", "Bash", value))
    assert isinstance(masked, ToolStarted)
    assert masked.input is not None
    assert json.loads(bytes(masked.input)) == {"env": [f"a\n<redacted {kind}>\n"]}


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("Authorization: Bearer abcdefghijklmnopqrstuvwx", "Authorization: Bearer <redacted bearer-token>"),
        ("AccountName=a;AccountKey=" + A + "==;", "AccountName=a;AccountKey=<redacted azure-key>;"),
        ("postgres://ada:hunter22@db/x", "postgres://ada:<redacted url-password>@db/x"),
        ("DB_PASSWORD=correcthorse", "DB_PASSWORD=<redacted assigned-secret>"),
        ('STRIPE_SECRET="abcdefgh1"', 'STRIPE_SECRET="<redacted assigned-secret>"'),
        ("password: |-\n  BlockS3cretPw77\nport: 5", "password: |-\n  <redacted assigned-secret>\nport: 5"),
        ("api_key =\n  NextlineS3cret77\nend", "api_key =\n  <redacted assigned-secret>\nend"),
        ("client_secret\n=\nNextlineS3cret77", "client_secret\n=\n<redacted assigned-secret>"),
        (f"aws_secret_access_key = {A[:40]}", "aws_secret_access_key = <redacted aws-secret-key>"),
        (r"{\"apiKey\": \"abcdefgh1\"}", r"{\"apiKey\": \"<redacted assigned-secret>\"}"),
        (f'"A=1\\nsk-ant-{A}\\neyJ{A}.eyJ{A}.{A}"', r'"A=1\n<redacted anthropic-key>\n<redacted json-web-token>"'),
    ],
)
def test_what_stands_before_a_secret_stays(said: str, masked: str) -> None:
    assert Redactor().text(said) == masked


@pytest.mark.parametrize(
    "harmless",
    [
        "task-list and desk-lamp, sk-learn", "const token = getToken(request)", "https://example.com:8080/a@b",
        "MAX_TOKENS = 4096", "Bearer of news", "git commit 0123456789abcdef0123456789abcdef01234567",
        "postgres://ada:${PASSWORD}@db", "-----BEGIN CERTIFICATE-----", "sk-", "eyJ", "$API_KEY",
        "550e8400-e29b-41d4-a716-446655440000", "sha512-" + base64.b64encode(bytes(range(64))).decode(),
        base64.b64encode(random.Random(1).randbytes(1_000_000)).decode(),
        base64.urlsafe_b64encode(random.Random(2).randbytes(300_000)).decode(),
        random.Random(3).randbytes(300_000).hex(), '"password": "Your password, please"', "load_hf_" + "Abc" * 12,
    ],
    ids=lambda harmless: harmless[:30],
)  # fmt: skip
def test_ordinary_text_stays(harmless: str) -> None:
    redactor = Redactor()
    assert redactor.text(harmless) == harmless
    assert redactor.news() is None


def test_own_patterns() -> None:
    assert Redactor([r"(house=)\w+", "blue"]).text("house=red blue") == "house=<redacted own> <redacted own>"
    with pytest.raises(ValueError, match=r"redaction pattern '\[' is no regular expression"):
        Redactor(["["])
    with pytest.raises(ValueError, match=r"redaction pattern 'x\*' fits nothing at all, and so everywhere"):
        Redactor(["x*"])


def test_own_patterns_are_refused_where_nothing_can_look_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "regex", None)
    with pytest.raises(ValueError, match="need the package `regex`"):
        Redactor(["blue"])
    assert Redactor().text("DB_PASSWORD=correcthorse") == "DB_PASSWORD=<redacted assigned-secret>"


def test_what_an_own_pattern_cannot_look_through_in_time_is_not_shown() -> None:
    redactor = Redactor(["(?:a|aa)+b"])
    began = time.process_time()
    assert redactor.text("a" * 200) == "<redacted: '(?:a|aa)+b' took too long>"
    assert time.process_time() - began < 5
    assert redactor.text("ab and so on") == "<redacted own> and so on"
    assert redactor.counts == {"own": 1, "'(?:a|aa)+b', too slow": 1}


def test_a_title_that_was_cut_ends_before_half_a_secret() -> None:
    redactor = Redactor()
    for title, shown in (
        ("use ghp_a1B2a1B2a1…", "use …"),
        ("use it well, then…", "use it well, then…"),
        (f"use {SECRETS['github-token']}…", "use <redacted github-token>…"),
    ):
        event = redactor.event(AgentReported(Agent(title=title)))
        assert isinstance(event, AgentReported)
        assert event.agent.title == shown


@pytest.mark.parametrize("kept", range(1, 41, 3))
def test_words_of_a_call_that_were_cut_end_before_half_a_secret(kept: int) -> None:
    """What is cut before it is masked: a request's title, and what runs in the background."""
    secret = "ghp_" + "a1B2" * 9
    redactor, said = Redactor(), {200: "w " * 200, LIMIT: "w " * LIMIT}
    title = said[LIMIT][: LIMIT - 1 - kept - len("permission: Bash: ")] + secret
    what = clip_end(said[200][: 199 - kept] + secret, 200)
    asked = Request("r", title=permission("Bash", Raw(json.dumps({"command": title}).encode())))
    for event in (RequestOpened(asked), BackgroundMoved("c", what), ActivityReported("waiting-machine", what)):
        shown = str(redactor.event(event))
        assert secret[: max(kept, 4)] not in shown


def test_ids_and_names_hold_no_secret_and_stay_different() -> None:
    redactor = Redactor(["[0-9a-f]{8}-[0-9a-f-]{27}"])
    names = (SECRETS["npm-token"], SECRETS["npm-token"][:-1] + "Z", "550e8400-e29b-41d4-a716-446655440000", "call_1")
    seen: dict[str, str] = {}
    for name in names:
        start = redactor.event(ToolStarted(name, name, Raw(b"1"), parent_id=name))
        end = redactor.event(ToolEnded(name, Raw(b"1"), name=name))
        todos = redactor.event(TodosReported((TodoItem("dig", id=name),), call_id=name))
        note = redactor.event(TextAdded(name, "hello"))
        assert isinstance(start, ToolStarted)
        assert isinstance(end, ToolEnded)
        assert isinstance(todos, TodosReported)
        assert isinstance(note, TextAdded)
        ids = {start.id, start.parent_id, end.id, todos.call_id, todos.todos[0].id, note.id}
        assert len(ids) == 1, "what was one id is one"
        seen[name] = start.id
        assert start.name == end.name == Redactor(["[0-9a-f]{8}-[0-9a-f-]{27}"]).text(name)
        assert Redactor().identity(start.id) == start.id, "an id that is masked already stays"
    assert len(set(seen.values())) == len(names)
    assert seen.pop("call_1") == "call_1"
    assert not any(name in masked for name, masked in seen.items())


@pytest.mark.parametrize("whole", [True, False])
def test_what_a_subagent_says_stays_under_its_call_whatever_its_id_holds(run: Any, whole: bool) -> None:
    key = SECRETS["npm-token"]
    name = f"call-{key}"
    call, text = ToolStarted(name, "Task"), TextAdded("n", "hello there ", whole=whole, parent_id=name)
    masked = Redactor().event(call)
    assert isinstance(masked, ToolStarted)
    assert key not in masked.id

    class Told:
        counts = Counts()

        def feed(self, data: bytes) -> list[Reported]:
            return [Reported(call, None), Reported(text, None)]

        def finish(self) -> list[Reported]:
            return []

    events = [report.event for report in run(Redacted(Told(), Redactor()), {})]
    assert {event.parent_id for event in events if isinstance(event, TextAdded)} == {masked.id}


def test_each_build_has_its_own_count() -> None:
    redactor = Redactor(["blue"])
    other = redactor.copy()
    assert other.text("blue") == "<redacted own>"
    assert (redactor.news(), other.news()) == (None, Noticed("masked 1 secret: own ×1"))
    assert other.news() is None
    other.text("blue blue")
    assert other.news() == Noticed("masked 3 secrets: own ×3")


def test_every_text_of_every_event() -> None:
    secret, masked = SECRETS["github-token"], "<redacted github-token>"
    redactor = Redactor()
    assert redactor.event(TodosReported((TodoItem(secret, active_form=secret),))) == TodosReported(
        (TodoItem(masked, active_form=masked),)
    )
    assert redactor.event(BuildEnded("failed", secret, secret)) == BuildEnded("failed", masked, masked)
    assert redactor.event(ToolEnded("t", Raw(json.dumps(secret).encode()))) == ToolEnded(
        "t", Raw(json.dumps(masked).encode())
    )


class _Script:
    """A reader that reports what it is told to."""

    def __init__(self, *reports: Reported) -> None:
        self.counts = Counts()
        self._reports = reports

    def feed(self, data: bytes) -> list[Reported]:
        return [self._reports[byte] for byte in data]

    def finish(self) -> list[Reported]:
        return [Reported(BuildEnded("completed"))]


def test_a_secret_streamed_in_pieces_never_shows(fold: Any) -> None:
    said = f"the key is {SECRETS['anthropic-key']} indeed"
    pieces = [said[at : at + 5] for at in range(0, len(said), 5)]
    script = _Script(*(Reported(TextAdded("n", piece)) for piece in pieces))
    reader = Redacted(script, Redactor())
    reports = [report for number in range(len(pieces)) for report in reader.feed(bytes([number]))]
    for upto in range(len(reports)):
        assert "sk-" not in "".join(r.event.text for r in reports[:upto] if isinstance(r.event, TextAdded))
    state = fold([*reports, *reader.finish()])
    assert [note.text for note in state.notes()] == [
        "the key is <redacted anthropic-key> indeed",
        "masked 1 secret: anthropic-key ×1",
    ]


KEY_LINES = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow" + "IBAAKCAQEA\n" * 12 + "-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"so {KEY_LINES} ends", "so <redacted private-key> ends"),
        (json.dumps(KEY_LINES), '"<redacted private-key>"'),
        ("curl -H 'Authorization: Bearer abcdefghijklmnopqrstuvwx' x", "Bearer <redacted bearer-token>"),
        ("password: |-\n  BlockS3cretPw77\n  IBAAKC\nport", "|-\n  <redacted assigned-secret>\nport"),
        ("client_secret\n=\nIBAAKCs3cret77 x", "client_secret\n=\n<redacted assigned-secret> x"),
        ("export DB_PASSWORD: correcthorse battery", "DB_PASSWORD: <redacted assigned-secret> battery"),
    ],
    ids=["key", "key in JSON", "bearer", "block", "next line", "assigned"],
)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_what_says_that_a_secret_follows_waits_for_it(said: str, shown: str, size: int) -> None:
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    script = _Script(*(Reported(TextAdded("n", piece)) for piece in pieces))
    reader = Redacted(script, Redactor())
    reports = [report for number in range(len(pieces)) for report in reader.feed(bytes([number]))]
    text = "".join(r.event.text for r in [*reports, *reader.finish()] if isinstance(r.event, TextAdded))
    assert shown in text
    assert "IBAAKC" not in text


def test_lines_do_not_wait() -> None:
    def waits(said: str) -> str:
        told, waiting = Redactor().grown(said)
        assert told + waiting == said
        return waiting

    for said in ("a line\n", "-----BEGIN CERTIFICATE-----\nMIIE\n", "x" * 5000 + "\n"):
        assert waits(said) == ""
    assert Redactor().grown(KEY_LINES + "\n") == ("<redacted private-key>\n", "")
    assert Redactor().grown("-----BEGIN PRIVATE KEY-----\n" + "MIIE\n" * 20_000)[1] == "", "no key is that long"
    assert waits("y" * 5000) == waits("a b\n" + "y" * 5000) == ""
    texts = ("one", "one two", "one two three", "one  two ", "a\none two")
    assert [*map(waits, texts)] == ["one", "two", "three", "", "two"]


def test_what_is_told_again_counts_once() -> None:
    words = f"use {SECRETS['npm-token']} "
    script = _Script(
        Reported(AgentReported(Agent(title=words))),
        Reported(TextAdded("n", words)),
        Reported(TextAdded("n", words, whole=True)),
        Reported(BuildEnded("completed")),
    )
    reader = Redacted(script, Redactor())
    reports = [report for number in range(4) for report in reader.feed(bytes([number]))]
    assert SECRETS["npm-token"] not in str(reports)
    assert [report.event for report in reports][-2:] == [
        Noticed("masked 1 secret: npm-token ×1"),
        BuildEnded("completed"),
    ]


def test_whole_texts_do_not_wait() -> None:
    reader = Redacted(_Script(Reported(TextAdded("n", "all of it", whole=True))), Redactor())
    assert len(reader.feed(b"\x00")) == 1


def test_a_word_without_end_is_passed_on() -> None:
    reader = Redacted(_Script(Reported(TextAdded("n", "x" * 1_000))), Redactor())
    shown = [report for _ in range(20) for report in reader.feed(b"\x00")]
    assert sum(len(report.event.text) for report in shown if isinstance(report.event, TextAdded)) >= 15_000


def test_it_wraps_any_reader(run: Any, fold: Any) -> None:
    text = {"type": "text", "text": f"key {SECRETS['npm-token']}"}
    lines = [{"type": "assistant", "session_id": "s", "message": {"id": "m", "content": [text]}}]
    reader = Redacted(ClaudeStream(), Redactor())
    state = fold(run(reader, b"noise", *lines))
    assert next(note.text for note in state.notes()) == "key <redacted npm-token>"
    assert reader.counts.noise == 1


HOSTILE = {
    "long key": "sk-" + "a" * 200_000 + "!",
    "names": "A_" * 100_000 + "TOKEN",
    "users": "://a:" * 40_000,
    "tokens": "eyJ" * 60_000,
    "split tokens": "eyJ-" * 60_000,
    "mails": "SG.aaaaaaaaaaaaaaaaaaa-" * 10_000,
    "headers of requests": "earer " * 50_000,
    "headers": "-----BEGIN PRIVATE KEY-----" * 5_000,
    "prefixes": "sk-a-" * 40_000,
    "words": "TOKEN" * 40_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_no_more_than_linear_time(name: str) -> None:
    start = time.process_time()
    Redactor().text(HOSTILE[name])
    assert time.process_time() - start < 2
