"""`python -m sentryvibe_tui`."""

from .cli import main

main()
