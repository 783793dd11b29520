"""Files and streams that are there: read once, to their end."""
