"""The nouns that cross borders: frozen values, no behaviour beyond their own arithmetic.

Nothing here may know of sockets, torch, files or clocks. Seconds and bits inside; a name carries its
unit wherever a reader could doubt it. Coordinates are normalised to the frame: 0..1, origin top left.
"""

from __future__ import annotations

import enum

import msgspec


class Detection(msgspec.Struct, frozen=True, array_like=True):
    """One detected object. Sides are normalised to the frame (0..1)."""

    label: int
    score: float
    left: float
    top: float
    right: float
    bottom: float


class ClassScore(msgspec.Struct, frozen=True, array_like=True):
    """How sure a classifier is that a frame shows a class."""

    label: int
    score: float


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What a model says of one frame. Which part is filled in is its task's."""

    detections: tuple[Detection, ...] = ()
    """Best score first."""
    scores: tuple[ClassScore, ...] = ()
    """Of the likeliest classes, best first."""


class Task(enum.StrEnum):
    """What a model answers with."""

    DETECTION = "detection"
    CLASSIFICATION = "classification"


class InputSize(msgspec.Struct, frozen=True, array_like=True, order=True):
    """What a network takes, in pixels. Frames of another shape are fitted in, stretched or cut: the model's affair."""

    width: int
    height: int

    @property
    def resolution(self) -> int:
        """The longest side, by which frames of this size are called."""
        return max(self.width, self.height)

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of a frame scaled to fit in here, never enlarged: that would add nothing to see."""
        scale = min(self.width / width, self.height / height, 1.0)
        return max(1, round(width * scale)), max(1, round(height * scale))


class LabelledObject(msgspec.Struct, frozen=True):
    """One object that is truly there. Sides are normalised to the frame (0..1).

    `ignore` marks objects too small or too hidden to be asked for: finding one is neither right nor wrong.
    """

    track: int
    label: int
    left: float
    top: float
    right: float
    bottom: float
    visible: float = 1.0
    ignore: bool = False


class Variant(msgspec.Struct, frozen=True, order=True):
    """A network at a resolution: what a planner chooses and a device runs.

    The network is known by name only: a size of the slimmable detector, or another detector altogether.
    """

    resolution: int
    network: str

    @property
    def name(self) -> str:
        """Short name for logs and tables, e.g. `w075e2-320`."""
        return f"{self.network}-{self.resolution}"


class Outcome(enum.StrEnum):
    """How a captured frame ended, on the client's clock. Every captured frame has exactly one."""

    ON_TIME = "on_time"
    LATE = "late"
    DROPPED = "dropped"
    SKIPPED = "skipped"
    LOST = "lost"


class Reason(enum.StrEnum):
    """Why a frame was not answered on time. What each means, and whose fault it is: `jellyfish.results.reasons`."""

    EXPIRED = "expired"
    OVERLOAD = "overload"
    QUEUE_FULL = "queue_full"
    TOO_MANY_IN_FLIGHT = "too_many_in_flight"
    TOO_FAST = "too_fast"
    BAD_IMAGE = "bad_image"
    IMAGE_TOO_LARGE = "image_too_large"
    DEVICE_ERROR = "device_error"
    SHUTDOWN = "shutdown"
    REPLACED = "replaced"
    STALE = "stale"
    PAUSED = "paused"
    THINNED = "thinned"
    DISCONNECTED = "disconnected"
    NO_ANSWER = "no_answer"
    NETWORK = "network"
    SERVER = "server"
    CAMERA_BUSY = "camera_busy"
    SLOW = "slow"


class SourceState(enum.StrEnum):
    """Whether a camera's pictures come: judged by its frames, not by its connection."""

    OPENING = "opening"
    """It is tried for the first time."""
    LIVE = "live"
    SILENT = "silent"
    """It is open, and no frame has come for too long; it is tried again."""
    DEAD = "dead"
    """It could not be opened, or has ended; it is tried again."""
    STOPPED = "stopped"
    """Nobody wants it any more."""


FOR_WANT_OF_TIME = frozenset(
    {Reason.EXPIRED, Reason.OVERLOAD, Reason.NETWORK, Reason.SERVER, Reason.STALE, Reason.REPLACED}
)
"""Misses that a more careful plan could have spared. What a client does is no fault of plans."""
