"""A child process: its output becomes a build, and whoever runs it notices nothing of that."""
