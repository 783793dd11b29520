"""Where agents' output comes from: a child process, files that grow, hooks."""
