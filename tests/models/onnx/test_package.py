"""Packages as models: where they may lie, what is known of them, and when two of them are the same."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jellyfish.core import Detection, InputSize, Task, Variant
from jellyfish.errors import InputError
from jellyfish.models.model import EngineOptions, Size, answers
from jellyfish.models.onnx.package import open_package
from tests.models.onnx.graphs import BOXES, package

VARIANT = Variant(32, "only")
IMAGE = np.zeros((16, 32, 3), np.uint8)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def zipped(folder: Path, path: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, prefix + file.name)
    return path


def test_a_folder_is_a_model(tmp_path: Path) -> None:
    model = open_package(package(tmp_path / "tiny"))
    told = model.description
    assert (told.name, told.version, told.task, told.classes) == ("tiny", "1", Task.DETECTION, ("cat", "dog"))
    assert told.sizes == (Size(VARIANT, InputSize(32, 32), 0.5, least_score=0.3),)
    assert (told.batches, told.movable, told.notes) == ((), True, ())
    (tmp_path / "tiny" / "model.toml").write_text(f'licence = "MIT"\n{BOXES}')
    assert open_package(tmp_path / "tiny").description.notes == ("Licence: MIT.",)
    (answer,) = answers(model.engine(EngineOptions()), [IMAGE], [VARIANT])
    assert answer.detections == (
        Detection(1, pytest.approx(0.9), 0.0, 0.0, 0.5, 1.0),
        Detection(0, pytest.approx(0.4), 0.5, 0.0, 1.0, 1.0),
    )


def test_it_travels_to_another_process(tmp_path: Path) -> None:
    model = open_package(package(tmp_path / "tiny"))
    there = pickle.loads(pickle.dumps(model))
    assert there.description == model.description
    assert len(answers(there.engine(EngineOptions()), [IMAGE], [VARIANT])[0].detections) == 2


@pytest.mark.parametrize("prefix", ["", "tiny/"])
def test_a_zip_is_unpacked_once(tmp_path: Path, prefix: str) -> None:
    path = zipped(package(tmp_path / "tiny"), tmp_path / "tiny.zip", prefix)
    first = open_package(path)
    assert first.folder.is_relative_to(tmp_path / "cache")
    assert first.description == open_package(tmp_path / "tiny").description
    (first.folder / "kept").touch()
    assert (open_package(path).folder / "kept").exists()


@pytest.mark.parametrize("name", ["../outside", "/outside", "C:outside", "a/../../outside"])
def test_nothing_of_a_zip_gets_outside(tmp_path: Path, name: str) -> None:
    path = zipped(package(tmp_path / "tiny"), tmp_path / "tiny.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "x")
    with pytest.raises(InputError, match="outside"):
        open_package(path)
    assert not list(tmp_path.rglob("outside"))


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(package(tmp_path / "tiny"), tmp_path / "tiny.zip")
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="'link', which is no file"):
        open_package(path)


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.toml", BOXES * 10)
    data = bytearray(path.read_bytes())
    data[50:60] = b"\xff" * 10
    path.write_bytes(data)
    with pytest.raises(InputError, match="cannot be unpacked"):
        open_package(path)


@pytest.mark.parametrize(("content", "why"), [(b"no zip", "cannot be unpacked"), (None, "holds no model.toml")])
def test_a_zip_that_is_no_package_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "odd.zip"
    if content is None:
        zipfile.ZipFile(path, "w").close()
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=why):
        open_package(path)


def test_one_file_is_the_size_that_has_it(tmp_path: Path) -> None:
    entry = '[[sizes]]\nname = "other"\nfile = "other.onnx"\nresolution = 64\naccuracy = 0.6\n'
    folder = package(tmp_path / "tiny", BOXES.replace("[input]", f"{entry}[input]"))
    shutil.copy(folder / "tiny.onnx", folder / "other.onnx")
    assert [each.name for each in open_package(folder).description.variants] == ["only-32", "other-64"]
    assert open_package(folder / "tiny.onnx").description.variants == (VARIANT,)
    (folder / "third.onnx").touch()
    with pytest.raises(InputError, match=r"says nothing of third\.onnx"):
        open_package(folder / "third.onnx")


def test_weights_may_be_a_link(tmp_path: Path) -> None:
    folder = package(tmp_path / "tiny")
    (folder / "tiny.onnx").rename(tmp_path / "elsewhere.onnx")
    (folder / "tiny.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    assert len(answers(open_package(folder).engine(EngineOptions()), [IMAGE], [VARIANT])[0].detections) == 2


def test_its_identity_follows_every_file(tmp_path: Path) -> None:
    folder = package(tmp_path / "tiny")
    first = open_package(folder).description.identity
    (folder / "notes.txt").write_text("of no matter")
    assert open_package(folder).description.identity == first
    (folder / "model.toml").write_text(BOXES.replace("0.5", "0.6"))
    second = open_package(folder).description.identity
    with (folder / "tiny.onnx").open("ab") as file:
        file.write(b"x")
    assert len({first, second, open_package(folder).description.identity}) == 3


def test_classes_may_be_a_file_and_those_without_a_name_are_left_out(tmp_path: Path) -> None:
    folder = package(tmp_path / "tiny", BOXES.replace('["cat", "dog"]', '"names.txt"'))
    (folder / "names.txt").write_text("\ndog\n")
    model = open_package(folder)
    assert model.description.classes == ("dog",)
    (answer,) = answers(model.engine(EngineOptions()), [IMAGE], [VARIANT])
    assert [each.label for each in answer.detections] == [0]


def test_who_asks_for_other_scores_gets_them(tmp_path: Path) -> None:
    model = open_package(package(tmp_path / "tiny"))
    (answer,) = answers(model.engine(EngineOptions(least_score=0.5)), [IMAGE], [VARIANT])
    assert len(answer.detections) == 1
