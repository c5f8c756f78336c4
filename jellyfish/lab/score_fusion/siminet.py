"""SiMiNet: a small network that says whether two neighbouring steps carry the same label, as published (SEC 2020).

It learns from raw local scores whose true labels are known. Knows nothing of videos or of what the classes mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from jellyfish.edge.fusion.similarity import LocalScores
from jellyfish.errors import InputError

_HIDDEN = 1024
_LEARNING_RATE = 1e-3
_FIRST_WEIGHT = "layers.0.weight"


class LabelledScores(NamedTuple):
    """A sequence of steps to learn from."""

    raw: NDArray[np.floating]
    """[steps, classes] the small network's scores before softmax."""
    labels: NDArray[np.integer]
    """[steps] what is truly there."""


class SiMiNet(nn.Module):
    """2 * classes -> 1024 -> 1024 -> 1 with ReLU; usable as a `Similarity`."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.layers = nn.Sequential(
            nn.Linear(2 * classes, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 1)
        )

    def forward(self, pairs: Tensor) -> Tensor:
        """Raw scores of both steps, side by side [n, 2 * classes] -> logits [n] of carrying the same label."""
        logits: Tensor = self.layers(pairs)[:, 0]
        return logits

    @torch.inference_mode()
    def between(self, before: LocalScores, now: LocalScores) -> float:
        """Probability that both steps carry the same label. InputError for scores of another number of classes."""
        if before.raw.shape != (self.classes,) or now.raw.shape != (self.classes,):
            raise InputError(
                f"this SiMiNet compares scores of {self.classes} classes, not {before.raw.shape} and {now.raw.shape}"
            )
        pair = torch.from_numpy(np.concatenate([before.raw, now.raw])).float()
        return float(self(pair[None]).sigmoid())


def train_siminet(sequences: Sequence[LabelledScores], seed: int = 0, steps: int = 300, batch: int = 256) -> SiMiNet:
    """A network that has learned from `sequences`, which share their classes; the same for the same `seed`.

    Half of each batch are neighbours with the same label, as it will see most of the time; the other half any two steps
    with different labels, because real changes are few. Raises InputError if there are no pairs of either kind, or
    shapes do not fit.
    """
    pairs = _Pairs(sequences)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = SiMiNet(pairs.classes)
    random = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(net.parameters(), _LEARNING_RATE)
    target = torch.cat([torch.ones(batch // 2), torch.zeros(batch // 2)])
    for _ in range(steps):
        loss = nn.functional.binary_cross_entropy_with_logits(net(pairs.draw(batch // 2, random)), target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return net.eval()


class _Pairs:
    """Where pairs to learn from are drawn."""

    def __init__(self, sequences: Sequence[LabelledScores]) -> None:
        for raw, labels in sequences:
            if raw.ndim != 2 or labels.shape != raw.shape[:1] or raw.shape[1] != sequences[0].raw.shape[1]:
                raise InputError(
                    f"scores {raw.shape} and labels {labels.shape} do not fit: give [steps, classes] and [steps], "
                    "with the same classes in all sequences"
                )
        if not sequences:
            raise InputError("SiMiNet needs at least one sequence to learn from")
        self._raw = np.concatenate([raw for raw, _ in sequences]).astype(np.float32)
        self._labels = np.concatenate([labels for _, labels in sequences])
        self.classes = self._raw.shape[1]
        starts = np.cumsum([len(labels) for _, labels in sequences])[:-1]
        neighbours = np.setdiff1d(np.arange(1, len(self._labels)), starts)
        self._same = neighbours[self._labels[neighbours] == self._labels[neighbours - 1]]
        self._others = {label: np.flatnonzero(self._labels != label) for label in np.unique(self._labels).tolist()}
        if not len(self._same):
            raise InputError("SiMiNet needs steps that carry the same label as the one before; there are none")
        if len(self._others) < 2:
            raise InputError("SiMiNet needs steps of at least two labels; all carry the same one")

    def draw(self, count: int, random: np.random.Generator) -> Tensor:
        """`count` pairs with the same label, then as many with different ones: [2 * count, 2 * classes]."""
        same = random.choice(self._same, count)
        first = random.integers(len(self._labels), size=count)
        second = np.array([random.choice(self._others[label]) for label in self._labels[first].tolist()])
        before, now = np.concatenate([same - 1, first]), np.concatenate([same, second])
        return torch.from_numpy(np.concatenate([self._raw[before], self._raw[now]], axis=1))


def save_siminet(path: Path, net: SiMiNet) -> None:
    """Write the network's weights as safetensors; a reader never sees half of the file."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(save({name: tensor.contiguous().cpu() for name, tensor in net.state_dict().items()}))
    partial.replace(path)


def load_siminet(path: Path) -> SiMiNet:
    """The network whose weights lie at `path`. InputError if the file cannot be read or is not a SiMiNet's."""
    try:
        tensors = load(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read the SiMiNet weights {path}: {error.strerror}") from error
    except SafetensorError as error:
        raise InputError(f"{path} is not a safetensors file: {error}") from error
    first = tensors.get(_FIRST_WEIGHT)
    if first is None or first.ndim != 2 or first.shape[1] < 2 or first.shape[1] % 2:
        raise InputError(f"{path} does not hold a SiMiNet: its first layer is missing or has another shape")
    net = SiMiNet(first.shape[1] // 2)
    expected = {name: tensor.shape for name, tensor in net.state_dict().items()}
    if expected != {name: tensor.shape for name, tensor in tensors.items()}:
        raise InputError(f"{path} does not hold a SiMiNet: its layers are not those of the published network")
    net.load_state_dict(tensors)
    return net.eval()
