"""Where workers are to be in a cluster, and what they are called. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A machine of the cluster, or what its users say is one."""

    key: str
    """Its own for ever: one that comes back is another."""
    host: str
    """Its address."""
    processors: int
    gpus: int
    """What the cluster may give away there."""


@dataclass(frozen=True, slots=True)
class ClusterPlace:
    """One GPU of a node, or its processors."""

    node: ClusterNode
    number: int | None
    """Of the GPU, from 0; None: the processors."""

    @property
    def key(self) -> str:
        """What its keeper is called in the cluster, whichever server asks for it."""
        return f"jellyfish-{self.node.key}-{'cpu' if self.number is None else f'gpu{self.number}'}"

    @property
    def device(self) -> str:
        """What it is called on its node."""
        return "cpu" if self.number is None else f"cuda:{self.number}"


def places(nodes: Iterable[ClusterNode], device: str) -> list[ClusterPlace]:
    """Of all workers for `device`, `cpu` or `cuda`."""
    if device == "cpu":
        return [ClusterPlace(node, None) for node in nodes if node.processors > 0]
    return [ClusterPlace(node, number) for node in nodes for number in range(node.gpus)]


def why_none(nodes: Sequence[ClusterNode], device: str) -> str:
    """Why there is no place for any worker, in words; empty where there is one."""
    if places(nodes, device):
        return ""
    if not nodes:
        return "the cluster has no node"
    what, with_what = ("processor", "--num-cpus=N") if device == "cpu" else ("GPU", "--num-gpus=N")
    many = "its one node has" if len(nodes) == 1 else f"none of its {len(nodes)} nodes has any"
    none = f"{many} no {what}" if len(nodes) == 1 else f"{many} {what}"
    return f"{none} that Ray may give away: start nodes with `ray start ... {with_what}`, or choose another --device"


class PlaceNames:
    """What places are called for people: a device at a host. Each keeps its name as long as it is there."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def keep(self, there: Iterable[ClusterPlace]) -> None:
        """These are there, and no others."""
        keys = {place.key for place in there}
        self._names = {key: name for key, name in self._names.items() if key in keys}

    def of(self, place: ClusterPlace) -> str:
        """`cuda:0@10.0.0.7`; where that is another's, which may be on its way out, with a part of the node's key."""
        name = self._names.get(place.key)
        if name is None:
            name = f"{place.device}@{place.node.host}"
            if name in self._names.values():
                name = f"{name}~{place.node.key[:6]}"
            self._names[place.key] = name
        return name
