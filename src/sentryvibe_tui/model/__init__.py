"""What a build is. Pure: no I/O, no clock, no randomness. Imports nothing of ours."""
