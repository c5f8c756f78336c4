"""The learner: network, its running average and optimiser; one `step` at a time, and its state as tensors.

Sandwich rule (Yu and Huang, ICCV 2019): a step trains the widest and the narrowest network and one in between, each at
all exits, behind a stem that runs once. Knows nothing of files, frames or time.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from jellyfish.lab.training.arithmetic import mixed_precision
from jellyfish.lab.training.batch import Batch
from jellyfish.lab.training.loss import detection_loss, targets_of
from jellyfish.models.precision import inference_dtype
from jellyfish.models.slimmable.boxes import grid_points
from jellyfish.models.slimmable.detector import SlimmableDetector, normalise
from jellyfish.models.slimmable.sizes import WIDTHS
from jellyfish.models.slimmable.street import input_size

_WEIGHT_DECAY = 0.05
_GRADIENT_NORM = 10.0
_AVERAGING = 0.999
_WARM_UP_STEPS = 200
_DECAY_SHARE = 0.4
"""The learning rate is constant after the warm-up and falls to zero over this last share of the steps,
so that a run's length can be changed while it goes on."""

_ALONE_SHARE = 0.6
"""Share of the steps, from the first, in which the widest network learns alone."""

_INITIALISED_RATE = 0.2
"""Learning rate of layers that begin with trained weights, as a share of the others'."""

_FROZEN_BLOCKS = 3
"""Blocks of an initialised stem that stay as they are: edges and colours look alike everywhere, and the largest feature
maps cost most to learn from."""


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Rate of `step` (from 0) of a run of `steps`: warm-up, plateau, linear decay."""
    decay_steps = max(1, round(steps * _DECAY_SHARE))
    return peak * min(1.0, (step + 1) / _WARM_UP_STEPS, (steps - step) / decay_steps)


def widths_of(step: int, steps: int, seed: int) -> tuple[float, ...]:
    """The widths trained at `step` of a run of `steps`, widest first: it teaches the others.

    The widest learns alone at first (progressive shrinking, Cai et al., "Once-for-All", ICLR 2020): a good teacher for
    a third of the cost.
    """
    if step < steps * _ALONE_SHARE:
        return WIDTHS[-1:]
    between = random.Random(f"{seed}-{step}").choice(WIDTHS[1:-1])
    return WIDTHS[-1], between, WIDTHS[0]


class Learner:
    """What training changes."""

    def __init__(
        self,
        seed: int,
        device: torch.device,
        initialise: Callable[[SlimmableDetector], None] | None = None,
        peak_rate: float = 1.5e-3,
    ) -> None:
        """`initialise` puts trained weights into the backbone, whose first blocks then stay as they are."""
        torch.manual_seed(seed)
        self._seed, self._device, self._peak_rate = seed, device, peak_rate
        self._dtype = inference_dtype(device)
        self.detector = SlimmableDetector().to(device)
        self._frozen: tuple[nn.Module, ...] = ()
        if initialise is not None:
            initialise(self.detector)
            self._frozen = (self.detector.stem.entry, *self.detector.stem.blocks[:_FROZEN_BLOCKS])
            for module in self._frozen:
                module.requires_grad_(False)
        self.average = copy.deepcopy(self.detector).eval().requires_grad_(False)
        groups = _parameter_groups(self.detector, 1.0 if initialise is None else _INITIALISED_RATE)
        self._optimiser = torch.optim.AdamW(groups, lr=peak_rate, betas=(0.9, 0.99))
        self.steps_done = 0
        self.hours = 0.0
        """Time spent on those steps, kept here so that it survives a resumption; told by the caller."""

    def step(self, batch: Batch, steps: int) -> float:
        """Learn from one batch as the next step of a run of `steps`; returns the largest network's loss."""
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(self.steps_done, steps, self._peak_rate * group["share"])
        self._optimiser.zero_grad()
        loss = self._accumulate(batch, steps)
        nn.utils.clip_grad_norm_(self.detector.parameters(), _GRADIENT_NORM)
        self._optimiser.step()
        self.steps_done += 1
        self._update_average()
        return loss.item()  # last: a GPU is waited for here

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on: tensors, numbers and plain containers of them."""
        return {
            "steps_done": self.steps_done,
            "hours": self.hours,
            "detector": self.detector.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `state` was taken."""
        self.steps_done, self.hours = state["steps_done"], state["hours"]
        self.detector.load_state_dict(state["detector"])
        self.average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])

    def _accumulate(self, batch: Batch, steps: int) -> Tensor:
        """Add the gradients of the step's sizes; returns the largest's loss.

        The stem's output is cut out of the graph, so that each size gives its memory back before the next one runs.
        """
        self.detector.train()
        for module in self._frozen:
            module.eval()
        images = normalise(batch.images.to(self._device, non_blocking=True))
        labels = batch.labels.to(self._device)
        size = input_size(batch.resolution)
        points = grid_points(size.height, size.width, self._device)
        with mixed_precision(self._device, self._dtype):
            shared = self.detector.stem(images)
        cut = shared.detach().requires_grad_()
        teacher, targets, largest_loss = None, None, torch.zeros(())
        for width in widths_of(self.steps_done, steps, self._seed):
            with mixed_precision(self._device, self._dtype):
                early, late = self.detector.exits(cut, width)
            if teacher is None or targets is None:
                teacher, targets = late.detach(), targets_of(late, points, labels)
                loss = detection_loss(late, points, targets)
                largest_loss = loss.detach()
            else:
                loss = detection_loss(late, points, targets, teacher)
            torch.autograd.backward(loss + detection_loss(early, points, targets, teacher))
        torch.autograd.backward(shared, cut.grad)
        return largest_loss

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the running average towards the network; faster at first, when there is nothing to keep."""
        keep = min(_AVERAGING, (1 + self.steps_done) / (10 + self.steps_done))
        for mean, now in zip(_floats(self.average), _floats(self.detector), strict=True):
            mean.lerp_(now, 1 - keep)


def _floats(module: nn.Module) -> list[Tensor]:
    """Parameters and norm statistics, in a fixed order."""
    return [tensor for tensor in module.state_dict().values() if tensor.is_floating_point()]


def _parameter_groups(detector: SlimmableDetector, backbone_share: float) -> list[dict[str, Any]]:
    """Weight decay for convolution weights only, not for norms and biases; the backbone has its own learning rate."""
    fresh = [p for part in (detector.necks, detector.heads) for p in part.parameters()]
    known = {id(p) for p in fresh}
    backbone = [p for p in detector.parameters() if id(p) not in known and p.requires_grad]
    return [
        {"params": [p for p in some if (p.ndim > 1) is convolution], "weight_decay": decay, "share": share}
        for some, share in ((fresh, 1.0), (backbone, backbone_share))
        for convolution, decay in ((True, _WEIGHT_DECAY), (False, 0.0))
    ]
