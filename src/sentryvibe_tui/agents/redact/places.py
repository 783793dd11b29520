"""Secrets that show by where they stand: in headers, URLs, and between the lines of a key."""

from __future__ import annotations

import re

from .grammar import ARGUMENT, GAP, QUOTE, VALUE, at_sign, spaced_rule
from .names import name_kind
from .worth import is_basic, is_literal_secret, is_reference


def _secret(match: re.Match[str]) -> str:
    return match[0][len(match[1]) :]


def _is_worth(match: re.Match[str]) -> bool:
    return is_literal_secret("token", _secret(match))


def _is_no_reference(match: re.Match[str]) -> bool:
    return not is_reference(_secret(match))


def _is_basic(match: re.Match[str]) -> bool:
    return is_basic(_secret(match))


def _is_bearer(match: re.Match[str]) -> bool:
    value = _secret(match)
    return not is_reference(value) and (len(value) >= 20 or any(char.isdigit() for char in value))


def _is_user_a_token(match: re.Match[str]) -> bool:
    """Not `https://ada@host`."""
    user = _secret(match)
    is_mixed = any(char.isdigit() for char in user) and any(char.isalpha() for char in user)
    return not is_reference(user) and (len(user) >= 20 or (len(user) >= 12 and is_mixed) or user.isupper())


def _is_query_secret(match: re.Match[str]) -> bool:
    """Some names stand for other things, too, which are short."""
    name, value = match[1].lstrip("?&;").removeprefix("amp;").rstrip("="), _secret(match)
    if name_kind(name) or name.lower().endswith(("sig", "signature")):
        return not is_reference(value)
    return name.lower() in _SESSIONS and len(value) >= 16 and any(char.isdigit() for char in value)


_SESSIONS = frozenset({"key", "auth", "jwt", "sid", "session", "hmac"})
_MARK = rf"(?:[bBrRuUfF]{{0,2}}{QUOTE})?"
_COOKIE = r"[\w.$!#%&*+^|~-]{1,128}=[^\s;,\"'`\\]{1,4096}"

HEADERS = (
    at_sign("bearer-token", "earer ", r"(earer[ \t]{1,8})[A-Za-z0-9._~+/-]{6,2048}=*", _is_bearer),
    at_sign("basic-auth", "asic ", r"(asic[ \t]{1,8})[A-Za-z0-9+/_-]{6,2048}={0,2}", _is_basic),
    at_sign(
        "authorization",
        "uthorization UTHORIZATION",
        rf"((?:uthorization|UTHORIZATION){_MARK}{GAP}[:=]{GAP}{_MARK}(?:[A-Za-z][\w-]{{1,24}}[ \t]{{1,8}})?)"
        r"[^\s\"'`\\,]{1,4096}",
        _is_worth,
    ),
    at_sign(
        "cookie",
        "ookie OOKIE",
        rf"((?:ookie|OOKIE){_MARK}{GAP}:{GAP}{_MARK}){_COOKIE}"
        r"(?:;[ ]?(?:[\w.-]{1,128}(?:=[^\s;\"'`\\]{0,4096})?)?){0,64}",
        _is_no_reference,
    ),
)  # fmt: skip

URLS = (
    at_sign("url-password", "://", r"(://[^\s/:@\"'\\]{0,64}:)[^\s/@\"'`\\<>]{1,256}(?=@)", _is_no_reference),
    at_sign("url-token", "://", r"((?:(?<=http)|(?<=https))://)[A-Za-z0-9_.~%+-]{5,256}"
                                r"(?=(?::x-oauth-basic|:<redacted url-password>)?@)",
          _is_user_a_token),
    spaced_rule(
        "url-secret",
        "oken= OKEN= ey= EY= sig= ignature= auth= jwt= sid= session= ecret= assword= asswd= pwd= hmac= oken-",
        r"([?&;](?:amp;)?(?:(?:[\w.-]{0,40}[_.-])?"
        r"(?:[tT]oken|TOKEN|(?:[aA][pP][iI]|[sS]ubscription|[aA]ccess|[sS]ecret)[_-]?[kK]ey|[sS]ignature"
        r"|[pP]assword|passwd|[sS]ecret)"
        r"|(?:access|id|refresh|auth)?[tT]oken|key|auth|sig|jwt|sid|session|pwd|hmac)=)[^\s&#\"'<>\\`)\]]{1,2048}",
        _is_query_secret,
    ),
)  # fmt: skip

KEYS = (
    spaced_rule(
        "private-key",
        "PRIVATE",
        r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}"
        r"(?:(?:[^-]|-(?!---)){16,32768}-{4,5} ?END[A-Z0-9 ]{0,60}-{4,5}"
        r"|(?:[^-A-Za-z0-9]|\\[nr]|\b[A-Z][\w-]{1,20}: [^\n\\]{1,80}){0,64}"
        r"(?:[A-Za-z0-9+/=]{16,200}(?:[^-A-Za-z0-9]|\\[nr]){0,16}){1,600}[A-Za-z0-9+/=]*)",
    ),
    spaced_rule(
        "private-key", "Private-Lines:", r"(Private-Lines: \d{1,4}\r?\n)(?:[A-Za-z0-9+/=]{1,80}(?:\r?\n|$)){1,200}"
    ),
    spaced_rule(
        "aws-secret-key",
        "secret_access_key ecretAccessKey SECRET_ACCESS_KEY",
        r"((?:secret_access_key|[sS]ecretAccessKey|SECRET_ACCESS_KEY)\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?)"
        r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
    ),
    spaced_rule("fly-token", "FlyV1", r"FlyV1 fm[12][ar]?_[A-Za-z0-9+/=,_-]{40,}"),
)  # fmt: skip

_OPTION = r"(?:[^\n|;&\\]|\\\n|\\[^\n]){0,200}?[ \t]"
_COMMANDS = (
    r"mysql\w{0,12}" + _OPTION + r"-p(?!ort\b)",
    r"mariadb\w{0,12}" + _OPTION + r"-p(?!ort\b)",
    r"7za?" + _OPTION + r"-p",
    r"sshpass" + _OPTION + r"-p[ \t]{0,8}",
    r"mongo\w{0,8}" + _OPTION + r"-p[ \t]{0,8}",
    r"login\b" + _OPTION + r"-p[ \t]{0,8}",
    r"redis-cli\b" + _OPTION + r"-a[ \t]{1,8}",
    r"ldap(?:search|modify|add|delete|whoami)\b" + _OPTION + r"-w[ \t]{1,8}",
    r"sqlcmd" + _OPTION + r"-P[ \t]{0,8}",
    r"zip" + _OPTION + r"-P[ \t]{0,8}",
    r"openssl\b" + _OPTION + r"-pass(?:in|out)?[ \t]pass:",
    r"smbclient\b" + _OPTION + r"-U[ \t]{0,8}[^\s%]{1,64}%",
    r"curl\b" + _OPTION + r"(?:(?:-[a-zA-Z]{0,8}[uU]|--(?:proxy-)?user)(?:[ \t]{0,8}|=)[\"']?[^\s:\"'=]{0,128}:"
    r"|(?:-b|--cookie)(?:[ \t]{1,8}|=)(?=[\"']?[\w.-]{1,64}=))",
)  # fmt: skip


def _is_argument(match: re.Match[str]) -> bool:
    value = match["quoted"] or match["bare"] or ""
    return not is_reference(value) and not re.fullmatch(r"\d+:\d+", value)


COMMAND_PLACES = (
    at_sign(
        "command-secret",
        "mysql mariadb 7z sshpass mongo login redis-cli ldap sqlcmd zip openssl smbclient curl",
        rf"((?:{'|'.join(_COMMANDS)}){ARGUMENT}){VALUE}",
        _is_argument,
    ),
    at_sign(
        "netrc-password",
        "machine",
        r"(machine\s{1,8}\S{1,256}\s{1,32}login\s{1,32}\S{1,256}\s{1,32}(?:account\s{1,8}\S{1,256}\s{1,32})?"
        r"password\s{1,32})\S{1,512}",
        _is_no_reference,
    ),
)  # fmt: skip
