"""The overview: every agent on one screen, sorted by who needs the reader."""
