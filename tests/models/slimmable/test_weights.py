"""Weights files: what is accepted and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from jellyfish.core import Variant
from jellyfish.errors import InputError
from jellyfish.models.slimmable.card import SHIPPED
from jellyfish.models.slimmable.sizes import VARIANTS
from jellyfish.models.slimmable.street import CLASSES
from jellyfish.models.slimmable.weights import load_weights, save_weights
from jellyfish.models.weights_file import card_path


@pytest.fixture
def copy(random_weights, tmp_path: Path) -> Path:
    """A copy of the weights that a test may damage."""
    path = random_weights[0]
    for source in (path, card_path(path)):
        shutil.copy(source, tmp_path)
    return tmp_path / path.name


def edit_card(path: Path, **changes: object) -> None:
    card = json.loads(card_path(path).read_text())
    card_path(path).write_text(json.dumps(card | changes))


def test_what_was_saved_is_loaded(random_weights):
    path, saved = random_weights
    loaded = load_weights(path)
    assert loaded.card == saved.card
    assert all(torch.equal(loaded.tensors[name], tensor) for name, tensor in saved.tensors.items())


def test_accuracy_is_the_cards(random_weights):
    weights = random_weights[1]
    assert weights.accuracy(Variant(448, "w100e2")) == 1.0
    assert weights.accuracy(Variant(256, "w050e1")) == pytest.approx(0.25 * 256 / 448)
    assert weights.score_threshold(Variant(256, "w050e1")) == 0.5
    with pytest.raises(InputError, match="w100e2-999"):
        weights.accuracy(Variant(999, "w100e2"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read the weights .*none\.safetensors: No such file"):
        load_weights(tmp_path / "none.safetensors")


def test_a_missing_card_is_refused(copy):
    card_path(copy).unlink()
    with pytest.raises(
        InputError, match=r"cannot read the card .*\.json of the weights .*, which must lie beside them: No"
    ):
        load_weights(copy)


def test_other_files_in_the_place_of_weights_are_told_from_them(copy):
    for other in (card_path(copy), copy.parent / "checkpoint.pt"):
        if not other.exists():
            torch.save({"stem": torch.zeros(1)}, other)
        with pytest.raises(InputError, match=rf"{other.name} is not a safetensors file"):
            load_weights(other)
    with pytest.raises(InputError, match=r"cannot read the weights .*: Is a directory"):
        load_weights(copy.parent)


def test_a_changed_file_is_refused(copy):
    data = bytearray(copy.read_bytes())
    data[-1] ^= 1
    copy.write_bytes(data)
    with pytest.raises(InputError, match="SHA-256"):
        load_weights(copy)


def test_a_card_that_is_not_json_is_refused(copy):
    for content in (b"{", b'{"schema": "\xff"}'):
        card_path(copy).write_bytes(content)
        with pytest.raises(InputError, match="not a weights card"):
            load_weights(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 99}, "schema 99"),
        ({"architecture": "other"}, "'other'"),
        ({"classes": ["cat"]}, "classes cat"),
        ({"accuracy": 3}, "not a weights card"),
    ],
)
def test_a_card_of_another_kind_is_refused(copy, changes, message):
    edit_card(copy, **changes)
    with pytest.raises(InputError, match=message):
        load_weights(copy)


@pytest.mark.parametrize("damage", ["lacks", "has the unknown", "has another shape of"])
def test_tensors_of_another_network_are_refused(copy, random_weights, damage):
    tensors = load_file(copy)
    if damage == "lacks":
        del tensors["stem.entry.weight"]
    elif damage == "has the unknown":
        tensors["stem.other"] = torch.zeros(1)
    else:
        tensors["stem.entry.weight"] = torch.zeros(8, 3, 3, 3)
    with pytest.raises(InputError, match=rf"{damage} tensor stem\.(entry\.weight|other)"):
        save_weights(copy, tensors, random_weights[1].card)


def test_a_file_that_is_not_safetensors_is_refused(copy):
    import hashlib

    copy.write_bytes(b"not tensors")
    edit_card(copy, sha256=hashlib.sha256(b"not tensors").hexdigest())
    with pytest.raises(InputError, match="not a safetensors file"):
        load_weights(copy)


def test_the_shipped_weights_know_every_variant_and_more_is_better():
    weights = load_weights()
    assert weights.card.classes == CLASSES
    assert set(weights.variants()) == set(VARIANTS)
    largest = weights.accuracy(Variant(448, "w100e2"))
    assert largest > weights.accuracy(Variant(448, "w025e2"))
    assert largest > weights.accuracy(Variant(448, "w100e1"))
    assert largest > weights.accuracy(Variant(128, "w100e2"))


def test_the_shipped_card_tells_what_was_measured_where_and_at_the_threshold_that_serves():
    weights = load_weights()
    assert weights.card.evaluations
    for measured in weights.card.evaluations:
        assert measured.images > 0
        assert {line.variant for line in measured.variants} == set(VARIANTS)
        for line in measured.variants:
            assert line.score_threshold == weights.score_threshold(line.variant)
            assert 0 <= line.ap <= line.ap50 <= 1
    for variant in VARIANTS:
        figures = [line.f1 for part in weights.card.evaluations for line in part.variants if line.variant == variant]
        assert weights.accuracy(variant) == pytest.approx(sum(figures) / len(figures), abs=2e-4)


def test_the_shipped_weights_are_at_most_ten_megabytes():
    assert SHIPPED.stat().st_size <= 10_000_000
