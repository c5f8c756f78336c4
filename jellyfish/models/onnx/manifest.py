"""`model.toml` as typed values. What each key means, for users: docs/onnx.md."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import msgspec

from jellyfish.core import InputSize, Task, Variant
from jellyfish.errors import InputError
from jellyfish.models.onnx.decoders.decoder import Decoder

FILE_NAME = "model.toml"

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Pixels = Annotated[int, msgspec.Meta(ge=8, le=8192)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[\w.-]{1,64}\Z")]
Channels = tuple[float, float, float]
"""A number for each colour, in the network's own order."""


class Layout(enum.StrEnum):
    """In which order the input's axes come. Without N the graph takes one image, and no batch."""

    NCHW = "NCHW"
    NHWC = "NHWC"
    CHW = "CHW"
    HWC = "HWC"

    @property
    def batched(self) -> bool:
        """Whether there is an axis for the images of a batch."""
        return self.value.startswith("N")

    @property
    def channels_first(self) -> bool:
        """Whether colours come before rows and columns."""
        return self.value.endswith("CHW")


class ColourOrder(enum.StrEnum):
    """Of the input's colours."""

    RGB = "RGB"
    BGR = "BGR"


class Fit(enum.StrEnum):
    """How a frame of another shape gets into the input."""

    TOP_LEFT = "letterbox-top-left"
    CENTRE = "letterbox-centre"
    STRETCH = "stretch"


class SizeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One graph at one input size."""

    name: Name
    file: str
    accuracy: Share
    resolution: Pixels | None = None
    """Both sides of a square input; else `width` and `height` say them."""
    width: Pixels | None = None
    height: Pixels | None = None
    source: str = ""
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{64}\Z")] = ""
    data: tuple[str, ...] = ()
    """Further files that hold the graph's weights."""
    score: Share | None = None
    """In place of the threshold of all sizes."""

    @property
    def input(self) -> InputSize:
        """What the graph takes."""
        if self.resolution is not None and self.width is None and self.height is None:
            return InputSize(self.resolution, self.resolution)
        if self.resolution is None and self.width is not None and self.height is not None:
            return InputSize(self.width, self.height)
        raise InputError(f"size {self.name}: give `resolution` of a square input, or `width` and `height`")

    @property
    def variant(self) -> Variant:
        """As planners call it."""
        return Variant(self.input.resolution, self.name)


class InputSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the graph takes: (pixel * scale - mean) / std, of each colour."""

    scale: float
    fit: Fit
    name: str = ""
    """Empty: the graph's only one."""
    layout: Layout = Layout.NCHW
    colour: ColourOrder = ColourOrder.RGB
    mean: Channels = (0.0, 0.0, 0.0)
    std: tuple[Annotated[float, msgspec.Meta(gt=0)], ...] = (1.0, 1.0, 1.0)
    padding: tuple[Annotated[int, msgspec.Meta(ge=0, le=255)], ...] = (0, 0, 0)
    """Colour of what a letterboxed frame leaves free: red, green, blue."""
    size_name: str = ""
    """A second input that is to be told the size of the image: (width, height), of each one."""


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which boxes are answered with."""

    score: Share = 0.3
    nms_iou: Share = 0.5
    """Of two boxes of a class that overlap more, the better stays. Only where the decoder leaves that to us."""


class ManifestFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it stands there."""

    name: Name
    classes: tuple[str, ...] | str
    """Names in the network's order, or the file that has them, a line each."""
    sizes: Annotated[tuple[SizeEntry, ...], msgspec.Meta(min_length=1)]
    input: InputSpec
    output: dict[str, Any]
    version: str = "1"
    licence: str = ""
    task: Task = Task.DETECTION
    thresholds: Thresholds = Thresholds()
    batches: tuple[Annotated[int, msgspec.Meta(ge=1, le=1024)], ...] = ()


class Manifest(msgspec.Struct, frozen=True):
    """The file, with what other files say filled in."""

    name: str
    version: str
    licence: str
    task: Task
    labels: tuple[str, ...]
    """Of all classes that the network tells apart, in its order; empty for those to leave out."""
    sizes: tuple[SizeEntry, ...]
    input: InputSpec
    decoder: Decoder
    thresholds: Thresholds
    batches: tuple[int, ...]

    def score_threshold(self, size: SizeEntry) -> float:
        """Boxes that score less are not answered with."""
        return self.thresholds.score if size.score is None else size.score

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that are answered with."""
        return tuple(label for label in self.labels if label)
