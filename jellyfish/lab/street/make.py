"""`jellyfish video make`: street videos with exact labels, those that ship or one of your own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from rich.console import Console

from jellyfish.errors import InputError
from jellyfish.lab.street.clips import SHIPPED, Clip, make_street_video
from jellyfish.modes.progress import ProgressReport


def make(
    folder: Path, name: str | None, layout: str | None, seed: int | None, duration_s: float, console: Console
) -> None:
    """Write the clips that were asked for; InputError for a name that does not ship or an unknown layout."""
    clips = _clips(name, layout, seed, duration_s)
    for stem, clip in clips.items():
        path = folder / f"{stem}.mp4"
        with ProgressReport(console) as progress:
            make_street_video(path, clip, partial(progress, f"rendering {path}"))
        console.print(f"written: {path} and its labels", soft_wrap=True, markup=False)


def _clips(name: str | None, layout: str | None, seed: int | None, duration_s: float) -> dict[str, Clip]:
    """Clips by file name."""
    if layout is not None or seed is not None:
        if layout is None or seed is None:
            raise InputError("a clip of your own needs both --layout and --seed")
        return {name or f"street-{layout}-{seed}": Clip(layout, seed, duration_s)}
    if name is None:
        return SHIPPED
    if name not in SHIPPED:
        raise InputError(f"no clip {name!r} ships: choose {', '.join(SHIPPED)}, or give --layout and --seed")
    return {name: SHIPPED[name]}
