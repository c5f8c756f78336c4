"""The small network of a device, and how its answers are fused with the cloud's: by the task, in this one place.

Torch is loaded when a network is made, not before.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jellyfish.config import DEFAULT_FUSION
from jellyfish.core import Answer, Variant
from jellyfish.devices.executor import blank_frame
from jellyfish.devices.workers import scale_on_one_thread
from jellyfish.edge.fusion.by_task import FusedDetections, Fusion, likely
from jellyfish.edge.fusion.classes import ClassFusion
from jellyfish.edge.fusion.detections import LOCAL_SCORE_THRESHOLD, DetectionFusion
from jellyfish.models.model import EngineOptions, Model, answers
from jellyfish.models.slimmable.card import CardedVariants, read_weights

WARM_UP_RUNS = 20


class ModelNetwork:
    """A size of a model on a thread of its own: one device's small network."""

    device = "local"

    def __init__(self, model: Model, variant: Variant, least_score: float | None = None) -> None:
        self.name, self._variant = variant.name, variant
        self.task, self.classes = model.description.task, model.description.classes
        self._description = model.description
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="local", initializer=scale_on_one_thread)
        self._engine = self._worker.submit(model.engine, EngineOptions(least_score=least_score)).result()

    async def run(self, image: NDArray[np.uint8]) -> Answer:
        """See `LocalNetwork.run`."""
        loop = asyncio.get_running_loop()
        (answer,) = await loop.run_in_executor(self._worker, answers, self._engine, [image], [self._variant])
        return answer

    def worth_telling(self, answer: Answer) -> Answer:
        """See `LocalNetwork.worth_telling`: all of it."""
        return answer

    def fusion(self) -> Fusion:
        """How its answers are fused with the cloud's, for one stream: class scores, as published."""
        return ClassFusion(len(self.classes))

    async def warm(self) -> None:
        """The first runs of a network take much longer than any after them."""
        for _ in range(WARM_UP_RUNS):
            await self.run(blank_frame(self._description, self._variant))

    def close(self) -> None:
        """End the thread."""
        self._worker.shutdown(wait=True, cancel_futures=True)


class DetectorNetwork(ModelNetwork):
    """One that finds objects, those too that are too unlikely to answer with: fusion makes something of them."""

    def __init__(self, model: Model, variant: Variant, local_threshold: float, cloud_threshold: float) -> None:
        """`local_threshold`, `cloud_threshold`: the least score worth answering with, here and there."""
        super().__init__(model, variant, min(local_threshold, LOCAL_SCORE_THRESHOLD))
        self._local_threshold, self._cloud_threshold = local_threshold, cloud_threshold

    def worth_telling(self, answer: Answer) -> Answer:
        """See `LocalNetwork.worth_telling`."""
        return likely(answer, self._local_threshold)

    def fusion(self) -> Fusion:
        """How its answers are fused with the cloud's, for one stream: objects, along the optical flow."""
        return FusedDetections(DetectionFusion(self._local_threshold, self._cloud_threshold, len(self.classes)))


def small_network(fusion: str, model: Model, variant: Variant, weights: Path | None) -> ModelNetwork:
    """The network of one device. `model`: as `small_model` gives it for the same `weights`."""
    if fusion != DEFAULT_FUSION:
        return ModelNetwork(model, variant)
    known = CardedVariants(read_weights(weights)[0])
    thresholds = (known.score_threshold(each) for each in (variant, known.variants()[-1]))
    return DetectorNetwork(model, variant, *thresholds)
