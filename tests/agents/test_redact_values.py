"""Values of tools: a name at any depth says that its value is secret."""

import json
from typing import Any

import pytest
from msgspec import Raw

from sentryvibe_tui.agents.redact import Redactor
from sentryvibe_tui.model.events import ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import CodexReported
from sentryvibe_tui.wire.json import plain

HIDDEN: list[Any] = [
    {"password": "x"}, {"password": 12345678}, {"password": ["a1", "b2"]}, {"dbPassword": "tr0ub4dor"},
    {"env": {"OPENAI_API_KEY": "abc"}}, {"env": {"DB_PASSWORD": "correct horse battery staple"}},
    {"headers": {"Authorization": "Bearer abc"}}, {"headers": {"authorization": "Basic YWRhOmxvdmVsYWNl"}},
    {"headers": {"Cookie": "a=b; c=d"}}, {"headers": {"set-cookie": ["a=b; Path=/", "c=d"]}},
    {"headers": {"X-Api-Key": "abc", "X-Auth-Token": "def"}}, {"headers": [["Authorization", "Bearer abc"]]},
    {"headers": [{"name": "Authorization", "value": "Bearer abc"}]}, {"env": [{"name": "DB_PASSWORD", "value": "x"}]},
    {"args": ["--password", "x"]}, {"args": ["--token=x"]}, ["app", "--api-key", "x y"], ["DB_PASSWORD=correct horse"],
    ["curl", "-u", "ada:lovelace", "https://x"], ["/usr/bin/mysql", "-uroot", "-psecret"], ["sshpass", "-p", "x"],
    ["docker", "run", "-e", "API_KEY=x"], ["redis-cli", "-a", "x"], {"command": "curl -u ada:lovelace https://x"},
    {"auths": {"https://index.docker.io/v1/": {"auth": "YWRhOmxvdmVsYWNl"}}}, {"secret": {"value": "x1"}},
    {"kind": "Secret", "data": {"any": "Zm9v"}, "stringData": {"other": "bar"}},
    {"a": [{"b": [{"clientSecret": "x"}]}]},
    {"content": 'DB_PASSWORD="x y"\n'}, {"content": '{"password":"x"}'}, {"url": "redis://:pw@host"},
    {"ghp_" + "a1B2" * 9: 1, "ghp_" + "a1B3" * 9: 2}, {"text": "sk-ant-\u200bapi03-" + "Ab3" * 20},
    {"text": "password\u001b[0m = 'x y'"}, "token = 'abcdef123'",
    {"content": "password: |-\n  BlockS3cretPw77\n"}, "api_key =\n  NextlineS3cret77",
    ["client_secret\n=\nNextlineS3cret77"],
]  # fmt: skip
MASK = "<redacted assigned-secret>"


def masked(value: Any) -> Any:
    for event in (
        ToolStarted("t", "Bash", Raw(json.dumps(value).encode())),
        ToolEnded("t", Raw(json.dumps(value).encode())),
    ):
        redactor = Redactor()
        shown = redactor.event(event)
        assert isinstance(shown, ToolStarted | ToolEnded)
        inner = plain(shown.input if isinstance(shown, ToolStarted) else shown.output)
        assert redactor.counts.total() == json.dumps(inner).count("<redacted ")
    return inner


@pytest.mark.parametrize("value", HIDDEN, ids=[json.dumps(value)[:50] for value in HIDDEN])
@pytest.mark.parametrize("depth", [0, 3])
def test_it_is_hidden_at_any_depth(value: Any, depth: int) -> None:
    for _ in range(depth):
        value = {"deep": [value, "x"]}
    assert "<redacted " in json.dumps(masked(value))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"Authorization": "Bearer abc"}, {"Authorization": f"Bearer {MASK}"}),
        (["app", "--password", "x y", "-v"], ["app", "--password", "<redacted assigned-secret>", "-v"]),
        (["--token=x"], ["--token=<redacted assigned-secret>"]),
        (["mysql", "-psecret", "shop"], ["mysql", "-p<redacted assigned-secret>", "shop"]),
        ([{"name": "DB_PASSWORD", "value": "x"}], [{"name": "DB_PASSWORD", "value": MASK}]),
        ({"apiKey": "sk-ant-api03-" + "Ab3" * 20}, {"apiKey": "<redacted anthropic-key>"}),
        ({"password": None, "token": True, "secret": ""}, {"password": None, "token": True, "secret": ""}),
    ],
)  # fmt: skip
def test_what_stands_around_it_stays(value: Any, shown: Any) -> None:
    assert masked(value) == shown


def test_two_keys_that_look_alike_stay_two() -> None:
    assert masked({"ghp_" + "a1B2" * 9: 1, "ghp_" + "a1B3" * 9: 2}) == {
        "<redacted github-token>": 1,
        "<redacted github-token> 2": 2,
    }


@pytest.mark.parametrize(
    "value",
    [
        {"tokens": 4096, "max_tokens": 12, "token_count": "5", "nextPageToken": "CAUQAA"},
        {"password": "${DB_PASSWORD}"},
        {"type": "object", "properties": {"password": {"type": "string", "description": "The password of the user."}}},
        {"token": "<your token>"}, {"api_key": "********"}, {"headers": {"Authorization": "Bearer $TOKEN"}},
        ["git", "push", "--force"], ["--password", "--verbose"], {"auth": "none"}, {"old_string": "self.token = token"},
        {"required": ["password", "token"]}, {"fields": ["password", "confirm_password"]}, {"pwd": "/home/ada/shop"},
        {"key": "ArrowDown"}, {"private_key_path": "/home/ada/.ssh/id_rsa"}, {"cookie": ""}, {"author": "ada"},
        ["docker", "run", "-p", "80:80"], ["mkdir", "-p", "a/b"],
    ],
    ids=lambda value: json.dumps(value)[:40],
)  # fmt: skip
def test_what_only_looks_like_one_stays(value: Any) -> None:
    assert masked(value) == value


def test_the_original_s_extra_object() -> None:
    shown = Redactor().event(CodexReported(Raw(b'{"env":{"TOKEN":"abc"}}')))
    assert isinstance(shown, CodexReported)
    assert bytes(shown.codex) == b'{"env":{"TOKEN":"<redacted assigned-secret>"}}'
