"""Lays groups of clients onto devices so that few devices have to change their variant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class DeviceGroup(NamedTuple):
    """What one device is to do, whichever device of its kind that will be."""

    kind: int
    """Devices of one kind have equal latency tables."""
    variant: int
    members: tuple[int, ...]


def lay_out(
    groups: Iterable[DeviceGroup], kinds: Sequence[int], kept: Sequence[int | None]
) -> dict[int, tuple[int, tuple[int, ...]]]:
    """Device index -> (variant, members): a device that runs a group's variant gets such a group first.

    `kinds` and `kept` give each device's kind and the variant it runs. No more groups of a kind than devices of it.
    """
    free = set(range(len(kinds)))
    laid: dict[int, tuple[int, tuple[int, ...]]] = {}
    waiting: list[DeviceGroup] = []
    for group in groups:
        same = [device for device in sorted(free) if kinds[device] == group.kind and kept[device] == group.variant]
        if same:
            laid[same[0]] = (group.variant, group.members)
            free.remove(same[0])
        else:
            waiting.append(group)
    for group in waiting:
        device = min(device for device in free if kinds[device] == group.kind)
        laid[device] = (group.variant, group.members)
        free.remove(device)
    return laid


def device_kinds(tables: Sequence[object]) -> list[int]:
    """Per device, a number that devices with the same table object share, counted from 0 in order of appearance."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(id(table), len(numbers)) for table in tables]
