"""Which part of another model can take the place of the one that serves, for clients that know only of that one. Pure.

Clients were told a task, names of classes by label, and what the network takes at each resolution. What keeps to that
may answer them without their doing anything about it; nothing else may.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jellyfish.core import InputSize
from jellyfish.errors import InputError
from jellyfish.models.model import Description

MOST_NAMES = 5
"""Of classes, in a message."""


def in_its_place(
    running: Description, told: Mapping[int, InputSize], new: Description, wanted: Collection[str]
) -> Description:
    """`new` with those of its sizes that fit what clients were `told`. InputError, which says why, where it cannot be.

    `wanted`: names of the models that clients have asked for.
    """
    if new.task is not running.task:
        raise _refused(new, f"it does {new.task}, and {running.name} {running.task}")
    if new.classes != running.classes:
        raise _refused(new, f"its classes are others than those of {running.name}: {_difference(running, new)}")
    if wanted and set(wanted) != {new.name}:
        raise _refused(new, f"cameras here have asked for {', '.join(sorted(wanted))} by name")
    fitting = {size.variant for size in new.sizes if told.get(size.variant.resolution) == size.input}
    if not fitting:
        sizes = ", ".join(f"{size.width} x {size.height}" for size in told.values())
        raise _refused(new, f"no size of it takes what cameras were told to send: {sizes}")
    return new.offering(fitting)


def _refused(new: Description, why: str) -> InputError:
    return InputError(f"{new} cannot take over from what serves, for which cameras need not connect again: {why}")


def _difference(running: Description, new: Description) -> str:
    fewer = [name for name in running.classes if name not in new.classes][:MOST_NAMES]
    more = [name for name in new.classes if name not in running.classes][:MOST_NAMES]
    if not fewer and not more:
        return "the same ones in another order"
    words = [f"without {', '.join(fewer)}"] if fewer else []
    return "; ".join([*words, f"with {', '.join(more)}"] if more else words)
