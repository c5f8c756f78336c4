"""What requests took so far, by part of their way, as the protocol's statistics tell it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jellyfish.dispatch.request import Answered
from jellyfish.protocol.inference.description import ModelFacts

PARTS = (
    "success",
    "fail",
    "queue",
    "compute_input",
    "compute_infer",
    "compute_output",
    "cache_hit",
    "cache_miss",
)


@dataclass(slots=True)
class _Sum:
    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        self.count += count
        self.seconds += seconds

    def told(self) -> dict[str, int]:
        return {"count": self.count, "ns": round(1e9 * self.seconds)}


@dataclass(slots=True)
class RequestStatistics:
    """Of all requests. Images are counted where the protocol says inferences."""

    images: int = 0
    last_ms: int = 0
    """When the newest answer was made, in milliseconds since 1970."""
    parts: defaultdict[str, _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    batches: Counter[int] = field(default_factory=Counter)
    """Size of a batch -> images that ran in one, of whosever frames."""

    def answered(self, outcome: Sequence[Answered], seconds: float, unix_s: float) -> None:
        """A request was answered, after so long."""
        queue_s, execute_s = max(each.queue_s for each in outcome), max(each.execute_s for each in outcome)
        self.images += len(outcome)
        self.last_ms = round(1000 * unix_s)
        self.parts["success"].add(seconds)
        self.parts["queue"].add(queue_s, len(outcome))
        self.parts["compute_infer"].add(execute_s, len(outcome))
        self.parts["compute_input"].add(max(0.0, seconds - queue_s - execute_s), len(outcome))
        self.batches.update(each.batch for each in outcome)

    def failed(self, seconds: float) -> None:
        """A request was refused, or given up, after so long."""
        self.parts["fail"].add(seconds)

    def told(self, model: ModelFacts) -> dict[str, Any]:
        """In the protocol's words. Executions are those that images of requests were in, each counted in parts."""
        executions = sum(images / batch for batch, images in self.batches.items())
        statistics = {
            "name": model.name,
            "version": model.version,
            "last_inference": self.last_ms,
            "inference_count": self.images,
            "execution_count": round(executions),
            "inference_stats": {name: self.parts[name].told() for name in PARTS},
            "batch_stats": [],
        }
        return {"model_stats": [statistics]}
