"""What a graph says of itself, and what comes out of it when it is run once."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jellyfish.errors import InputError
from jellyfish.models.onnx.runtime import meaning, open_session

Axis = int | str | None
"""A length, or the name of one that may be any."""


@dataclass(frozen=True)
class Port:
    """An input or an output."""

    name: str
    shape: tuple[Axis, ...]
    kind: str
    """As onnxruntime has it: `tensor(float)`."""


@dataclass(frozen=True)
class GraphFacts:
    """A graph from outside."""

    file: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    """Files beside it that hold its weights."""


def read_facts(path: Path) -> tuple[GraphFacts, Any]:
    """Of the graph at `path`, and its session. InputError for what is no graph, or cannot be loaded."""
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    session = open_session(path, "cpu", threads=1)
    inputs, outputs = (
        tuple(Port(each.name, tuple(each.shape), each.type) for each in each_kind)
        for each_kind in (session.get_inputs(), session.get_outputs())
    )
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    return GraphFacts(path.name, inputs, outputs, metadata, external_files(path)), session


def external_files(path: Path) -> tuple[str, ...]:
    """Files that hold the graph's weights, by what it says if `onnx` is installed, else by their usual names."""
    with contextlib.suppress(ImportError):
        import onnx
        from onnx.external_data_helper import ExternalDataInfo, uses_external_data

        graph = onnx.load(path, load_external_data=False).graph
        return tuple(
            sorted({ExternalDataInfo(each).location for each in graph.initializer if uses_external_data(each)})
        )
    usual = (f"{path.name}.data", f"{path.name}_data", f"{path.stem}.data")
    return tuple(name for name in usual if (path.parent / name).is_file())


def outputs_of_run(session: Any, feeds: Mapping[str, NDArray[Any]], file: str) -> dict[str, NDArray[Any]]:
    """What comes out, by name. InputError if it does not run."""
    names = [each.name for each in session.get_outputs()]
    try:
        return {
            name: array
            for name, array in zip(names, session.run(names, dict(feeds)), strict=True)
            if isinstance(array, np.ndarray)
        }
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise InputError(f"{file} does not run: {meaning(str(error))}") from error
