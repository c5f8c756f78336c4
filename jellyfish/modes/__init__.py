"""Composition roots: here, and only here, the parts are put together."""
