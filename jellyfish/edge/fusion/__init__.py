"""Fusion: the answers of a small network here and of a large one far away, put together over time.

The small network answers every step at once; answers of the large one come for some steps, later or never, and what
they say of an earlier step is carried forward to now. Decisions only: no sockets, no clock, steps are counted.
"""
