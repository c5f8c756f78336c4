"""`jellyfish evaluate`: the figures of the shipped weights on labelled images, as a table and as JSON."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import pytest
from click.testing import Result
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.lab.street import StreetScene
from jellyfish.models.slimmable.card import Evaluation
from jellyfish.models.slimmable.street import CLASSES
from jellyfish.models.slimmable.weights import load_weights

IMAGES = 3
SEED = 40


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO file and, in a folder beside it, its images: frames of a generated scene."""
    folder = tmp_path_factory.mktemp("coco")
    (folder / "images").mkdir()
    scene, images, annotations = StreetScene(SEED), [], []
    for number in range(IMAGES):
        image, objects = scene.frame(40 * number)
        height, width = image.shape[:2]
        cv2.imwrite(str(folder / "images" / f"{number}.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        images.append({"id": number, "file_name": f"{number}.png", "width": width, "height": height})
        annotations += [
            {
                "image_id": number,
                "category_id": o.label + 1,
                "bbox": [o.left * width, o.top * height, (o.right - o.left) * width, (o.bottom - o.top) * height],
                "iscrowd": int(o.ignore),
            }
            for o in objects
        ]
    categories = [{"id": label + 1, "name": name} for label, name in enumerate((*CLASSES, "kite"))]
    annotations.append({"image_id": 0, "category_id": len(categories), "bbox": [5, 5, 9, 9]})
    path = folder / "labels.json"
    path.write_bytes(msgspec.json.encode({"images": images, "annotations": annotations, "categories": categories}))
    return path


def evaluate(labels: Path, *options: str | Path) -> Result:
    """With `options` in place of the usual ones."""
    usual = {"--coco": labels, "--images": labels.parent / "images"}
    arguments = ["evaluate", *options]
    for option, value in usual.items():
        arguments += [] if option in options else [option, value]
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})


def test_the_variants_asked_for_are_measured_at_the_score_that_serves(labels: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "figures.json"
    done = evaluate(labels, "--variant", "w100e2-448", "--variant", "w025e1-128", "--output", output)
    assert done.exit_code == 0, done.output
    assert f"labels.json: {IMAGES} images" in done.output
    assert "labels.json: left out 1 box of classes that the model does not know (kite)" in done.output
    assert done.output.index("w025e1-128") < done.output.index("w100e2-448")
    measured = msgspec.json.decode(output.read_bytes(), type=Evaluation)
    assert (measured.name, measured.images) == ("labels.json", IMAGES)
    small, large = measured.variants
    assert (small.variant.name, large.variant.name) == ("w025e1-128", "w100e2-448")
    assert large.ap50 > small.ap50
    assert 0.2 < large.f1 <= 1
    weights = load_weights()
    for line in measured.variants:
        assert line.score_threshold == weights.score_threshold(line.variant)
        assert f"{line.ap50:.3f}" in done.output


def test_at_most_so_many_images_are_looked_at(labels: Path) -> None:
    done = evaluate(labels, "--variant", "w025e1-128", "--limit", "2")
    assert done.exit_code == 0, done.output
    assert "labels.json: 2 images" in done.output


def test_every_variant_is_measured_by_default(labels: Path) -> None:
    done = evaluate(labels, "--limit", "1")
    assert done.exit_code == 0, done.output
    assert all(variant.name in done.output for variant in load_weights().variants())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--variant", "w200-999"], "unknown variant 'w200-999'"),
        (["--coco", "nowhere.json"], "there is no label file nowhere.json"),
        (["--coco", __file__], "is not a label file in COCO format"),
        (["--images", "nowhere"], "there is no folder nowhere"),
        (["--weights", "nowhere.safetensors"], "cannot read the weights nowhere.safetensors"),
        (["--device", "tpu"], "'tpu'"),
        (["--limit", "0"], "--limit"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_what_cannot_be_measured_is_refused_with_words(labels: Path, options: list[str], words: str) -> None:
    done = evaluate(labels, *options)
    assert done.exit_code == 2, done.output
    assert words in " ".join(done.output.replace("│", " ").split())


def test_what_would_make_a_figure_wrong_is_refused(labels: Path, tmp_path: Path) -> None:
    content = msgspec.json.decode(labels.read_bytes())
    content["images"][1]["width"] *= 2
    (tmp_path / "labels.json").write_bytes(msgspec.json.encode(content))
    done = evaluate(labels, "--coco", tmp_path / "labels.json")
    assert done.exit_code == 2, done.output
    assert "labelled at 1280 x 360 pixels" in done.output
    assert "1.png is 640 x 360" in done.output


def test_a_target_that_cannot_be_written_is_said(labels: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = evaluate(labels, "--variant", "w025e1-128", "--output", tmp_path / "file" / "figures.json")
    assert done.exit_code == 2, done.output
    assert "cannot write" in done.output
