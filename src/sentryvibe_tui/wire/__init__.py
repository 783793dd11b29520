"""What travels: frames, updates, states and events as JSON, in the original's dialects and in ours. Pure."""
