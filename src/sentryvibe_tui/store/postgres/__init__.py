"""The store over PostgreSQL, for several servers; statements only, the rules are those of `store.appending`."""
