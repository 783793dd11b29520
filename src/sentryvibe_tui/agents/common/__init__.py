"""What the agents' folders share."""
