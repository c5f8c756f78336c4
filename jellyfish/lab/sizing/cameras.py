"""The cameras that are asked about: from options or a file, and the part of them that one front has. Pure but for
reading."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from jellyfish.errors import InputError
from jellyfish.lab.simulation.scenario import Clients

SEE = "see docs/plan.md for the format"
AT_ONCE = ("join_s", "leave_s", "spread_s")
"""Of a scenario's clients: what says nothing here, where all cameras are there at the same time."""
Groups = tuple[Clients, ...]


class CamerasFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of cameras: `[[clients]]` as in a scenario."""

    clients: Annotated[Groups, msgspec.Meta(min_length=1)]


def load_cameras(path: Path) -> Groups:
    """The groups of cameras in a TOML file; InputError that says what is wrong with it."""
    try:
        groups = msgspec.toml.decode(path.read_bytes(), type=CamerasFile).clients
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; {SEE}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{path} holds no cameras: {error}; {SEE}") from error
    names = [group.name for group in groups]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{path}: two groups are called {twice}; give each a name of its own")
    usual = Clients(name="usual")
    for group in groups:
        if others := [key for key in AT_ONCE if getattr(group, key) != getattr(usual, key)]:
            raise InputError(f"{path}: leave out {others[0]} of {group.name}: all cameras are planned for at once")
    return groups


def alike_but_for(
    count: int, fps: Sequence[float], slos_ms: Sequence[float], traces: Sequence[str], delay_ms: float
) -> Groups:
    """`count` cameras that take turns with these rates, deadlines and uplinks, as those of `bench` do."""
    cycles = zip(itertools.cycle(fps), itertools.cycle(slos_ms), itertools.cycle(traces), strict=False)
    kinds = Counter(itertools.islice(cycles, count))
    return tuple(
        Clients("camera" if len(kinds) == 1 else f"camera-{number}", many, rate, slo_ms, trace, delay_ms)
        for number, ((rate, slo_ms, trace), many) in enumerate(kinds.items())
    )


def part_of(groups: Groups, share: float) -> Groups:
    """So large a share (above 0, at most 1) of each group, rounded up."""
    return tuple(
        msgspec.structs.replace(group, count=max(1, math.ceil(share * group.count - 1e-9))) for group in groups
    )


def count_of(groups: Groups) -> int:
    """How many cameras they are together."""
    return sum(group.count for group in groups)


def fps_of(groups: Groups) -> float:
    """Frames a second of all together."""
    return sum(group.count * group.fps for group in groups)
