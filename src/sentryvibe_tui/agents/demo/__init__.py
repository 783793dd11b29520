"""An invented build, as an agent would report it."""
