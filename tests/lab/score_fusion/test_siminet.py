"""SiMiNet: it learns, the same for the same seed, and survives its file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from jellyfish.edge.fusion.similarity import LocalScores
from jellyfish.errors import InputError
from jellyfish.lab.score_fusion.siminet import LabelledScores, SiMiNet, load_siminet, save_siminet, train_siminet

CLASSES = 4


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def sequence(seed: int, segments: int = 40) -> LabelledScores:
    """Segments of 8 steps; raw scores speak for the label, with noise that alone decides wrongly now and then."""
    random = np.random.default_rng(seed)
    labels = np.repeat(random.integers(CLASSES, size=segments), 8)
    raw = 3.0 * np.eye(CLASSES)[labels] + random.normal(0.0, 0.8, (len(labels), CLASSES))
    return LabelledScores(raw, labels)


@pytest.fixture(scope="module")
def net() -> SiMiNet:
    return train_siminet([sequence(1), sequence(2)], seed=3, steps=40, batch=64)


def test_it_tells_a_change_of_label_in_a_sequence_it_has_not_seen(net: SiMiNet) -> None:
    raw, labels = sequence(9)
    steps = [LocalScores.of(row) for row in raw]
    said = np.array([net.between(a, b) >= 0.5 for a, b in itertools.pairwise(steps)])
    same = labels[1:] == labels[:-1]
    assert said[same].mean() > 0.9
    assert (~said[~same]).mean() > 0.9


def test_training_is_repeatable_and_leaves_the_global_generator_alone(net: SiMiNet) -> None:
    state = torch.random.get_rng_state()
    again = train_siminet([sequence(1), sequence(2)], seed=3, steps=40, batch=64)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
    other = train_siminet([sequence(1), sequence(2)], seed=4, steps=1, batch=64)
    assert not torch.equal(other.layers[0].weight, net.layers[0].weight)


def test_the_layers_are_the_published_ones(net: SiMiNet) -> None:
    shapes = [tuple(parameter.shape) for parameter in net.parameters()]
    assert shapes == [(1024, 2 * CLASSES), (1024,), (1024, 1024), (1024,), (1, 1024), (1,)]


def test_it_compares_the_same_after_save_and_load(net: SiMiNet, tmp_path: Path) -> None:
    path = tmp_path / "siminet.safetensors"
    save_siminet(path, net)
    loaded = load_siminet(path)
    a, b = LocalScores.of([3.0, 0.1, 0.2, -1.0]), LocalScores.of([0.0, 0.4, 3.2, -1.0])
    assert loaded.between(a, b) == net.between(a, b)
    assert [file.name for file in tmp_path.iterdir()] == ["siminet.safetensors"]


def test_scores_of_another_number_of_classes_are_refused(net: SiMiNet) -> None:
    three = LocalScores.of([1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="4 classes"):
        net.between(three, three)


def test_a_file_that_is_none_of_its_own_is_refused(net: SiMiNet, tmp_path: Path) -> None:
    path = tmp_path / "siminet.safetensors"
    with pytest.raises(InputError, match="cannot read"):
        load_siminet(path)
    path.write_bytes(b"not a network")
    with pytest.raises(InputError, match="not a safetensors file"):
        load_siminet(path)
    save_file({"other": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="first layer"):
        load_siminet(path)
    save_file({"layers.0.weight": torch.zeros(1024, 7)}, path)
    with pytest.raises(InputError, match="first layer"):
        load_siminet(path)
    save_file({**net.state_dict(), "layers.2.weight": torch.zeros(1024, 12)}, path)
    with pytest.raises(InputError, match="layers are not"):
        load_siminet(path)


def test_sequences_that_cannot_be_learned_from_are_refused() -> None:
    raw = np.zeros((3, CLASSES))
    with pytest.raises(InputError, match="at least one sequence"):
        train_siminet([])
    with pytest.raises(InputError, match="do not fit"):
        train_siminet([LabelledScores(raw, np.array([0, 1]))])
    with pytest.raises(InputError, match="do not fit"):
        train_siminet([LabelledScores(raw, np.array([0, 0, 1])), LabelledScores(np.zeros((1, 2)), np.array([0]))])
    with pytest.raises(InputError, match="two labels"):
        train_siminet([LabelledScores(raw, np.array([1, 1, 1]))])
    with pytest.raises(InputError, match="same label as the one before"):
        train_siminet([LabelledScores(raw, np.array([0, 1, 2])), LabelledScores(raw, np.array([2, 1, 2]))])
