"""A terminal monitor for builds of coding agents."""

__version__ = "0.2.0"
