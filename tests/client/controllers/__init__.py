"""Feedback controllers."""
