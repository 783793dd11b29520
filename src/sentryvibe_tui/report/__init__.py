"""The same facts without a screen: words, lines, exit codes."""
