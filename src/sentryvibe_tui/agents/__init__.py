"""Readers: an agent's own output in, build events out. Sans-I/O."""
