"""Which model a name stands for, and the one clear line for each way in which it can be none."""

from __future__ import annotations

import sys
import types
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from jellyfish import loading
from jellyfish.errors import InputError
from jellyfish.models import opening
from jellyfish.models.model import Description, EngineOptions, WholeBatches
from jellyfish.models.opening import open_model
from tests.models.onnx.graphs import package
from tests.server.peer import MODEL

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "my_detector.py"
IMPORTS = "from tests.models.test_opening import Mine\n"


class Mine:
    description = MODEL

    def engine(self, options: EngineOptions) -> WholeBatches:
        return WholeBatches(lambda images, variant: [])


@pytest.fixture(autouse=True)
def unchanged_imports() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and name.startswith(("made_", "my_detector")):
            del sys.modules[name]


def made(folder: Path, name: str, text: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(IMPORTS + text)
    return str(path)


def test_without_a_name_it_is_the_detector_that_ships() -> None:
    model = open_model()
    assert model.description.name == "slimmable"
    assert model.description.accuracy(model.description.variants[-1]) > 0.5
    assert model.description.mixes and model.description.movable


def test_a_class_a_function_and_an_object_of_a_file_are_models(tmp_path: Path) -> None:
    path = made(tmp_path, "made_three", "Detector = Mine\ndef make():\n    return Mine()\nready = Mine()\n")
    for name in ("Detector", "make", "ready"):
        assert open_model(f"{path}:{name}").description is MODEL


def test_the_example_is_one_and_finds_what_is_bright() -> None:
    model = open_model(f"{EXAMPLE}:Detector")
    assert model.description.classes == ("lamp",)
    assert list(model.description.ladder) == [160, 320]


def test_a_module_of_the_current_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "made_module", "Detector = Mine\n")
    monkeypatch.chdir(tmp_path)
    assert open_model("made_module:Detector").description is MODEL


def test_an_entry_point_of_another_distribution_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints([EntryPoint("theirs", "tests.models.test_opening:Mine", opening.GROUP)])
    monkeypatch.setattr(loading, "entry_points", points.select)
    assert open_model("theirs").description is MODEL
    with pytest.raises(InputError, match=r"slimmable, torchvision, .*, theirs, a package"):
        open_model("other")


def test_a_folder_a_zip_and_a_graph_beside_its_manifest_are_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = package(tmp_path / "tiny")
    zipped = tmp_path / "tiny.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    for path in (folder, zipped, folder / "tiny.onnx"):
        assert open_model(str(path)).description.classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("", "Detector", "has nothing called 'Detector'"),
        ("Detector = 3\n", "Detector", "gives a int that is no model: it needs a `description`"),
        ("class Detector:\n    description = 'mine'\n", "Detector", "gives a Detector that is no model"),
        ("def make():\n    return None\n", "make", "gives a NoneType that is no model"),
        ("def make():\n    raise RuntimeError('no licence')\n", "make", "cannot be loaded: RuntimeError: no licence"),
        ("def make(weights):\n    return Mine()\n", "make", "TypeError: make() missing 1 required"),
        ("import no_such_module\n", "Detector", "needs the module no_such_module, which is not installed"),
        ("this is no Python\n", "Detector", "cannot be loaded: SyntaxError"),
    ],
)
def test_a_file_without_a_model_is_refused_in_a_line(tmp_path: Path, text: str, name: str, said: str) -> None:
    path = made(tmp_path, f"made_{abs(hash(said))}", text)
    with pytest.raises(InputError) as caught:
        open_model(f"{path}:{name}")
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "there is no model 'nowhere': use slimmable, torchvision"),
        ("", "--model is empty"),
        ("nowhere.py:Detector", "there is no file nowhere.py"),
        ("nowhere.py", "say what in it is the model, e.g. nowhere.py:Detector"),
        ("yolo.onnx", "there is no model yolo.onnx"),
        ("no_such_module:Detector", "needs the module no_such_module, which is not installed"),
        ("slimmable:w025e1", "has no part 'w025e1': --variant names one of its sizes"),
        ("torchvision:yolo", "unknown network 'yolo'"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(name: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        open_model(name)
    assert said in str(caught.value)


def test_a_file_whose_name_another_module_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another module is called json, too"):
        open_model(f"{made(tmp_path, 'json', '')}:Detector")


def test_weights_are_for_families_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--weights is for slimmable, torchvision.* brings its own"):
        open_model(f"{EXAMPLE}:Detector", tmp_path)


def of(description: Description) -> type:
    return type("Made", (Mine,), {"description": description})


def test_a_model_of_which_no_client_could_be_told_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("made_names")
    monkeypatch.setitem(sys.modules, "made_names", module)
    for name in ("", "n" * 65, "a\x1bb"):
        module.Detector = of(replace(MODEL, name=name))  # type: ignore[attr-defined]
        with pytest.raises(InputError, match="empty, too long or has control characters"):
            open_model("made_names:Detector")
    many = tuple(f"class {number}" for number in range(10_000))
    module.Detector = of(replace(MODEL, classes=many))  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="10000 classes have longer names than a welcome has room for"):
        open_model("made_names:Detector")
