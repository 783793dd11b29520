"""The panes and the head of the build screen."""
