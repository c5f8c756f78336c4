"""Bodies over HTTP: what clients really send is understood, and what is wrong is said."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.errors import RequestError
from jellyfish.protocol.inference.asked import InferenceRequest, WantedOutput
from jellyfish.protocol.inference.codes import http_status
from jellyfish.protocol.inference.rest import MOST_JSON_BYTES, MOST_NUMBERS_BYTES, parse_request, render_answer
from jellyfish.protocol.inference.tensors import DTYPES, Tensor, from_raw, to_raw

FILE = b"\xff\xd8abc"
# As tritonclient 2.73.0 (PyPI) writes them.
TRITON_BYTES = (
    b'{"id":"7","inputs":[{"name":"image","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":9}}],'
    b'"parameters":{"timeout":100000,"binary_data_output":true,"variant":"w"}}\x05\x00\x00\x00\xff\xd8abc'
)
TRITON_PIXELS = (
    b'{"inputs":[{"name":"pixels","shape":[2,3,1,1],"datatype":"UINT8","data":[0,1,2,3,4,5]}],'
    b'"outputs":[{"name":"boxes","parameters":{"binary_data":false}}]}'
)


def body(**changed: Any) -> bytes:
    """A request of one input in JSON, with some keys of that input changed; None for none."""
    one = {"name": "pixels", "shape": [1, 1, 3], "datatype": "UINT8", "data": [1, 2, 3]} | changed
    return json.dumps({"inputs": [{key: value for key, value in one.items() if value is not None}]}).encode()


def test_a_file_as_binary_data() -> None:
    request = parse_request(TRITON_BYTES, "177")
    assert request.inputs == (Tensor("image", "BYTES", (1,), (FILE,)),)
    assert (request.id, request.timeout_s, request.variant, request.binary) == ("7", 0.1, "w", True)


def test_numbers_in_json() -> None:
    request = parse_request(TRITON_PIXELS, None)
    (tensor,) = request.inputs
    assert isinstance(tensor.data, np.ndarray)
    assert (tensor.data.dtype, tensor.data.shape, tensor.data.ravel().tolist()) == (np.uint8, (2, 3, 1, 1), [*range(6)])
    assert request.outputs == (WantedOutput("boxes", False),)
    nested = parse_request(body(data=[[[1, 2, 3]]]), None)
    assert isinstance(nested.inputs[0].data, np.ndarray)
    assert nested.inputs[0].data.tolist() == [[[1, 2, 3]]]


def test_a_body_that_is_a_file() -> None:
    assert parse_request(FILE, "0").inputs == (Tensor("image", "BYTES", (1,), (FILE,)),)


def test_a_file_in_json_comes_in_base64() -> None:
    text = base64.b64encode(FILE).decode()
    for data in ([text], [[text]]):
        request = parse_request(body(name="image", datatype="BYTES", shape=[1, 1], data=data), None)
        assert request.inputs[0].data == (FILE,)


@pytest.mark.parametrize(
    ("request_body", "header", "why"),
    [
        (b"", None, "no JSON"),
        (b"{", None, "no JSON"),
        (b"[]", None, "object"),
        (b"{}", None, "inputs"),
        (b'{"inputs": [{"name": 5}]}', None, "name"),
        (b"[" * 100_000, None, "no JSON"),
        (b"\xff", None, "no JSON"),
        (TRITON_BYTES, "178", "no JSON"),
        (TRITON_BYTES, "x", "number of bytes"),
        (TRITON_BYTES, "-1", "number of bytes"),
        (TRITON_BYTES, "9999", "the body has 186 bytes"),
        (TRITON_BYTES[:-1], "177", "8 bytes are left"),
        (TRITON_BYTES + b"x", "177", "1 bytes are left behind the last tensor"),
        (TRITON_BYTES.replace(b"\x05\x00\x00\x00", b"\x06\x00\x00\x00"), "177", "element 0 of 1"),
        (TRITON_BYTES.replace(b"\x05\x00\x00\x00", b"\x04\x00\x00\x00"), "177", "1 bytes are left"),
        (TRITON_BYTES.replace(b'_size":9', b'_size":-'), "177", "no JSON"),
        (body(data=None), None, "neither data"),
        (body(data=[1, 2]), None, "2 elements for the shape"),
        (body(data=[1, 2, 256]), None, "within 0 to 255"),
        (body(data=[1, 2, 2.5]), None, "whole numbers"),
        (body(data=[1, 2, "x"]), None, "text among them"),
        (body(data=[1, "x" * 250_000]), None, "text among them"),
        (body(data=[[1], [2, 3]]), None, "its data are no UINT8"),
        (body(data="x"), None, "its data are no UINT8"),
        (body(datatype="UINT9"), None, "no datatype UINT9"),
        (body(shape=[-1, 3]), None, "no tensor has the shape"),
        (body(shape=[10**9] * 8), None, "no tensor has the shape"),
        (body(shape=[1] * 9), None, "no tensor has the shape"),
        (body(shape=[0, 2**62, 2**62, 3], data=[]), None, "no tensor has the shape"),
        (body(datatype="BYTES", shape=[1025], data=[""] * 1025), None, "1025 elements of BYTES; at most 1024"),
        (json.dumps({"inputs": 65 * [{"name": "a", "shape": [], "datatype": "X"}]}).encode(), None, "65 inputs; at"),
        (json.dumps({"inputs": [], "outputs": 65 * [{"name": "boxes"}]}).encode(), None, "65 outputs; at most 64"),
        (body(datatype="BYTES", shape=[1], data=["%"]), None, "base64"),
        (body(datatype="BYTES", shape=[1], data=[1]), None, "base64"),
        (body(datatype="BYTES", shape=[2], data=["YQ=="]), None, "1 elements where the shape has 2"),
        (body(data=[1] * (MOST_NUMBERS_BYTES // 2), shape=[MOST_NUMBERS_BYTES // 2]), None, "send them as binary data"),
        (b'{"inputs": "' + bytes(MOST_JSON_BYTES), None, "send tensors as binary data"),
        (body(parameters={"shared_memory_region": "r"}), None, "not supported"),
        (body(parameters={"binary_data_size": True}), None, "binary_data_size is True"),
    ],
)
def test_what_is_wrong_is_said(request_body: bytes, header: str | None, why: str) -> None:
    with pytest.raises(RequestError, match=why) as refused:
        parse_request(request_body, header)
    assert 400 <= http_status(refused.value.code) <= 501


@pytest.mark.parametrize("timeout", [True, -1, "soon", 1e400, float("nan"), "1e3", float("-inf")])
def test_a_timeout_that_is_none(timeout: Any) -> None:
    with pytest.raises(RequestError, match="microseconds"):
        _ = InferenceRequest((), parameters={"timeout": timeout}).timeout_s


def test_timeouts() -> None:
    given_s = [InferenceRequest((), parameters={"timeout": value}).timeout_s for value in (0, 2e6, "50000", 10**400)]
    assert given_s == [None, 2.0, 0.05, 60.0]
    assert InferenceRequest(()).timeout_s is None


def test_outputs_are_written_as_they_were_asked_for() -> None:
    boxes = Tensor("boxes", "FP32", (1, 1, 4), np.array([[[0, 0.25, 0.5, 1]]], np.float32))
    words = Tensor("json", "BYTES", (1, 1), (b"{}",))
    mixed = InferenceRequest((), (WantedOutput("boxes", True), WantedOutput("json", False)), id="a")
    answer = render_answer([boxes, words], mixed, "m", "1", {"variant": "w"})
    assert answer.json_bytes is not None
    told = json.loads(answer.body[: answer.json_bytes])
    assert told == {
        "model_name": "m",
        "model_version": "1",
        "id": "a",
        "parameters": {"variant": "w"},
        "outputs": [
            {"name": "boxes", "datatype": "FP32", "shape": [1, 1, 4], "parameters": {"binary_data_size": 16}},
            {"name": "json", "datatype": "BYTES", "shape": [1, 1], "data": ["{}"]},
        ],
    }
    assert answer.body[answer.json_bytes :] == to_raw(boxes)
    plain = render_answer([boxes, words], InferenceRequest(()), "m", "1", {})
    assert plain.json_bytes is None
    assert json.loads(plain.body)["outputs"][0]["data"] == [0, 0.25, 0.5, 1]
    binary = render_answer([words], InferenceRequest((), binary=True), "m", "1", {})
    assert binary.body.endswith(b"\x02\x00\x00\x00{}")


@pytest.mark.parametrize("datatype", DTYPES)
def test_tensors_of_each_type_come_back(datatype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(DTYPES[datatype])
    raw = to_raw(Tensor("any", datatype, (2, 3), array))
    back = from_raw("any", datatype, (2, 3), memoryview(raw))
    assert isinstance(back.data, np.ndarray)
    assert (back.data == array).all()
    with pytest.raises(RequestError, match="came"):
        from_raw("any", datatype, (2, 4), memoryview(raw))


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_files_come_back(files: list[bytes]) -> None:
    raw = to_raw(Tensor("any", "BYTES", (len(files),), tuple(files)))
    assert from_raw("any", "BYTES", (len(files),), memoryview(raw)).data == tuple(files)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_are_a_request_or_wrong(data: bytes, header: int) -> None:
    for given_header in (None, str(header)):
        try:
            parse_request(data, given_header)
        except RequestError as error:
            assert error.code in ("bad_request", "too_large", "unsupported")
