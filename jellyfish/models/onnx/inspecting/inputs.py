"""Which input takes the images, and what they are to be like. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import InputSize
from jellyfish.errors import InputError
from jellyfish.models.onnx.inspecting.facts import GraphFacts, Port
from jellyfish.models.onnx.inspecting.guess import Guess, Sure
from jellyfish.models.onnx.manifest import Layout

USUAL_SIDE = 640
"""Of most detectors, where a graph takes any size."""
COLOURS = 3


@dataclass(frozen=True)
class ImageInput:
    """What a graph takes."""

    port: Port
    layout: Layout
    canvas: InputSize
    batch: int | None
    """Images in a batch; None: any number."""
    size: Port | None
    """A second input, for the image's size."""
    guesses: tuple[Guess, ...]

    @property
    def size_name(self) -> str:
        """Of the second input; empty where there is none."""
        return "" if self.size is None else self.size.name

    @property
    def takes_bytes(self) -> bool:
        """Whether pixels go in as they are."""
        return self.port.kind == "tensor(uint8)"

    def feeds(self) -> dict[str, NDArray[Any]]:
        """Noise, as one image."""
        height, width, many = self.canvas.height, self.canvas.width, self.batch or 1
        image = (COLOURS, height, width) if self.layout.channels_first else (height, width, COLOURS)
        shape = (many, *image) if self.layout.batched else image
        noise = np.random.default_rng(0).uniform(0, 1, shape)
        kinds = {"tensor(uint8)": np.uint8, "tensor(float16)": np.float16}
        kind = kinds.get(self.port.kind, np.float32)
        feeds: dict[str, NDArray[np.generic]] = {
            self.port.name: (noise * (255 if kind is np.uint8 else 1)).astype(kind)
        }
        if self.size is not None:
            feeds[self.size.name] = np.array(
                [[width, height]] * many, np.float32 if "float" in self.size.kind else np.int64
            )
        return feeds


def image_input(facts: GraphFacts) -> ImageInput:
    """Of a graph. InputError where nothing looks like one."""
    found = [(port, layout) for port in facts.inputs if (layout := _layout(port)) is not None]
    if not found:
        told = ", ".join(f"{port.name} {list(port.shape)}" for port in facts.inputs)
        raise InputError(f"no input of {facts.file} looks like colour pictures, e.g. [1, 3, 640, 640]: it has {told}")
    port, layout = found[0]
    canvas, size_guess = _canvas(facts, port, layout)
    batch = port.shape[0] if layout.batched else 1
    size = _size_input(facts, port)
    guesses = [
        Guess("input", port.name, Sure.KNOWN, f"{list(port.shape)}, {port.kind}"),
        Guess("layout", layout, Sure.KNOWN if COLOURS in port.shape else Sure.GUESS, "where the 3 colours are"),
        size_guess,
        Guess("batches", "any" if not isinstance(batch, int) else f"{batch} only", Sure.KNOWN, "its first axis"),
    ]
    why = "a second input: taken for the image's width and height"
    guesses += [Guess("size_name", size.name, Sure.LIKELY, why)] if size else []
    many = batch if isinstance(batch, int) else None
    return ImageInput(port, layout, canvas, many, size, tuple(guesses))


def _size_input(facts: GraphFacts, images: Port) -> Port | None:
    """The input for the image's size, if there is one. InputError for inputs of which nobody knows what they are."""
    others = [port for port in facts.inputs if port is not images]
    unknown = [port for port in others if len(port.shape) != 2 or port.shape[1] != 2]
    if len(others) > 1 or unknown:
        told = ", ".join(f"{port.name} {list(port.shape)}" for port in others)
        raise InputError(
            f"{facts.file} takes more than pictures: {told}. Export it without, or with their size [n, 2] alone"
        )
    return others[0] if others else None


def _layout(port: Port) -> Layout | None:
    """In which order its axes come, if they are those of pictures."""
    shape = port.shape
    if len(shape) == 4:
        if shape[1] == COLOURS:
            return Layout.NCHW
        if shape[3] == COLOURS:
            return Layout.NHWC
        return None if any(isinstance(axis, int) for axis in shape[1:]) else Layout.NCHW
    if len(shape) == 3:
        return Layout.CHW if shape[0] == COLOURS else Layout.HWC if shape[2] == COLOURS else None
    return None


def _canvas(facts: GraphFacts, port: Port, layout: Layout) -> tuple[InputSize, Guess]:
    axes = port.shape[-2:] if layout.channels_first else port.shape[-3:-1]
    height, width = axes
    if isinstance(height, int) and isinstance(width, int):
        return InputSize(width, height), Guess("size", f"{width} x {height}", Sure.KNOWN, "its axes")
    trained = [int(side) for side in re.findall(r"\d+", facts.metadata.get("imgsz", ""))]
    if len(trained) == 2:
        height, width = trained
        return InputSize(width, height), Guess("size", f"{width} x {height}", Sure.LIKELY, "`imgsz` in its metadata")
    side = USUAL_SIDE
    why = "it takes any size, and most are trained on this one"
    return InputSize(side, side), Guess("size", f"{side} x {side}", Sure.GUESS, why)
