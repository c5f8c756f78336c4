"""The smallest input that still fails, as far as leaving out and blanking parts finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

TRIES = 2000


def smallest(data: bytes, fails: Callable[[bytes], bool], tries: int = TRIES) -> bytes:
    """Of the inputs made from `data` by leaving out parts and by blanking bytes; `data` itself must fail."""
    again = True
    while again:
        again = False
        for simpler in _simpler(data):
            if tries == 0:
                return data
            tries -= 1
            if fails(simpler):
                data, again = simpler, True
                break
    return data


def _simpler(data: bytes) -> Iterator[bytes]:
    """Larger cuts first, then single bytes as zeros."""
    size = len(data) // 2
    while size:
        for at in range(0, len(data), size):
            yield data[:at] + data[at + size :]
        size //= 2
    for at, byte in enumerate(data):
        if byte:
            yield data[:at] + b"\0" + data[at + 1 :]
