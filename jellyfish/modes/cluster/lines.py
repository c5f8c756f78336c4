"""What a server, its placer and the keepers in a cluster tell each other, as JSON. Pure.

Between a server and its placer that is an object a line; what a keeper is asked and answers is such an object, too, so
that it can be told from what another version says.
"""

from __future__ import annotations

import msgspec

MOST_LINE_BYTES = 8_000_000
"""A longer one is a fault: some thousand workers."""
LONGEST_WORDS = 500
"""Characters of a reason."""


class WorkerWish(msgspec.Struct, frozen=True):
    """What workers are to run, in the words of `jellyfish worker`. Paths are those of the workers' nodes."""

    device: str
    """`cpu` or `cuda`."""
    model: str
    weights: str | None = None
    max_batch: int = 8
    threads: int | None = None


class JoinCluster(msgspec.Struct, frozen=True, tag="join"):
    """To the placer, first: which cluster, and what its workers are to run."""

    address: str | None
    """`ray://HOST:PORT`; None: the one that this machine is a node of."""
    front: str
    """What keepers know this server by."""
    wish: WorkerWish


class PlacedWorker(msgspec.Struct, frozen=True):
    """A worker that runs, and how it is reached. It may still be loading."""

    name: str
    host: str
    port: int
    certificate: str
    """PEM: the one that it shows, and no other."""
    token: str
    """What it asks for."""

    def __repr__(self) -> str:
        return f"PlacedWorker({self.name} at {self.host}:{self.port})"


class PlaceWithout(msgspec.Struct, frozen=True):
    """A place whose worker does not run (yet), and why."""

    name: str
    words: str


class WorkersNow(msgspec.Struct, frozen=True, tag="workers"):
    """From the placer: all that there is in the cluster by now. What is not in it is gone."""

    nodes: int
    workers: tuple[PlacedWorker, ...] = ()
    without: tuple[PlaceWithout, ...] = ()


class NoCluster(msgspec.Struct, frozen=True, tag="none"):
    """From the placer, its last: there is no cluster to be had, or none any more."""

    words: str
    wrong_input: bool = False
    """Whether it is of no use to try again: something is to be installed, or another address given."""


class PlacerSaid(msgspec.Struct, frozen=True, tag="said"):
    """From the placer: something that whoever keeps the server should know."""

    words: str


class PlacerAlive(msgspec.Struct, frozen=True, tag="alive"):
    """From the placer, once a second: its event loop turns."""


class KeeperSaid(msgspec.Struct, frozen=True):
    """What a keeper answers."""

    version: int
    """Of its state: another number, another state."""
    port: int = 0
    """Of its worker; 0 where that does not run."""
    certificate: str = ""
    token: str = ""
    words: str = ""
    """Why it does not run, or not as wished."""

    def __repr__(self) -> str:
        return f"KeeperSaid({self.version}, {self.port}, {self.words!r})"


FromPlacer = WorkersNow | NoCluster | PlacerSaid | PlacerAlive

_ENCODER = msgspec.json.Encoder()
_OF_SERVER = msgspec.json.Decoder(JoinCluster)
_OF_PLACER = msgspec.json.Decoder(FromPlacer)
_WISH = msgspec.json.Decoder(WorkerWish)
_KEEPER = msgspec.json.Decoder(KeeperSaid)


def as_line(message: JoinCluster | FromPlacer) -> bytes:
    """`message` and the end of its line."""
    return _ENCODER.encode(message) + b"\n"


def as_bytes(message: WorkerWish | KeeperSaid) -> bytes:
    """`message` as it travels through the cluster."""
    return _ENCODER.encode(message)


def line_of_server(line: bytes) -> JoinCluster:
    """What the server has told; ValueError for what is no such line."""
    return _OF_SERVER.decode(line)


def line_of_placer(line: bytes) -> FromPlacer:
    """What the placer has told; ValueError for what is no such line."""
    return _OF_PLACER.decode(line)


def wish_of(data: bytes) -> WorkerWish:
    """What workers are to run; ValueError for what another version says."""
    return _WISH.decode(data)


def keeper_said(data: bytes) -> KeeperSaid:
    """What a keeper answered; ValueError for what another version says."""
    return _KEEPER.decode(data)
