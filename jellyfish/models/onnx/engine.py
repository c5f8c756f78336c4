"""All sizes of a package on one device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jellyfish.core import Answer, Variant
from jellyfish.errors import InputError
from jellyfish.models.model import EngineOptions, Image
from jellyfish.models.onnx.decoders.decoder import Array
from jellyfish.models.onnx.fitting import Where
from jellyfish.models.onnx.loaded_graph import LoadedGraph, Prepared
from jellyfish.models.onnx.manifest import Manifest
from jellyfish.models.onnx.runtime import open_session


class OnnxBatch(NamedTuple):
    """A batch on its way through one network."""

    graph: LoadedGraph
    prepared: Prepared


class OnnxOutputs(NamedTuple):
    """What came out for a batch."""

    graph: LoadedGraph
    outputs: list[list[Array]]
    places: list[Where]


class OnnxEngine:
    """See `jellyfish.models.model.Engine`. On a processor `launch` is where the time goes."""

    def __init__(self, manifest: Manifest, folder: Path, options: EngineOptions) -> None:
        """Every size is loaded, and has run once. InputError for what cannot be."""
        sessions: dict[str, Any] = {}
        for size in manifest.sizes:
            if size.file not in sessions:
                sessions[size.file] = open_session(folder / size.file, options.device, options.threads)
        self._graphs = {
            size.variant: LoadedGraph(manifest, size, folder, sessions[size.file], options.least_score)
            for size in manifest.sizes
        }
        for graph in self._graphs.values():
            graph.try_out()
        names = {name for size in manifest.sizes for name in (size.file, *size.data)}
        self.memory_bytes = sum((folder / name).stat().st_size for name in names)

    def prepare(self, images: Sequence[Image], variants: Sequence[Variant]) -> OnnxBatch:
        """See `Engine.prepare`."""
        graph = self.graph(variants[0])
        return OnnxBatch(graph, graph.prepare(images))

    def launch(self, inputs: OnnxBatch) -> OnnxOutputs:
        """See `Engine.launch`."""
        return OnnxOutputs(inputs.graph, inputs.graph.run(inputs.prepared.parts), inputs.prepared.places)

    def finish(self, handle: OnnxOutputs) -> list[Answer]:
        """See `Engine.finish`. InputError for outputs with NaN or of another shape than expected."""
        return handle.graph.answers(handle.outputs, handle.places)

    def graph(self, variant: Variant) -> LoadedGraph:
        """The graph of one size."""
        try:
            return self._graphs[variant]
        except KeyError:
            known = ", ".join(each.name for each in self._graphs)
            raise InputError(f"there is no variant {variant.name}; there are: {known}") from None
