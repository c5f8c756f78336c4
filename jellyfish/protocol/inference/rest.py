"""The protocol over HTTP: bodies of requests and answers.

A body is JSON, or JSON of a length that a header tells and behind it the elements of tensors as bytes (the binary
tensor data extension). What is parsed here is parsed on an event loop, so that much of it is not taken.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from jellyfish.errors import RequestError
from jellyfish.protocol.inference.asked import IMAGE, InferenceRequest, WantedOutput, require_few
from jellyfish.protocol.inference.codes import RequestCode, bad
from jellyfish.protocol.inference.tensors import (
    BYTES,
    NOT_HERE,
    Parameter,
    Tensor,
    dtype_of,
    elements,
    few_strings,
    from_raw,
    to_raw,
)

HEADER_LENGTH = "Inference-Header-Content-Length"
"""Bytes of the JSON part, where there are others behind it; 0: all of the body is one element, a file."""
MOST_JSON_BYTES = 1 << 20
MOST_NUMBERS_BYTES = 1 << 18
"""Of numbers in JSON, which take two hundred times as long to read as bytes do."""
_SIZE, _BINARY, _ALL_BINARY = "binary_data_size", "binary_data", "binary_data_output"


class _Input(msgspec.Struct):
    name: str
    shape: tuple[int, ...]
    datatype: str
    parameters: dict[str, Any] = {}
    data: msgspec.Raw = msgspec.Raw()


class _Output(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class _Body(msgspec.Struct):
    inputs: tuple[_Input, ...]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: tuple[_Output, ...] = ()


class RestAnswer(NamedTuple):
    """A body, and how much of it is JSON where bytes are behind that."""

    body: bytes
    json_bytes: int | None


_body = msgspec.json.Decoder(_Body)
_numbers = msgspec.json.Decoder(list[Any])


def parse_request(body: bytes, header_length: str | None) -> InferenceRequest:
    """The request in `body`; `header_length` as its header says it. RequestError for what is none."""
    json_bytes = _json_bytes(body, header_length)
    if header_length is not None and json_bytes == 0:
        return InferenceRequest((Tensor(IMAGE, BYTES, (1,), (body,)),))
    if json_bytes > MOST_JSON_BYTES:
        raise RequestError(
            RequestCode.TOO_LARGE,
            f"{json_bytes} bytes of JSON; at most {MOST_JSON_BYTES} are taken: send tensors as binary data",
        )
    try:
        parsed = _body.decode(memoryview(body)[:json_bytes])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad(f"the request is no JSON of this protocol: {error}") from None
    require_few(inputs=parsed.inputs, outputs=parsed.outputs)
    behind = _Behind(memoryview(body)[json_bytes:])
    inputs = tuple(_input(each, behind) for each in parsed.inputs)
    behind.require_empty()
    parameters = _parameters(parsed.parameters)
    all_binary = parameters.get(_ALL_BINARY) is True
    outputs = tuple(_wanted(each, all_binary) for each in parsed.outputs)
    return InferenceRequest(inputs, outputs, parsed.id, parameters, all_binary)


def render_answer(
    tensors: Sequence[Tensor],
    request: InferenceRequest,
    model: str,
    version: str,
    parameters: Mapping[str, Parameter],
) -> RestAnswer:
    """The body that answers `request` with `tensors`."""
    binary = {output.name: output.binary for output in request.outputs}
    told, raws = [], []
    for tensor in tensors:
        one: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
        if binary.get(tensor.name, request.binary):
            raws.append(to_raw(tensor))
            one["parameters"] = {_SIZE: len(raws[-1])}
        else:
            one["data"] = _in_json(tensor)
        told.append(one)
    answer: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": told}
    if request.id:
        answer["id"] = request.id
    if parameters:
        answer["parameters"] = parameters
    text = msgspec.json.encode(answer)
    return RestAnswer(b"".join((text, *raws)), len(text)) if raws else RestAnswer(text, None)


def render_error(message: str) -> bytes:
    """The body of an answer that tells of an error."""
    return msgspec.json.encode({"error": message})


class _Behind:
    """The bytes behind the JSON part: each tensor's in turn."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def take(self, name: str, size: object) -> memoryview:
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(self._data):
            raise bad(f"{name}: {_SIZE} is {size!r:.40}, and {len(self._data)} bytes are left behind the JSON part")
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def require_empty(self) -> None:
        if len(self._data):
            raise bad(f"{len(self._data)} bytes are left behind the last tensor")


def _json_bytes(body: bytes, header_length: str | None) -> int:
    if header_length is None:
        return len(body)
    if not (header_length.isascii() and header_length.isdigit() and len(header_length) < 20):
        raise bad(f"{HEADER_LENGTH} is a number of bytes, not {header_length[:40]!r}")
    if int(header_length) > len(body):
        raise bad(f"{HEADER_LENGTH} is {header_length}, but the body has {len(body)} bytes")
    return int(header_length)


def _input(parsed: _Input, behind: _Behind) -> Tensor:
    name = parsed.name[:40]
    _refuse_what_is_not_here(name, parsed.parameters)
    count = elements(name, parsed.shape)
    if _SIZE in parsed.parameters:
        return from_raw(name, parsed.datatype, parsed.shape, behind.take(name, parsed.parameters[_SIZE]))
    if not len(parsed.data):
        raise bad(f"{name}: it has neither data nor {_SIZE}")
    if parsed.datatype == BYTES:
        return Tensor(name, BYTES, parsed.shape, _files(name, parsed.data, few_strings(name, count)))
    dtype = dtype_of(name, parsed.datatype)
    if len(memoryview(parsed.data)) > MOST_NUMBERS_BYTES:
        raise bad(f"{name}: numbers in JSON are taken up to {MOST_NUMBERS_BYTES} bytes: send them as binary data")
    try:
        if b'"' in bytes(parsed.data):  # an array gives each element the room of the longest text
            raise ValueError("there is text among them")
        array = np.array(_numbers.decode(parsed.data))
        if array.size != count or array.dtype.kind not in "iufb":
            raise ValueError(f"{array.size} elements for the shape {list(parsed.shape)}")
        with np.errstate(all="raise"):
            return Tensor(name, parsed.datatype, parsed.shape, _exactly(array, dtype).reshape(parsed.shape))
    except (msgspec.DecodeError, ValueError, OverflowError, FloatingPointError, RecursionError) as error:
        raise bad(f"{name}: its data are no {parsed.datatype} of that shape: {error}") from None


def _exactly(array: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The same numbers as another type, if they have a place there."""
    if dtype.kind in "iu" and array.size:
        if array.dtype.kind == "f":
            raise ValueError("they are no whole numbers")
        info = np.iinfo(dtype)
        if array.min() < info.min or array.max() > info.max:
            raise ValueError(f"they are not within {info.min} to {info.max}")
    return array.astype(dtype)


def _files(name: str, data: msgspec.Raw, count: int) -> tuple[bytes, ...]:
    """Files are no text: in JSON they come in base64."""
    try:
        texts = list(_strings(_numbers.decode(data)))
        if len(texts) != count:
            raise ValueError(f"{len(texts)} elements where the shape has {count}")
        return tuple(base64.b64decode(text.encode(), validate=True) for text in texts)
    except (msgspec.DecodeError, ValueError, binascii.Error, RecursionError) as error:
        raise bad(f"{name}: in JSON a file is a text in base64 (or send it as binary data): {error}") from None


def _strings(data: object) -> Iterator[str]:
    """Those in lists, and in lists in lists."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, list):
        for each in data:
            yield from _strings(each)
    else:
        raise ValueError(f"{data!r:.40} is no text")


def _wanted(parsed: _Output, all_binary: bool) -> WantedOutput:
    _refuse_what_is_not_here(parsed.name[:40], parsed.parameters)
    return WantedOutput(parsed.name, parsed.parameters.get(_BINARY, all_binary) is True)


def _refuse_what_is_not_here(name: str, parameters: Mapping[str, Any]) -> None:
    for parameter in NOT_HERE:
        if parameter in parameters:
            raise RequestError(RequestCode.UNSUPPORTED, f"{name}: {parameter} is not supported here")


def _parameters(parsed: Mapping[str, Any]) -> dict[str, Parameter]:
    """Those that have a value of a kind that there is; others say nothing that is known here."""
    return {name: value for name, value in parsed.items() if isinstance(value, bool | int | float | str)}


def _in_json(tensor: Tensor) -> list[Any]:
    """Flat, row by row."""
    if isinstance(tensor.data, tuple):
        return [element.decode() for element in tensor.data]
    return list(tensor.data.ravel().tolist())
