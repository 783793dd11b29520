"""What leaves the screen: copies, files, and the terminal itself for another program."""
