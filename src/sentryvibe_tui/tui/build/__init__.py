"""The screen of one build: what it shows, how it keeps up, and what its keys do."""
