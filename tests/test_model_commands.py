"""`jellyfish model inspect` and `model check`: from a file to a picture, and what is said of broken packages."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import external_data_helper
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.media.picture import read_picture, write_picture
from tests.models.onnx.graphs import BOXES, boxes_graph, graph, package, save

Change = Callable[[Path], Any]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, ["model", *map(str, words)], env={"COLUMNS": "200"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    write_picture(path, np.full((48, 64, 3), 90, np.uint8))
    return path


def test_from_a_file_to_a_picture(tmp_path: Path, picture: Path) -> None:
    save(boxes_graph(names={"names": "['cat', 'dog']"}), tmp_path / "pets.onnx")
    code, said = run("inspect", tmp_path / "pets.onnx", "--output", tmp_path / "pets")
    assert code == 0, said
    assert "decoder" in said
    assert "likely" in said
    assert f"jellyfish model check {tmp_path / 'pets'} IMAGE" in said
    code, said = run("check", tmp_path / "pets", picture, "--output", tmp_path / "seen.png", "--threads", "1")
    assert code == 0, said
    assert "pets-32" in said
    assert "1 dog (0.90), 1 cat (0.40)" in said
    assert "looks wrong" not in said
    assert (read_picture(tmp_path / "seen.png") != read_picture(picture)).any()


def test_beside_the_file_unless_there_is_one_already(tmp_path: Path) -> None:
    folder = package(tmp_path / "tiny")
    before = (folder / "model.toml").read_text()
    code, said = run("inspect", folder / "tiny.onnx")
    assert (code, (folder / "model.toml").read_text()) == (2, before)
    assert "already" in said
    (folder / "model.toml").unlink()
    assert run("inspect", folder / "tiny.onnx")[0] == 0
    assert run("check", folder / "tiny.onnx", "nowhere.png")[0] == 2


def test_an_unknown_family_is_drafted_and_said_to_be_unknown(tmp_path: Path) -> None:
    save(graph({"odd": np.zeros((1, 2, 3, 4, 5), np.float32)}), tmp_path / "odd.onnx")
    code, said = run("inspect", tmp_path / "odd.onnx")
    assert code == 0
    assert "nothing known looks like odd [1, 2, 3, 4, 5]" in said
    assert "`decoder` in [output] is 'unknown'; for detection there are: boxes, rows, yolox" in said


@pytest.mark.parametrize(
    ("boxes", "scores", "more", "wrong"),
    [
        ([[0, 0, 9, 9]], [0.1], "", "nothing is found at a score of 0.3; the best scores 0.100"),
        ([[0, 0, 9, 9]], [7.5], "", "scores go from 7.50 to 7.50, not from 0 to 1"),
        ([[0, 0, 9, 9], [40, 0, 50, 9]], [0.9, 0.9], "", "50% of the boxes lie beside the picture"),
        ([[0, 0, 0.05, 0.05]], [0.9], "", "most boxes have no size to speak of: is `normalised` right?"),
        ([[0, 0, 9, 9]], [0.9], "normalised = true\n", None),
    ],
)
def test_what_looks_wrong_is_said(
    tmp_path: Path, picture: Path, boxes: list[Any], scores: list[float], more: str, wrong: str | None
) -> None:
    outputs = {
        "boxes": np.array([boxes], np.float32),
        "scores": np.array([scores], np.float32),
        "labels": np.zeros((1, len(scores)), np.int64),
    }
    folder = package(tmp_path / "tiny", BOXES + more, graph(outputs))
    code, said = run("check", folder, picture, "--output", tmp_path / "seen.png")
    assert code == 0, said
    assert wrong in said if wrong else "looks wrong" not in said


def rewritten(old: str, new: str) -> Change:
    return lambda folder: (folder / "model.toml").write_text(BOXES.replace(old, new))


def replaced(**options: Any) -> Change:
    return lambda folder: save(boxes_graph(**options), folder / "tiny.onnx")


def without_its_weights(folder: Path) -> None:
    made = boxes_graph()
    external_data_helper.convert_model_to_external_data(made, location="tiny.data", size_threshold=60)
    save(made, folder / "tiny.onnx")


def with_nan(folder: Path) -> None:
    boxes = np.full((1, 2, 4), np.nan, np.float32)
    save(graph({"boxes": boxes, "scores": boxes[..., 0], "labels": np.ones((1, 2), np.int64)}), folder / "tiny.onnx")


BROKEN: dict[str, tuple[Change, str]] = {
    "no file": (lambda folder: (folder / "tiny.onnx").unlink(), "size only has the file tiny.onnx, which is not there"),
    "no manifest": (lambda folder: (folder / "model.toml").unlink(), "there is no model.toml in"),
    "no TOML": (rewritten("name =", "name"), "model.toml is not TOML"),
    "no text": (lambda folder: (folder / "model.toml").write_bytes(b"\xff\xfe"), "is not text in UTF-8"),
    "an unknown key": (rewritten("scale =", "skale ="), "unknown field `skale` in [input]"),
    "an unknown table": (rewritten("[input]", "[inputs]"), "there is an unknown field `inputs`"),
    "no key": (rewritten("accuracy = 0.5\n", ""), "there is no required field `accuracy` in [sizes"),
    "a wrong value": (rewritten("accuracy = 0.5", "accuracy = 50"), "in [sizes"),
    "an unknown fit": (rewritten("letterbox-top-left", "letterbox"), "'letterbox' in [input.fit]"),
    "no side": (rewritten("resolution = 32", "width = 32"), "give `resolution` of a square input, or `width`"),
    "a class twice": (rewritten('"dog"', '"cat"'), "`classes` has 'cat' twice"),
    "no classes": (rewritten('["cat", "dog"]', "[]"), "`classes` names none"),
    "no file of classes": (rewritten('["cat", "dog"]', '"names.txt"'), "names.txt cannot be read"),
    "a file outside": (rewritten('"tiny.onnx"', '"../tiny.onnx"'), "lies outside the package"),
    "an unknown decoder": (rewritten('"boxes"', '"yolo"'), "`decoder` in [output] is 'yolo'; for detection there are"),
    "an option of no decoder": (rewritten('"boxes"', '"boxes"\nstrides = [8]'), "unknown field `strides` in [output]"),
    "another checksum": (rewritten("accuracy", f'sha256 = "{"0" * 64}"\naccuracy'), "is not the file that model.toml"),
    "batches that fall": (rewritten("name = \"tiny\"", "batches = [2, 1]\nname = \"tiny\""), "`batches` must ascend"),
    "fewer classes": (rewritten('["cat", "dog"]', '["cat"]'), "label 1, but `classes` has 1 names"),
    "other outputs": (rewritten('"boxes"', '"yolov8"\noutput = "boxes"'), "6 = a box and 2 classes"),
    "another size": (replaced(shape=("n", 3, 64, 64)), "by model.toml it would get NCHW with 32 x 32 pixels"),
    "NaN": (with_nan, "NaN or infinity"),
    "too new": (replaced(opset=99), "newer than onnxruntime"),
    "no weights": (without_its_weights, "(external data) is missing"),
    "no graph": (lambda folder: (folder / "tiny.onnx").write_text("hello"), "is not an ONNX file"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_package_is_one_line(tmp_path: Path, picture: Path, what: str) -> None:
    change, words = BROKEN[what]
    change(package(tmp_path / "tiny"))
    code, said = run("check", tmp_path / "tiny", picture, "--output", tmp_path / "seen.png")
    assert (code, len(said.strip().splitlines())) == (2, 1), said
    assert words in said
    assert not (tmp_path / "seen.png").exists()


def test_a_zip_that_reaches_outside_is_one_line(tmp_path: Path, picture: Path) -> None:
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr("../model.toml", BOXES)
    code, said = run("check", tmp_path / "odd.zip", picture)
    assert (code, len(said.strip().splitlines())) == (2, 1), said


@pytest.mark.parametrize("content", [b"", b"no graph", b"\x08\x09"])
def test_what_is_no_graph_is_not_inspected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    code, said = run("inspect", tmp_path / "x.onnx")
    assert (code, len(said.strip().splitlines())) == (2, 1), said
    assert not (tmp_path / "model.toml").exists()
