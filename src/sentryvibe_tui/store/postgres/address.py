"""Where a PostgreSQL store is: a `postgresql://` URL with the schema that holds its tables."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from ...errors import StoreBroken

SCHEMES = ("postgresql", "postgres")
SCHEMA = "sentryvibe"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")


class PostgresAddress(Struct, frozen=True):
    """`dsn`: for the driver; `shown`: the same without the password, for logs. One schema is one store."""

    dsn: str
    schema: str
    shown: str


def is_postgres(url: str) -> bool:
    return url.partition("://")[0] in SCHEMES


def parse_postgres(url: str) -> PostgresAddress:
    """`postgresql://user:password@host1,host2:port/database?schema=NAME`. Raises StoreBroken."""
    scheme, location, path, query, _ = urlsplit(url)
    options = dict(parse_qsl(query))
    schema = options.pop("schema", SCHEMA)
    if not _NAME.match(schema):
        raise StoreBroken(f"the schema {schema!r} must be lower case letters, digits and _, and not begin with a digit")
    dsn = urlunsplit((scheme, location, path, urlencode(options, quote_via=quote), ""))
    user, at, hosts = location.rpartition("@")
    shown = urlunsplit((scheme, user.partition(":")[0] + at + hosts, path, "", ""))
    return PostgresAddress(dsn, schema, f"{shown} (schema {schema})")
