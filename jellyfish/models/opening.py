"""Which model a name stands for: families that ship, packages, and what users bring as Python.

Nothing slow is loaded before it is known that it is wanted, and torch by no name that a processor's server is given.
Every way in which a name can be wrong is an `InputError`.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

from jellyfish.config import DEFAULT_MODEL
from jellyfish.errors import InputError
from jellyfish.models.model import Description, Model
from jellyfish.protocol.wire import LONGEST_NAME, MAX_CONTROL_BYTES, NAME_PATTERN

FAMILIES = {
    "slimmable": "jellyfish.models.slimmable.model:open_slimmable",
    "torchvision": "jellyfish.models.torchvision.model:open_torchvision",
    "classification": "jellyfish.models.classification.model:open_classifier",
}
"""What ships: name -> a function of what follows the name's colon, and of `--weights`, that returns a `Model`."""
GROUP = "jellyfish.models"
"""The entry-point group in which other distributions name models of theirs."""
MOST_CLASSES_BYTES = MAX_CONTROL_BYTES * 3 // 4
"""All names, as they stand in a welcome, which has other things to say, too."""
_OBJECT = re.compile(r"(?P<module>\w+(\.\w+)*):(?P<name>\w+)")


def takes_weights(name: str) -> bool:
    """Whether weights may be given beside the model called so."""
    return name.partition(":")[0] in FAMILIES


def open_model(name: str = DEFAULT_MODEL, weights: Path | None = None) -> Model:
    """The model called `name`: a family, a package, a Python object, or an entry point. InputError.

    `weights`: of a family, another file or folder than the one that ships.
    """
    family, _, part = name.partition(":")
    if not name:
        raise InputError("--model is empty: give it a name, or leave it out")
    if family in FAMILIES:
        return _checked(name, _attribute(name, FAMILIES[family])(part, weights))
    if weights is not None:
        raise InputError(f"--weights is for {', '.join(FAMILIES)}: --model {name} brings its own")
    return _checked(name, _opener(name)())


def _opener(name: str) -> Callable[[], object]:
    """What makes the model called `name`, which is no family."""
    path = Path(name)
    file, _, object_name = name.rpartition(":")
    if file.endswith(".py"):
        return lambda: _made(name, _in_file(name, Path(file), object_name))
    if path.is_dir() or path.suffix in (".zip", ".onnx"):
        return lambda: _package(path)
    for found in entry_points(group=GROUP, name=name):
        return lambda: _made(name, _loaded(name, found.load))
    if _OBJECT.fullmatch(name):
        _have_importable(Path.cwd())
        return lambda: _made(name, _attribute(name, name))
    raise InputError(_unknown(name))


def _unknown(name: str) -> str:
    if name.endswith(".py"):
        return f"--model {name}: say what in it is the model, e.g. {name}:Detector"
    others = sorted({each.name for each in entry_points(group=GROUP)})
    return (
        f"there is no model {name!r}: use {', '.join([*FAMILIES, *others])}, a package (a folder or .zip with "
        "model.toml), FILE.py:NAME or MODULE:NAME (docs/models.md)"
    )


def _package(path: Path) -> object:
    """A folder, a .zip, or a graph beside its `model.toml`; what reads it needs more than the rest."""
    open_package = _attribute(str(path), "jellyfish.models.onnx.package:open_package")
    return open_package(path)


def _in_file(name: str, path: Path, object_name: str) -> Any:
    """What is called so in a Python file, which becomes importable by its own name, in other processes, too."""
    if not path.is_file():
        raise InputError(f"--model {name}: there is no file {path}")
    _have_importable(path.resolve().parent)
    module = _loaded(name, lambda: importlib.import_module(path.stem))
    if Path(module.__file__ or "").resolve() != path.resolve():
        raise InputError(f"--model {name}: another module is called {path.stem}, too; rename the file")
    return _named(name, module, object_name)


def _have_importable(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _attribute(name: str, place: str) -> Any:
    """`module:attribute`, for the model that the user calls `name`."""
    module, _, attribute = place.partition(":")
    return _named(name, _loaded(name, lambda: importlib.import_module(module)), attribute)


def _named(name: str, module: Any, attribute: str) -> Any:
    if not hasattr(module, attribute):
        raise InputError(f"--model {name}: {module.__name__} has nothing called {attribute!r}")
    return getattr(module, attribute)


def _loaded(name: str, load: Callable[[], Any]) -> Any:
    """What `load` gives; whatever is wrong with other people's code, in a line."""
    try:
        return load()
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(f"--model {name} needs the module {error.name}, which is not installed") from error
    except Exception as error:
        raise InputError(f"--model {name} cannot be loaded: {type(error).__name__}: {error}") from error


def _made(name: str, found: Any) -> object:
    """A model as it is; of a class or a function what it gives."""
    if isinstance(getattr(found, "description", None), Description) and not isinstance(found, type):
        return found
    if not callable(found):
        return found
    return _loaded(name, found)


def _checked(name: str, model: Any) -> Model:
    """InputError unless it is a model that can be served."""
    description = getattr(model, "description", None)
    if not isinstance(description, Description) or not callable(getattr(model, "engine", None)):
        raise InputError(
            f"--model {name} gives a {type(model).__name__} that is no model: it needs a `description`, a "
            "jellyfish.models.model.Description, and a method `engine` (docs/models.md)"
        )
    if len(description.name) > LONGEST_NAME or not re.search(NAME_PATTERN, description.name):
        raise InputError(f"--model {name}: the name {description.name!r} is empty, too long or has control characters")
    if len(msgspec.json.encode(description.classes)) > MOST_CLASSES_BYTES:
        raise InputError(
            f"--model {name}: its {len(description.classes)} classes have longer names than a welcome has room for "
            f"({MOST_CLASSES_BYTES // 1024} KiB in all)"
        )
    if list(description.batches) != sorted({*description.batches} - {0}):
        raise InputError(f"--model {name}: batch sizes are ascending and at least 1, not {description.batches}")
    found: Model = model
    return found
