"""Values that a name says are secret, in texts: `DB_PASSWORD=x`, `"apiKey": "x"`, `--token x`, `<password>x</…`."""

from __future__ import annotations

import re

from .grammar import ARGUMENT, GAP, VALUE, at_sign, spaced_rule
from .names import STEMS, NameKind, branches, name_kind, stem_pattern
from .naming import TAIL, whole_name
from .rule import Rule
from .worth import is_bare_secret, is_literal_secret, is_quoted_secret, is_variable_secret

_ASSIGNS = (
    rf"(?:\\{{0,3}}[\"'`](?:\]|\s{{0,64}})|{GAP}){GAP}"
    rf"(?::[ \t]?[A-Za-z][\w.\[\]|]{{0,32}}[ \t]?=(?![=>~])|=>|[:?+]?=(?![=>~])|:(?![:=])|value{GAP}=)"
    rf"(?:\s{{0,64}}(?=[\"'])|{GAP})(?:[bBrRuUfF]{{1,2}}(?=[\"']))?"
)
_LINE_START = re.compile(r"(?:^|\n)[ \t]*(?:-[ \t]+|export[ \t]+)?\Z")
_LINE_END = re.compile(r"[ \t]*(?:#.*)?(?:\r?\n|\Z)")


def _is_assigned(match: re.Match[str]) -> bool:
    name = whole_name(match)
    kind = name_kind(name)
    if not kind:
        return False
    if match["quoted"]:
        return is_quoted_secret(kind, match["quoted"])
    sign = match[1][len(match["name"]) :]
    if _is_variable(match, name, sign):
        return is_variable_secret(kind, match["bare"])
    return _is_bare(match, kind, sign)


def _is_variable(match: re.Match[str], name: str, sign: str) -> bool:
    """`NAME=value`, `NAME: value`, and what stands in a connection's settings: `Password=x;`."""
    if name.upper() == name:
        return sign.lstrip("\"'`\\])").rstrip() in ("=", ":")
    return sign == "=" and match.string[match.end() : match.end() + 1] == ";"


def _is_bare(match: re.Match[str], kind: NameKind, sign: str) -> bool:
    said, start = match.string, match.start("name") - len(whole_name(match)) + len(match["name"])
    has_line = bool(_LINE_START.search(said[max(0, start - 64) : start])) and bool(_LINE_END.match(said, match.end()))
    return is_bare_secret(kind, match["bare"], sign in ("=", ":") or has_line)


def _is_argument(match: re.Match[str]) -> bool:
    kind, value = name_kind(match["name"].strip("-")), match["quoted"] or match["bare"] or ""
    return bool(kind) and is_literal_secret(kind, value) and not value.startswith("-")


def _is_element(match: re.Match[str]) -> bool:
    kind = name_kind(match["name"])
    return bool(kind) and is_literal_secret(kind, match[0][len(match[1]) :])


_STEMS = " ".join(STEMS)
_SETTING = ("setenv", "setx", "ENV", "-gx", "-Ux", "-xg", "-xU", "-lx", "configure", "config")

ASSIGNED = (
    spaced_rule(
        "assigned-secret",
        _STEMS,
        rf"(--(?P<name>[A-Za-z0-9_.-]{{2,60}})(?:=|[ \t]{{1,8}}){ARGUMENT}){VALUE}",
        _is_argument,
    ),
    Rule(
        "assigned-secret",
        _SETTING,
        rf"((?:{branches(_SETTING)})(?:[ \t]set)?[ \t]{{1,8}}(?P<name>[\w./:-]{{2,100}})[ \t]{{1,8}}{ARGUMENT}){VALUE}",
        _is_argument,
        is_spaced=True,
        is_at_sign=True,
    ),
    spaced_rule(
        "assigned-secret",
        "keypass storepass -Password -password -Token -token -ApiKey -apiKey",
        rf"(-(?P<name>(?:key|store)pass|[pP]assword|[tT]oken|[aA]pi[kK]ey)[ \t]{{1,8}}{ARGUMENT}){VALUE}",
        _is_argument,
    ),
    Rule(
        "assigned-secret",
        STEMS,
        rf"((?P<name>{stem_pattern()}{TAIL}){_ASSIGNS}{ARGUMENT}){VALUE}",
        _is_assigned,
        is_spaced=True,
        prefix=rf"((?P<name>[\w.-]{{3,80}}){_ASSIGNS}{ARGUMENT}){VALUE}",
        is_at_sign=True,
    ),
    spaced_rule(
        "assigned-secret",
        _STEMS,
        r"(<(?P<name>[\w.:-]{3,60})(?:[ \t][^<>\n]{0,200})?>)[^<>\n]{1,2048}(?=</)",
        _is_element,
    ),
    at_sign(
        "assigned-secret",
        "<key>",
        r"(<key>(?P<name>[\w.:-]{3,60})</key>\s{0,64}<string>)[^<>\n]{1,2048}(?=</)",
        _is_element,
    ),
    spaced_rule(
        "basic-auth",
        'auth"',
        r"(auth\\{0,3}\"\s{0,64}:\s{0,64}\\{0,3}\")[A-Za-z0-9+/_-]{6,2048}={0,2}(?=\\{0,3}\")",
        lambda match: is_literal_secret("basic", match[0][len(match[1]) :]),
    ),
)  # fmt: skip
