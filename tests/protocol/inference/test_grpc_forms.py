"""Messages of gRPC: what clients really send is understood, and what is wrong is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("google.protobuf", reason="gRPC's messages need protobuf (extra `grpc`)")

from jellyfish.core import Task
from jellyfish.errors import RequestError
from jellyfish.protocol.inference.asked import WantedOutput
from jellyfish.protocol.inference.codes import RequestCode
from jellyfish.protocol.inference.description import ModelFacts
from jellyfish.protocol.inference.grpc_forms import MOST_NUMBERS, answer_of, config_of, metadata_of, request_of
from jellyfish.protocol.inference.messages import MESSAGES
from jellyfish.protocol.inference.tensors import Tensor

REQUEST = MESSAGES["ModelInferRequest"]
# As tritonclient 2.73.0 (PyPI) sends them.
TRITON_RAW = (
    b'\n\x06tested\x1a\x017"\x0f\n\x07timeout\x12\x04\x10\xa0\x8d\x06"\x0e\n\x07variant\x12\x03\x1a\x01w*\x11\n\x05'
    b"image\x12\x05BYTES\x1a\x01\x012\x07\n\x05boxes:\t\x05\x00\x00\x00\xff\xd8abc"
)
TRITON_CONTENTS = b'\n\x06tested*\x1c\n\x06pixels\x12\x05UINT8\x1a\x03\x01\x01\x03*\x06"\x04\x01\x02\xff\x01'
FACTS = ModelFacts("tested", "1", Task.DETECTION, ("person", "car"), ("w025-128", "w100-448"), 8, 1.0)


def pixels(*, raw: bytes = b"", datatype: str = "UINT8", shape: tuple[int, ...] = (1, 1, 3), **contents: Any) -> Any:
    """A request of one input."""
    message = REQUEST()
    tensor = message.inputs.add(name="pixels", datatype=datatype, shape=shape)
    for field, values in contents.items():
        getattr(tensor.contents, field).extend(values)
    if raw:
        message.raw_input_contents.append(raw)
    return message


def test_a_file_as_raw_contents() -> None:
    request = request_of(REQUEST.FromString(TRITON_RAW))
    assert request.inputs == (Tensor("image", "BYTES", (1,), (b"\xff\xd8abc",)),)
    assert (request.id, request.timeout_s, request.variant) == ("7", 0.1, "w")
    assert request.outputs == (WantedOutput("boxes", True),)


def test_elements_one_by_one() -> None:
    (tensor,) = request_of(REQUEST.FromString(TRITON_CONTENTS)).inputs
    assert isinstance(tensor.data, np.ndarray)
    assert (tensor.data.dtype, tensor.data.tolist()) == (np.uint8, [[[1, 2, 255]]])
    texts = pixels(datatype="BYTES", shape=(2,), bytes_contents=[b"a", b""])
    assert request_of(texts).inputs[0].data == (b"a", b"")


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (pixels(), "0 elements came"),
        (pixels(uint_contents=[1, 2]), "2 elements came"),
        (pixels(uint_contents=[1, 2, 256]), "no UINT8"),
        (pixels(raw=b"1234"), "3 bytes; 4 came"),
        (pixels(raw=b"123", uint_contents=[1, 2, 3]), "1 raw contents came for 1 inputs"),
        (pixels(datatype="UINT9", uint_contents=[1]), "elements came"),
        (pixels(datatype="UINT9", raw=b"123"), "no datatype UINT9"),
        (pixels(shape=(-1,), raw=b"123"), "no tensor has the shape"),
        (pixels(shape=(MOST_NUMBERS + 1,), uint_contents=[1] * (MOST_NUMBERS + 1)), "raw contents"),
        (pixels(datatype="BYTES", shape=(1,), raw=b"\x09\0\0\0a"), "element 0 of 1"),
        (pixels(datatype="BYTES", shape=(4096,), raw=bytes(4 * 4096)), "4096 elements of BYTES; at most 1024"),
        (pixels(datatype="BYTES", shape=(4096,), bytes_contents=[b""] * 4096), "4096 elements of BYTES; at most 1024"),
        (pixels(shape=(0, 2**62, 2**62, 3), raw=b"1"), "no tensor has the shape"),
        (REQUEST(inputs=[{"name": "a"}] * 65), "65 inputs; at most 64"),
        (REQUEST(outputs=[{"name": "a"}] * 65), "65 outputs; at most 64"),
        (REQUEST(parameters=[{"key": str(number)} for number in range(65)]), "65 parameters; at most 64"),
        (REQUEST(raw_input_contents=[b""] * 65), "65 raw contents; at most 64"),
        (pixels(shape=(1,) * 65), "65 sides; at most 64"),
    ],
)
def test_what_is_wrong_is_said(message: Any, why: str) -> None:
    with pytest.raises(RequestError, match=why) as refused:
        request_of(message)
    assert refused.value.code == RequestCode.BAD


def test_what_is_not_here_is_told_so() -> None:
    message = pixels(raw=b"123")
    message.outputs.add(name="scores").parameters.add(key="classification").value.int64_param = 3
    with pytest.raises(RequestError, match="not supported") as refused:
        request_of(message)
    assert refused.value.code == RequestCode.UNSUPPORTED


def test_answers_come_as_raw_contents() -> None:
    request = request_of(REQUEST.FromString(TRITON_RAW))
    scores = Tensor("scores", "FP32", (1, 2), np.array([[0.5, 0.25]], np.float32))
    answer = answer_of([scores], request, FACTS, {"variant": "w"})
    back = MESSAGES["ModelInferResponse"].FromString(answer.SerializeToString())
    assert (back.model_name, back.id, list(back.outputs[0].shape)) == ("tested", "7", [1, 2])
    assert np.frombuffer(back.raw_output_contents[0], np.float32).tolist() == [0.5, 0.25]


def test_what_is_told_of_the_model() -> None:
    metadata = metadata_of(FACTS)
    assert [(each.name, list(each.shape)) for each in metadata.inputs] == [
        ("image", [-1, 1]),
        ("pixels", [-1, -1, -1, 3]),
    ]
    config = config_of(FACTS).config
    assert (config.max_batch_size, config.input[1].data_type, config.output[0].data_type) == (8, 2, 11)
    assert {each.key: each.value.string_value for each in config.parameters} == {
        "classes": "person,car",
        "variants": "w025-128,w100-448",
    }
    assert config.dynamic_batching.default_queue_policy.default_timeout_microseconds == 10**6
