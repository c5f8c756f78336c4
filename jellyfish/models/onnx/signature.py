"""A graph's inputs and outputs beside what `model.toml` says of them. All raise InputError where they do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jellyfish.errors import InputError
from jellyfish.models.onnx.manifest import Manifest, SizeEntry

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
"""What graphs may take."""


def input_of(session: Any, name: str) -> Any:
    """The one that takes the images."""
    there = {each.name: each for each in session.get_inputs()}
    if name in there:
        return there[name]
    if name or len(there) != 1:
        wanted = f"no input {name!r}" if name else f"{len(there)} inputs"
        raise InputError(f"the graph has {wanted}: set `name` in [input] to one of {', '.join(there)}")
    return next(iter(there.values()))


def type_of(given: Any) -> Any:
    """Of its numbers."""
    if given.type not in TYPES:
        raise InputError(
            f"the graph takes {given.name} as {given.type}: export it with an input of float, float16 or uint8 "
            "(quantised ones with QuantizeLinear inside)"
        )
    return TYPES[given.type]


def outputs_of(session: Any, names: Sequence[str]) -> list[str]:
    """Those that a decoder reads."""
    there = [each.name for each in session.get_outputs()]
    if names == ("",) and len(there) > 1:
        raise InputError(f"the graph has {len(there)} outputs: set `output` in [output] to one of {', '.join(there)}")
    wanted = there if names == ("",) else list(names)
    unknown = next((name for name in wanted if name not in there), None)
    if unknown is not None:
        raise InputError(f"the graph has no output {unknown!r}: it has {', '.join(there)}; name them in [output]")
    return wanted


def check_shape(manifest: Manifest, size: SizeEntry, given: Any) -> None:
    """That images of the size and in the batches of the manifest go in. Axes with names take any number."""
    layout, wanted, there = manifest.input.layout, size.input, list(given.shape)
    images = [3, wanted.height, wanted.width] if layout.channels_first else [wanted.height, wanted.width, 3]
    asked = [None, *images] if layout.batched else images
    if len(there) != len(asked) or any(
        isinstance(length, int) and ours not in (None, length) for ours, length in zip(asked, there, strict=True)
    ):
        raise InputError(
            f"{size.file} takes {given.name} of the shape {there}; by model.toml it would get {layout} with "
            f"{wanted.width} x {wanted.height} pixels: set `layout`, or the size's `width` and `height`"
        )
    fixed = there[0] if layout.batched else 1
    if isinstance(fixed, int) and manifest.batches != (fixed,):
        raise InputError(
            f"{size.file} takes batches of {fixed} only: write batches = [{fixed}] in model.toml, or export it with a "
            "dynamic batch axis"
        )
