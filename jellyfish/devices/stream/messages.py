"""What a server (a front) and a worker say to each other, as values; `jellyfish.devices.stream.framing` has the bytes.

A front opens: `OpenWorker`. The worker tells how far it is (`WorkerProgress`), and then what it is (`WorkerHello`), or
why it will not serve (`WorkerRefused`). From then on the front sends batches (`RunBatch`, the images behind it), and
each has one answer, `Done` or `Failed`. Where several fronts are there each says what it could use (`ShareWanted`) and
is told what it has (`ShareGranted`). Either side may ask for a sign of life (`WorkerPing`). Version 1.
"""

from __future__ import annotations

import enum

import msgspec

from jellyfish.core import Answer, InputSize, Variant

PROTOCOL = 1


class ImageKind(enum.StrEnum):
    """What the bytes of an image are."""

    JPEG = "jpeg"
    PNG = "png"
    RGB = "rgb"
    """Rows of pixels from the top, three bytes each."""


class SentImage(msgspec.Struct, frozen=True, array_like=True):
    """One image of a batch; its bytes follow those of the ones before it."""

    kind: ImageKind
    size_bytes: int
    size: InputSize
    """What it is to be fitted into when it is decoded; of `rgb`, its own."""


class OpenWorker(msgspec.Struct, frozen=True, tag="open"):
    """A front would like to use the worker."""

    protocol: int = PROTOCOL
    token: str = ""
    front: str = ""
    """What it is called, for people."""
    model: str = ""
    """Identity of the model that it serves; the worker refuses where its own is another."""
    url: str = ""
    """Of its stream, for clients of other fronts that are gone; empty where it does not say."""


class WorkerProgress(msgspec.Struct, frozen=True, tag="progress"):
    """What the worker is busy with before it can serve."""

    words: str
    done: int
    total: int


class WorkerHello(msgspec.Struct, frozen=True, tag="hello"):
    """What the worker is."""

    device: str
    """`cpu` or `cuda:N` of its machine."""
    model: str
    """Identity of its model."""
    profile: msgspec.Raw
    """`jellyfish.devices.profile.table.LatencyProfile`: how long its own workers take, on its own machine."""
    in_flight: int
    """Batches that each of its workers may have at a time."""
    memory_bytes: int = 0
    stated: tuple[str, ...] = ()
    """What its engines have chosen for themselves, in words."""
    protocol: int = PROTOCOL


class WorkerRefused(msgspec.Struct, frozen=True, tag="refused"):
    """The worker does not serve this front, and why. The stream ends."""

    words: str


class RunBatch(msgspec.Struct, frozen=True, tag="run"):
    """A batch. Those of one worker are run in the order in which they come."""

    batch: int
    worker: int
    """Which of the device's workers is to run it."""
    variants: tuple[Variant, ...]
    """One for each image."""
    images: tuple[SentImage, ...]


class Done(msgspec.Struct, frozen=True, tag="done"):
    """What came of a batch."""

    batch: int
    found: tuple[Answer, ...]
    """One for each image."""
    decode_s: float
    """What decoding all of its images took."""
    run_s: float
    """From then until it was answered, waiting for the batches before it included."""
    no_images: dict[int, tuple[str, str]] = {}
    """Of those that could not be decoded: index -> reason and words (`jellyfish.errors.ImageError`). What was found in
    them is empty."""
    waited_s: float = 0.0
    """Of `run_s`, for batches of other fronts."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A batch was not run."""

    batch: int
    words: str
    lost: bool = False
    """Whether the device is of no use any more to the worker's process."""


class GiveUp(msgspec.Struct, frozen=True, tag="give_up"):
    """Nobody waits any longer for what one of the device's workers runs."""

    worker: int


class ShareWanted(msgspec.Struct, frozen=True, tag="wanted"):
    """What the front could use of the device: it is told where others are there, and anew when that changes."""

    wanted: float
    """Part of the time of all devices that it knows; more than 1 where they are not enough."""
    weight: float
    """What that counts beside the others'."""


class ShareGranted(msgspec.Struct, frozen=True, tag="granted"):
    """What the front has of the device from now on; before it is told, all of it."""

    share: float
    waiting_s: float
    """A batch may have to wait so long for one of the others'."""
    fronts: tuple[str, ...] = ()
    """URLs of the others."""


class WorkerPing(msgspec.Struct, frozen=True, tag="ping"):
    """Asks for a `WorkerPong` at once."""

    number: int


class WorkerPong(msgspec.Struct, frozen=True, tag="pong"):
    """Answers a `WorkerPing`."""

    number: int


FromFront = OpenWorker | RunBatch | GiveUp | ShareWanted | WorkerPing | WorkerPong
FromWorker = WorkerProgress | WorkerHello | WorkerRefused | Done | Failed | ShareGranted | WorkerPing | WorkerPong
