"""Files that get their name when they are complete: half a one is not taken for a whole one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Where to write, for the time of the context, what is to lie at `path` afterwards; nothing new does if it fails.

    What is there and is no file (a pipe, `/dev/stdout`) is written to as it is, and not replaced. Raises OSError.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    place = Path(os.path.realpath(path))
    partial = place.with_name(f"{place.stem}.partial{place.suffix}")
    try:
        yield partial
        partial.replace(place)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
