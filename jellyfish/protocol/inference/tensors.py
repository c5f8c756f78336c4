"""Tensors of the protocol: their types, and their elements as bytes, one after the other.

An element of `BYTES` is any number of bytes behind their count (four bytes, little endian); all others have one width.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jellyfish.protocol.inference.codes import bad

BYTES = "BYTES"
DTYPES = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""By the protocol's names."""
NOT_HERE = ("shared_memory_region", "classification")
"""Parameters of extensions that are not here: ignoring them would be another answer than the one asked for."""
MOST_DIMENSIONS, MOST_ELEMENTS = 8, 2**31
MOST_STRINGS = 1024
"""Elements of `BYTES`: each is an object of its own, and a file is large."""
_COUNT_BYTES = 4
Array = NDArray[np.generic]
Parameter = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Array | tuple[bytes, ...]
    """In the shape; of `BYTES` the elements, row by row."""


def elements(name: str, shape: Sequence[int]) -> int:
    """How many a tensor of `shape` has. RequestError for a shape that none can have."""
    if (
        len(shape) > MOST_DIMENSIONS
        or any(side < 0 for side in shape)
        or math.prod(side or 1 for side in shape) > MOST_ELEMENTS  # an empty one, too, has strides
    ):
        raise bad(f"{name}: no tensor has the shape {list(shape)[: MOST_DIMENSIONS + 1]}")
    return math.prod(shape)


def from_raw(name: str, datatype: str, shape: tuple[int, ...], raw: memoryview) -> Tensor:
    """A tensor whose elements came as bytes. Not copied, but for `BYTES`. RequestError where they do not fit."""
    count = elements(name, shape)
    if datatype == BYTES:
        return Tensor(name, datatype, shape, tuple(_strings(name, few_strings(name, count), raw)))
    dtype = dtype_of(name, datatype)
    if len(raw) != count * dtype.itemsize:
        raise bad(f"{name}: {datatype} of shape {list(shape)} is {count * dtype.itemsize} bytes; {len(raw)} came")
    return Tensor(name, datatype, shape, np.frombuffer(raw, dtype).reshape(shape))


def few_strings(name: str, count: int) -> int:
    """`count`, the elements of a tensor of `BYTES`. RequestError for more than are taken."""
    if count > MOST_STRINGS:
        raise bad(f"{name}: {count} elements of {BYTES}; at most {MOST_STRINGS} are taken")
    return count


def dtype_of(name: str, datatype: str) -> np.dtype[np.generic]:
    """RequestError for a type that the protocol does not have."""
    if datatype not in DTYPES:
        raise bad(f"{name}: there is no datatype {datatype[:20]}; there are {', '.join((*DTYPES, BYTES))}")
    return DTYPES[datatype]


def to_raw(tensor: Tensor) -> bytes:
    """The elements as bytes."""
    if isinstance(tensor.data, tuple):
        return b"".join(counted(tensor.data))
    return tensor.data.tobytes()


def counted(strings: Iterable[bytes]) -> Iterable[bytes]:
    """Each behind its count."""
    for string in strings:
        yield len(string).to_bytes(_COUNT_BYTES, "little")
        yield string


def _strings(name: str, count: int, raw: memoryview) -> Iterable[bytes]:
    position = 0
    for number in range(count):
        start = position + _COUNT_BYTES
        position = start + int.from_bytes(raw[position:start], "little")
        if position > len(raw) or start > len(raw):
            raise bad(f"{name}: element {number} of {count} goes beyond the {len(raw)} bytes that came")
        yield bytes(raw[start:position])
    if position != len(raw):
        raise bad(f"{name}: {len(raw) - position} bytes are left behind the last of {count} elements")
