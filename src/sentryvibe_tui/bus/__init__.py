"""How server processes wake one another: hints, never data."""
