"""The classifier's learner: network, its running average and optimiser; one `step` at a time, and its state as tensors.

Every step trains the wide network on the labels, and the narrow one on what the wide one says as well. All but the
last stage stays as the detector has it: edges and parts look alike everywhere, and large feature maps cost most to
learn from.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jellyfish.lab.classification.batch import CropBatch
from jellyfish.lab.training.arithmetic import mixed_precision
from jellyfish.models.classification.network import Classifier
from jellyfish.models.classification.sizes import SIZES
from jellyfish.models.precision import inference_dtype
from jellyfish.models.slimmable.detector import SlimmableDetector, normalise

_PEAK_RATE, _BEGUN_SHARE, _WARM_UP = 2e-3, 0.3, 0.05
"""Learning rate of new layers, and of those that begin with the detector's weights as a share of it; and the share
of the steps in which it rises."""
_WEIGHT_DECAY = 0.05
_GRADIENT_NORM = 5.0
_AVERAGING = 0.99
_SMOOTHING = 0.1
_TEACHER = 0.7
"""How much of the narrow network's target is what the wide one says."""


def rate_share(step: int, steps: int) -> float:
    """Learning rate of `step` (from 0) of a run of `steps`, as a share of the peak: warm-up, then half a cosine."""
    return min((step + 1) / (_WARM_UP * steps + 1), (1 + math.cos(math.pi * step / steps)) / 2)


class ClassLearner:
    """What training changes."""

    def __init__(self, seed: int, device: torch.device, begun: SlimmableDetector | Classifier) -> None:
        """`begun`: a detector, whose stem and stages are begun with, or a classifier. One such has settled: its norms
        keep their statistics, so that what is measured is what was trained, at every resolution.
        """
        torch.manual_seed(seed)
        self._device, self._dtype = device, inference_dtype(device)
        self.classifier = Classifier().to(device)
        self.classifier.begin_with(begun)
        self._settled = isinstance(begun, Classifier)
        self._kept = (self.classifier.stem, self.classifier.second, self.classifier.third)
        for stage in self._kept:
            stage.requires_grad_(False)
        self.average = copy.deepcopy(self.classifier).eval().requires_grad_(False)
        self._optimiser = torch.optim.AdamW(_groups(self.classifier), lr=_PEAK_RATE, betas=(0.9, 0.99))
        self.steps_done = 0
        self.hours = 0.0
        """Time spent on those steps; told by the caller."""

    def step(self, batch: CropBatch, steps: int) -> float:
        """Learn from one batch as the next step of a run of `steps`; returns the wide network's loss."""
        for group in self._optimiser.param_groups:
            group["lr"] = _PEAK_RATE * group["share"] * rate_share(self.steps_done, steps)
        self._optimiser.zero_grad()
        wide, narrow = self._losses(batch)
        torch.autograd.backward(wide + narrow)
        nn.utils.clip_grad_norm_(self.classifier.parameters(), _GRADIENT_NORM)
        self._optimiser.step()
        self.steps_done += 1
        self._update_average()
        return wide.item()

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on: tensors, numbers and plain containers of them."""
        return {
            "steps_done": self.steps_done,
            "hours": self.hours,
            "classifier": self.classifier.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `state` was taken."""
        self.steps_done, self.hours = state["steps_done"], state["hours"]
        self.classifier.load_state_dict(state["classifier"])
        self.average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])

    def _losses(self, batch: CropBatch) -> tuple[Tensor, Tensor]:
        """Of the wide network and of the narrow one."""
        self.classifier.train(not self._settled)
        for stage in self._kept:
            stage.eval()
        images = normalise(batch.images.to(self._device, non_blocking=True))
        labels = batch.labels.to(self._device, non_blocking=True)
        with mixed_precision(self._device, self._dtype):
            with torch.no_grad():
                shared = self.classifier.stem(images)
                kept = [self.classifier.early_stages(shared, size) for size in SIZES.values()]
            narrow, wide = (
                self.classifier.late_stages(seen, size).float() for seen, size in zip(kept, SIZES.values(), strict=True)
            )
        loss = F.cross_entropy(wide, labels, label_smoothing=_SMOOTHING)
        taught = F.cross_entropy(narrow, wide.detach().softmax(dim=1))
        own = F.cross_entropy(narrow, labels, label_smoothing=_SMOOTHING)
        return loss, _TEACHER * taught + (1 - _TEACHER) * own

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the running average towards the network; faster at first, when there is nothing to keep."""
        keep = min(_AVERAGING, (1 + self.steps_done) / (10 + self.steps_done))
        states = zip(self.average.state_dict().values(), self.classifier.state_dict().values(), strict=True)
        for mean, now in states:
            if mean.is_floating_point():
                mean.lerp_(now, 1 - keep)


def _groups(classifier: Classifier) -> list[dict[str, Any]]:
    """Weight decay for convolution weights only; layers that begin with trained weights learn more slowly."""
    new = [*classifier.features.parameters(), *classifier.predict.parameters()]
    known = {id(parameter) for parameter in new}
    begun = [one for one in classifier.parameters() if id(one) not in known and one.requires_grad]
    return [
        {"params": [one for one in some if (one.ndim > 1) is convolution], "weight_decay": decay, "share": share}
        for some, share in ((new, 1.0), (begun, _BEGUN_SHARE))
        for convolution, decay in ((True, _WEIGHT_DECAY), (False, 0.0))
    ]
