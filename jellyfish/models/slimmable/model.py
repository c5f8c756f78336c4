"""The slimmable detector as a model: what its card says, and engines of its weights. What runs them is loaded by the
engines: onnxruntime or torch on a processor (`runtimes`), torch on a GPU."""

from __future__ import annotations

from pathlib import Path

from jellyfish.core import Task
from jellyfish.models.model import Description, Engine, EngineOptions, Size
from jellyfish.models.slimmable.card import SHIPPED, Card, CardedVariants, read_weights
from jellyfish.models.slimmable.runtimes import IN_FLIGHT, Runtime, asked_runtime, can_run_onnx
from jellyfish.models.slimmable.street import input_size
from jellyfish.models.weights_file import card_path

NAMES = (
    "The name w075e2-320, for example, says: 75 % of the channels (w075) up to the second exit (e2, all of the "
    "network; e1 leaves out its last third) on frames of 320 pixels."
)
_PRELOAD = {
    Runtime.TORCH: ("jellyfish.models.slimmable.engine", "jellyfish.models.slimmable.weights"),
    Runtime.ONNXRUNTIME: ("jellyfish.models.slimmable.processor_engine",),
}
_SLOWER = ", as onnxruntime or onnx, with which it takes less time, is not installed"


class SlimmableModel:
    """All sizes of one network: any of them can run at any time, and in a process of its own."""

    def __init__(self, weights: Path | None, card: Card, runtime: Runtime) -> None:
        """`weights`: the file that `card` is of; None: the one that ships. `runtime`: of processors."""
        self._weights, self._runtime = weights, runtime
        self.description = _described(card, card_path(weights or SHIPPED), runtime)

    def engine(self, options: EngineOptions) -> Engine:
        """See `Model.engine`."""
        if options.device == "cpu" and self._runtime is Runtime.ONNXRUNTIME:
            from jellyfish.models.slimmable.processor_engine import ProcessorEngine

            return ProcessorEngine(self._weights, options)
        from jellyfish.models.slimmable.engine import detector_engine
        from jellyfish.models.slimmable.weights import load_weights
        from jellyfish.models.torch_device import opened_device

        return detector_engine(load_weights(self._weights), opened_device(options), options)


def open_slimmable(part: str, weights: Path | None) -> SlimmableModel:
    """The detector with these weights, or with those that ship. InputError for what cannot be used.

    `part`: what runs it on a processor; empty: the quickest.
    """
    runtime = asked_runtime(part)
    return SlimmableModel(weights, read_weights(weights)[0], runtime)


def _described(card: Card, path: Path, runtime: Runtime) -> Description:
    known = CardedVariants(card)
    sets = ", ".join(f"{each.name} ({each.images:,} images)" for each in card.evaluations)
    source = f"measured: mean F1 on {sets}; {path}" if sets else f"as {path} says"
    sizes = [
        Size(each, input_size(each.resolution), known.accuracy(each), source, known.score_threshold(each))
        for each in known.variants()
    ]
    return Description(
        name="slimmable",
        version=card.sha256[:8],
        task=Task.DETECTION,
        classes=card.classes,
        sizes=tuple(sizes),
        identity=card.sha256,
        libraries=("torch",),
        processor_libraries=(str(runtime),),
        preload=_PRELOAD[runtime],
        in_flight=IN_FLIGHT,
        mixes=True,
        movable=True,
        notes=(NAMES, f"On a processor it runs under {runtime}{'' if can_run_onnx() else _SLOWER}."),
    )
