"""The protocol over gRPC: its messages, by the names and numbers that `inference.GRPCInferenceService` gives them.

The numbers are the standard's (KServe's Open Inference Protocol, with what Triton adds to it); what is left out here is
not spoken here. Classes are made from this table when this module is loaded, in a pool of their own: there is no
generated code to go stale, any protobuf will do, and a client's own stubs may be in the same process. Maps are written
as what they are on the wire: pairs of key and value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"
_KINDS = descriptor_pb2.FieldDescriptorProto


class _Field(NamedTuple):
    number: int
    name: str
    kind: str
    """A scalar, or the name of a message."""
    many: bool = False
    choice: bool = False
    """Whether it is one of the message's choice: it is known which of them was set."""


def _asks_by_name(*more: _Field) -> tuple[_Field, ...]:
    return (_Field(1, "name", "string"), _Field(2, "version", "string"), *more)


def _tensor() -> tuple[_Field, ...]:
    return (
        _Field(1, "name", "string"),
        _Field(2, "datatype", "string"),
        _Field(3, "shape", "int64", many=True),
        _Field(4, "parameters", "Parameter", many=True),
        _Field(5, "contents", "TensorContents"),
    )


_PARTS = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss")
_MESSAGES: dict[str, tuple[_Field, ...]] = {
    "ServerLiveRequest": (),
    "ServerLiveResponse": (_Field(1, "live", "bool"),),
    "ServerReadyRequest": (),
    "ServerReadyResponse": (_Field(1, "ready", "bool"),),
    "ModelReadyRequest": _asks_by_name(),
    "ModelReadyResponse": (_Field(1, "ready", "bool"),),
    "ServerMetadataRequest": (),
    "ServerMetadataResponse": (
        _Field(1, "name", "string"),
        _Field(2, "version", "string"),
        _Field(3, "extensions", "string", many=True),
    ),
    "ModelMetadataRequest": _asks_by_name(),
    "ModelMetadataResponse": (
        _Field(1, "name", "string"),
        _Field(2, "versions", "string", many=True),
        _Field(3, "platform", "string"),
        _Field(4, "inputs", "TensorMetadata", many=True),
        _Field(5, "outputs", "TensorMetadata", many=True),
    ),
    "TensorMetadata": (
        _Field(1, "name", "string"),
        _Field(2, "datatype", "string"),
        _Field(3, "shape", "int64", many=True),
    ),
    "ParameterValue": (
        _Field(1, "bool_param", "bool", choice=True),
        _Field(2, "int64_param", "int64", choice=True),
        _Field(3, "string_param", "string", choice=True),
        _Field(4, "double_param", "double", choice=True),
        _Field(5, "uint64_param", "uint64", choice=True),
    ),
    "Parameter": (_Field(1, "key", "string"), _Field(2, "value", "ParameterValue")),
    "TensorContents": (
        _Field(1, "bool_contents", "bool", many=True),
        _Field(2, "int_contents", "int32", many=True),
        _Field(3, "int64_contents", "int64", many=True),
        _Field(4, "uint_contents", "uint32", many=True),
        _Field(5, "uint64_contents", "uint64", many=True),
        _Field(6, "fp32_contents", "float", many=True),
        _Field(7, "fp64_contents", "double", many=True),
        _Field(8, "bytes_contents", "bytes", many=True),
    ),
    "ModelInferRequest": (
        _Field(1, "model_name", "string"),
        _Field(2, "model_version", "string"),
        _Field(3, "id", "string"),
        _Field(4, "parameters", "Parameter", many=True),
        _Field(5, "inputs", "InputTensor", many=True),
        _Field(6, "outputs", "RequestedOutput", many=True),
        _Field(7, "raw_input_contents", "bytes", many=True),
    ),
    "InputTensor": _tensor(),
    "RequestedOutput": (_Field(1, "name", "string"), _Field(2, "parameters", "Parameter", many=True)),
    "ModelInferResponse": (
        _Field(1, "model_name", "string"),
        _Field(2, "model_version", "string"),
        _Field(3, "id", "string"),
        _Field(4, "parameters", "Parameter", many=True),
        _Field(5, "outputs", "OutputTensor", many=True),
        _Field(6, "raw_output_contents", "bytes", many=True),
    ),
    "OutputTensor": _tensor(),
    "ModelStreamInferResponse": (
        _Field(1, "error_message", "string"),
        _Field(2, "infer_response", "ModelInferResponse"),
    ),
    "ModelConfigRequest": _asks_by_name(),
    "ModelConfigResponse": (_Field(1, "config", "ModelConfig"),),
    "ModelConfig": (
        _Field(1, "name", "string"),
        _Field(2, "platform", "string"),
        _Field(17, "backend", "string"),
        _Field(4, "max_batch_size", "int32"),
        _Field(5, "input", "ConfiguredInput", many=True),
        _Field(6, "output", "ConfiguredOutput", many=True),
        _Field(11, "dynamic_batching", "DynamicBatching"),
        _Field(14, "parameters", "ConfiguredParameter", many=True),
    ),
    "ConfiguredInput": (
        _Field(1, "name", "string"),
        _Field(2, "data_type", "int32"),
        _Field(3, "format", "int32"),
        _Field(4, "dims", "int64", many=True),
        _Field(8, "optional", "bool"),
    ),
    "ConfiguredOutput": (
        _Field(1, "name", "string"),
        _Field(2, "data_type", "int32"),
        _Field(3, "dims", "int64", many=True),
    ),
    "DynamicBatching": (_Field(6, "default_queue_policy", "QueuePolicy"),),
    "QueuePolicy": (
        _Field(1, "timeout_action", "int32"),
        _Field(2, "default_timeout_microseconds", "uint64"),
        _Field(3, "allow_timeout_override", "bool"),
    ),
    "ConfiguredParameter": (_Field(1, "key", "string"), _Field(2, "value", "ConfiguredValue")),
    "ConfiguredValue": (_Field(1, "string_value", "string"),),
    "ModelStatisticsRequest": _asks_by_name(),
    "ModelStatisticsResponse": (_Field(1, "model_stats", "ModelStatistics", many=True),),
    "ModelStatistics": _asks_by_name(
        _Field(3, "last_inference", "uint64"),
        _Field(4, "inference_count", "uint64"),
        _Field(5, "execution_count", "uint64"),
        _Field(6, "inference_stats", "InferStatistics"),
    ),
    "InferStatistics": tuple(_Field(number, name, "Duration") for number, name in enumerate(_PARTS, start=1)),
    "Duration": (_Field(1, "count", "uint64"), _Field(2, "ns", "uint64")),
    "RepositoryIndexRequest": (_Field(1, "repository_name", "string"), _Field(2, "ready", "bool")),
    "RepositoryIndexResponse": (_Field(1, "models", "ModelIndex", many=True),),
    "ModelIndex": _asks_by_name(_Field(3, "state", "string"), _Field(4, "reason", "string")),
}


def _made() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="inference.proto", package=PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if any(field.choice for field in fields):
            message.oneof_decl.add(name="choice")
        for field in fields:
            described = message.field.add(name=field.name, number=field.number)
            described.label = _KINDS.LABEL_REPEATED if field.many else _KINDS.LABEL_OPTIONAL
            if field.choice:
                described.oneof_index = 0
            if field.kind in _MESSAGES:
                described.type, described.type_name = _KINDS.TYPE_MESSAGE, f".{PACKAGE}.{field.kind}"
            else:
                described.type = _KINDS.Type.Value(f"TYPE_{field.kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in _MESSAGES
    }


MESSAGES = _made()
"""Name -> class."""
