"""Where builds come from: a child process (run), agents that live (follow), files that are (ingest)."""
