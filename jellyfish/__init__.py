"""Jellyfish: live video inference, answered in time, end to end."""

__version__ = "0.1.0"
