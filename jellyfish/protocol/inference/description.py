"""What a client can ask about server and model: metadata, configuration, the index of models. As plain values."""

from __future__ import annotations

from typing import Any, NamedTuple

from jellyfish.core import Task
from jellyfish.protocol.inference.answers import OutputKind, output_kinds
from jellyfish.protocol.inference.asked import IMAGE, PIXELS
from jellyfish.protocol.inference.tensors import BYTES

SERVER = "jellyfish"
EXTENSIONS = (
    "binary_tensor_data",
    "model_configuration",
    "model_repository",
    "schedule_policy",
    "statistics",
    "parameters",
)
"""Of the protocol, that are here."""
PLATFORM = "jellyfish"
ONLY_VERSION = "1"
"""Of a model that says none: clients expect one."""
_CONFIGURED = {BYTES: "TYPE_STRING"}


class TensorKind(NamedTuple):
    """An input or output, as metadata tell of it."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    """-1 for what is free; the first is the number of images."""


class ModelFacts(NamedTuple):
    """What clients may know of the model that is served."""

    name: str
    version: str
    """Never empty."""
    task: Task
    classes: tuple[str, ...]
    variants: tuple[str, ...]
    most_images: int
    timeout_s: float
    """Of requests that name none."""

    @property
    def inputs(self) -> tuple[TensorKind, ...]:
        """A request has one of them."""
        return (TensorKind(IMAGE, BYTES, (-1, 1)), TensorKind(PIXELS, "UINT8", (-1, -1, -1, 3)))

    @property
    def outputs(self) -> tuple[TensorKind, ...]:
        """What it answers with."""
        return tuple(TensorKind(kind.name, kind.datatype, (-1, *kind.inner)) for kind in output_kinds(self.task))


def server_metadata(version: str) -> dict[str, Any]:
    """What the server is."""
    return {"name": SERVER, "version": version, "extensions": list(EXTENSIONS)}


def model_metadata(model: ModelFacts) -> dict[str, Any]:
    """What the model takes and gives."""
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": PLATFORM,
        "inputs": [_told(each) for each in model.inputs],
        "outputs": [_told(each) for each in model.outputs],
    }


def model_config(model: ModelFacts) -> dict[str, Any]:
    """The same in Triton's words, which leave out the number of images; with classes and variants."""
    parameters = {"classes": model.classes, "variants": model.variants}
    return {
        "name": model.name,
        "platform": PLATFORM,
        "backend": PLATFORM,
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": model.most_images,
        "input": [_configured_input(each) for each in model.inputs],
        "output": [_configured_output(kind) for kind in output_kinds(model.task)],
        "dynamic_batching": {
            "default_queue_policy": {
                "timeout_action": "REJECT",
                "default_timeout_microseconds": round(1e6 * model.timeout_s),
                "allow_timeout_override": True,
            }
        },
        "parameters": {name: {"string_value": ",".join(values)} for name, values in parameters.items()},
    }


def repository_index(model: ModelFacts, ready: bool) -> list[dict[str, Any]]:
    """All models: the one."""
    state = {"state": "READY"} if ready else {"state": "UNAVAILABLE", "reason": "the server is not ready"}
    return [{"name": model.name, "version": model.version, **state}]


def _told(kind: TensorKind) -> dict[str, Any]:
    return {"name": kind.name, "datatype": kind.datatype, "shape": list(kind.shape)}


def _configured_input(kind: TensorKind) -> dict[str, Any]:
    format_ = {"format": "FORMAT_NHWC"} if kind.name == PIXELS else {}
    return {
        "name": kind.name,
        "data_type": _type(kind.datatype),
        "dims": list(kind.shape[1:]),
        "optional": True,
        **format_,
    }


def _configured_output(kind: OutputKind) -> dict[str, Any]:
    return {"name": kind.name, "data_type": _type(kind.datatype), "dims": list(kind.inner)}


def _type(datatype: str) -> str:
    return _CONFIGURED.get(datatype, f"TYPE_{datatype}")
