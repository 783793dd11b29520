"""The default store: one SQLite file, statements only; the rules are those of `store.appending`."""

from .store import DATABASE, PATIENCE, SqliteStore

__all__ = ["DATABASE", "PATIENCE", "SqliteStore"]
