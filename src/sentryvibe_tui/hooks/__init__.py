"""Hooks of agents: the spool that takes their payloads (a program of its own), and how they come into settings."""
