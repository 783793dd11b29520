"""Agents that run already: their session files and registers, followed and published."""
