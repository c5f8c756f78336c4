"""The classifier's training: batches by step, one step that learns, a run that ships, and one that goes on."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from jellyfish.core import Answer, ClassScore, LabelledObject, Variant
from jellyfish.errors import InputError
from jellyfish.lab.classification.data import SHARES, CropBatches, CropSource
from jellyfish.lab.classification.evaluate import LabelledCrop, classifier_evaluation
from jellyfish.lab.classification.learner import ClassLearner, rate_share
from jellyfish.lab.classification.loop import train
from jellyfish.lab.training.config import TrainingConfig
from jellyfish.lab.training.data import Source
from jellyfish.models.classification.model import open_classifier
from jellyfish.models.classification.sizes import VARIANTS
from jellyfish.models.model import WholeBatches
from jellyfish.models.slimmable.detector import SlimmableDetector

CPU = torch.device("cpu")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def frame(label: int, grey: int) -> tuple[np.ndarray, list[LabelledObject]]:
    image = np.full((80, 120, 3), grey, np.uint8)
    return image, [LabelledObject(1, label, 0.2, 0.2, 0.6, 0.8)]


def source() -> CropSource:
    return CropSource(Source([frame(0, 20), frame(2, 220), frame(2, 230)], 1.0), "frames")


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    first, again, other = (CropBatches([source()], 2, seed)[5] for seed in (0, 0, 1))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert first.images.shape != other.images.shape or not torch.equal(first.images, other.images)
    assert first.images.shape[2:] in {(side, side) for side in SHARES}
    assert set(first.labels.tolist()) <= {0, 2}


def test_frames_without_an_object_that_is_large_enough_are_refused() -> None:
    small = LabelledObject(1, 0, 0.2, 0.2, 0.25, 0.25)
    with pytest.raises(InputError, match="frames: no labelled object is 24 pixels large"):
        CropSource(Source([(np.zeros((80, 120, 3), np.uint8), [small])], 1.0), "frames")


def test_the_rate_rises_and_falls() -> None:
    rates = [rate_share(step, 100) for step in range(100)]
    assert max(rates) == max(rates[3:12]) > 0.95
    assert rates[0] < 0.25
    assert rates[-1] < 0.01


def test_steps_learn_and_only_the_last_stage_changes() -> None:
    torch.manual_seed(0)
    learner = ClassLearner(3, CPU, SlimmableDetector())
    before = {name: tensor.clone() for name, tensor in learner.classifier.state_dict().items()}
    batches = CropBatches([source()], 2, 0)
    smallest = next(step for step in range(100) if batches[step].images.shape[2] == min(SHARES))
    losses = [learner.step(batches[smallest], 20) for _ in range(6)]
    assert losses[-1] < 0.8 * losses[0]
    after = learner.classifier.state_dict()
    changed = {name.split(".")[0] for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    assert changed == {"fourth", "features", "predict"}


def test_a_learner_goes_on_where_its_state_was_taken() -> None:
    torch.manual_seed(0)
    detector = SlimmableDetector()
    batch = CropBatches([source()], 1, 0)[0]
    learner, other = ClassLearner(3, CPU, detector), ClassLearner(4, CPU, detector)
    learner.step(batch, 10)
    other.restore(learner.state())
    assert learner.step(batch, 10) == pytest.approx(other.step(batch, 10))


def by_brightness(images: Sequence[np.ndarray], variant: Variant) -> list[Answer]:
    """Bright is a car; all else a person."""
    return [Answer(scores=(ClassScore(2 if image.mean() > 128 else 0, 0.9),)) for image in images]


def test_top_1_and_recall_are_counted_over_crops() -> None:
    shown = [(0, 10), (0, 20), (0, 30), (2, 240), (2, 30)]
    crops = [LabelledCrop(np.full((40, 40, 3), grey, np.uint8), label) for label, grey in shown]
    measured = classifier_evaluation(WholeBatches(by_brightness), "crops", crops, VARIANTS[:1])
    assert (measured.pictures, measured.majority, measured.majority_share) == (5, "person", 0.6)
    assert (measured.variants[0].top1, measured.variants[0].mean_recall) == (0.8, 0.75)
    with pytest.raises(InputError, match="no labelled object"):
        classifier_evaluation(WholeBatches(by_brightness), "crops", [])


def labelled_photographs(folder: Path) -> Path:
    """A COCO file with two pictures of an object each, under a licence."""
    images, annotations = [], []
    for number, (category, grey) in enumerate(((1, 30), (3, 220)), start=1):
        cv2.imwrite(str(folder / f"{number}.jpg"), np.full((80, 120, 3), grey, np.uint8))
        images.append({"id": number, "width": 120, "height": 80, "file_name": f"{number}.jpg"})
        annotations.append({"id": number, "image_id": number, "category_id": category, "bbox": [20, 10, 60, 60]})
    content = {
        "licenses": [{"id": 1, "name": "CC BY 4.0"}],
        "categories": [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}],
        "images": images,
        "annotations": annotations,
    }
    (folder / "labels.json").write_text(json.dumps(content))
    return folder / "labels.json"


def test_a_run_ships_what_can_be_opened_and_its_card_tells_of_it(tmp_path: Path) -> None:
    labels, output = labelled_photographs(tmp_path), tmp_path / "mine.safetensors"
    config = TrainingConfig(
        output, tmp_path / "training", labels, labels, coco_share=1.0, steps=2, batch_size=1, workers=0, seed=3
    )
    (tmp_path / "training").mkdir()
    train(config)
    model = open_classifier("", output)
    assert model.card.licences == ("CC BY 4.0",)
    assert (model.card.training.steps, model.card.training.seed) == (2, 3)
    assert model.card.evaluations[0].name == "crops of photographs (labels.json)"
    (line,) = (tmp_path / "training" / "log.jsonl").read_text().splitlines()
    assert json.loads(line)["step"] == 2
