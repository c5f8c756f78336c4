"""From messages of gRPC to the protocol's values, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jellyfish.errors import RequestError
from jellyfish.protocol.inference.asked import InferenceRequest, WantedOutput, require_few
from jellyfish.protocol.inference.codes import RequestCode, bad
from jellyfish.protocol.inference.description import ModelFacts, model_config, model_metadata
from jellyfish.protocol.inference.messages import MESSAGES
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

MOST_NUMBERS = 1 << 16
"""Elements that come one by one: read as slowly as in JSON."""
_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}
"""Datatype -> where its elements are, if they come one by one."""
_TYPES = ("INVALID", "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32")
_TYPE_NUMBERS = {f"TYPE_{name}": number for number, name in enumerate(_TYPES)} | {"TYPE_FP64": 12, "TYPE_STRING": 13}
_NHWC = 1


def request_of(message: Any) -> InferenceRequest:
    """What a `ModelInferRequest` asks for. RequestError for what is wrong with it."""
    require_few(
        inputs=message.inputs,
        outputs=message.outputs,
        parameters=message.parameters,
        raw_contents=message.raw_input_contents,
    )
    parameters = _parameters(message.parameters)
    raws = iter(message.raw_input_contents)
    inputs = tuple(_input(each, raws) for each in message.inputs)
    if sum(1 for _ in raws):
        raise bad(f"{len(message.raw_input_contents)} raw contents came for {len(inputs)} inputs")
    return InferenceRequest(inputs, tuple(map(_wanted, message.outputs)), message.id, parameters, binary=True)


def answer_of(
    tensors: Sequence[Tensor], request: InferenceRequest, model: ModelFacts, parameters: Mapping[str, Parameter]
) -> Any:
    """The `ModelInferResponse`."""
    answer = MESSAGES["ModelInferResponse"](model_name=model.name, model_version=model.version, id=request.id)
    for name, value in parameters.items():
        answer.parameters.add(key=name).value.string_param = str(value)
    for tensor in tensors:
        answer.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        answer.raw_output_contents.append(to_raw(tensor))
    return answer


def metadata_of(model: ModelFacts) -> Any:
    """The `ModelMetadataResponse`."""
    return MESSAGES["ModelMetadataResponse"](**model_metadata(model))


def config_of(model: ModelFacts) -> Any:
    """The `ModelConfigResponse`."""
    told = model_config(model)
    queue = {**told["dynamic_batching"]["default_queue_policy"], "timeout_action": 0}
    answer = MESSAGES["ModelConfigResponse"]()
    config = answer.config
    for key in ("name", "platform", "backend", "max_batch_size"):
        setattr(config, key, told[key])
    for each in told["input"]:
        number = _TYPE_NUMBERS[each["data_type"]]
        form = _NHWC if "format" in each else 0
        config.input.add(name=each["name"], data_type=number, format=form, dims=each["dims"], optional=True)
    for each in told["output"]:
        config.output.add(name=each["name"], data_type=_TYPE_NUMBERS[each["data_type"]], dims=each["dims"])
    config.dynamic_batching.default_queue_policy.CopyFrom(MESSAGES["QueuePolicy"](**queue))
    for key, value in told["parameters"].items():
        config.parameters.add(key=key).value.string_value = value["string_value"]
    return answer


def statistics_of(told: Mapping[str, Any]) -> Any:
    """The `ModelStatisticsResponse`."""
    answer = MESSAGES["ModelStatisticsResponse"]()
    for each in told["model_stats"]:
        one = answer.model_stats.add()
        for key in ("name", "version", "last_inference", "inference_count", "execution_count"):
            setattr(one, key, each[key])
        for name, part in each["inference_stats"].items():
            getattr(one.inference_stats, name).CopyFrom(MESSAGES["Duration"](**part))
    return answer


def _input(message: Any, raws: Iterator[bytes]) -> Tensor:
    name, datatype = message.name[:40], message.datatype
    require_few(sides=message.shape)
    shape = tuple(message.shape)
    _refuse_what_is_not_here(name, message.parameters)
    count = elements(name, shape)
    field = _CONTENTS.get(datatype)
    contents = getattr(message.contents, field) if field else ()
    if not len(contents) and (raw := next(raws, None)) is not None:
        return from_raw(name, datatype, shape, memoryview(raw))
    if len(contents) != count:
        raise bad(f"{name}: {len(contents)} elements came for the shape {list(shape)}")
    if datatype == BYTES:
        few_strings(name, count)
        return Tensor(name, datatype, shape, tuple(contents))
    dtype = dtype_of(name, datatype)
    if count > MOST_NUMBERS:
        raise bad(f"{name}: elements are taken one by one up to {MOST_NUMBERS}: send them as raw contents")
    values = np.array(contents)
    if dtype.kind in "iu" and values.size and not np.can_cast(np.min_scalar_type(int(values.max())), dtype):
        raise bad(f"{name}: its elements are no {datatype}")
    return Tensor(name, datatype, shape, values.astype(dtype).reshape(shape))


def _wanted(message: Any) -> WantedOutput:
    _refuse_what_is_not_here(message.name, message.parameters)
    return WantedOutput(message.name, binary=True)


def _refuse_what_is_not_here(name: str, parameters: Any) -> None:
    require_few(parameters=parameters)
    for each in parameters:
        if each.key in NOT_HERE:
            raise RequestError(RequestCode.UNSUPPORTED, f"{name[:40]}: {each.key} is not supported here")


def _parameters(messages: Any) -> dict[str, Parameter]:
    """Those that have a value."""
    found: dict[str, Parameter] = {}
    for each in messages:
        choice = each.value.WhichOneof("choice")
        if choice is not None:
            found[each.key] = getattr(each.value, choice)
    return found
