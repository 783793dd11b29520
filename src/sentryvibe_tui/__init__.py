"""A terminal monitor for builds of coding agents."""

__version__ = "0.1.0"
