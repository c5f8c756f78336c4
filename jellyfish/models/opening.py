"""Which model a name stands for: families that ship, packages, and what users bring as Python.

Nothing slow is loaded before it is known that it is wanted, and torch by no name that a processor's server is given.
Every way in which a name can be wrong is an `InputError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from jellyfish.config import DEFAULT_MODEL
from jellyfish.errors import InputError
from jellyfish.loading import attribute, entry_names, loaded, user_object
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
        return usable(attribute(_called(name), FAMILIES[family])(part, weights), _called(name))
    if weights is not None:
        raise InputError(f"--weights is for {', '.join(FAMILIES)}: --model {name} brings its own")
    return usable(_opener(name)(), _called(name))


def _opener(name: str) -> Callable[[], object]:
    """What makes the model called `name`, which is no family."""
    path = Path(name)
    if path.is_dir() or path.suffix in (".zip", ".onnx"):
        return lambda: _package(path)
    load = user_object(_called(name), name, GROUP)
    if load is None:
        raise InputError(_unknown(name))
    return lambda: _made(name, load())


def _called(name: str) -> str:
    """A model as messages name it."""
    return f"--model {name}"


def _unknown(name: str) -> str:
    if name.endswith(".py"):
        return f"--model {name}: say what in it is the model, e.g. {name}:Detector"
    known = ", ".join([*FAMILIES, *entry_names(GROUP)])
    return (
        f"there is no model {name!r}: use {known}, a package (a folder or .zip with "
        "model.toml), FILE.py:NAME or MODULE:NAME (docs/models.md)"
    )


def _package(path: Path) -> object:
    """A folder, a .zip, or a graph beside its `model.toml`; what reads it needs more than the rest."""
    open_package = attribute(_called(str(path)), "jellyfish.models.onnx.package:open_package")
    return open_package(path)


def _made(name: str, found: Any) -> object:
    """A model as it is; of a class or a function what it gives."""
    if isinstance(getattr(found, "description", None), Description) and not isinstance(found, type):
        return found
    if not callable(found):
        return found
    return loaded(_called(name), found)


def usable(model: Any, what: str) -> Model:
    """InputError unless it is a model that can be served. `what`: how messages call it."""
    description = getattr(model, "description", None)
    if not isinstance(description, Description) or isinstance(model, type) or not hasattr(model, "engine"):
        raise InputError(
            f"{what} gives a {type(model).__name__} that is no model: it needs a `description`, a "
            "jellyfish.Description, and a method `engine` (docs/models.md)"
        )
    if len(description.name) > LONGEST_NAME or not re.search(NAME_PATTERN, description.name):
        raise InputError(f"{what}: the name {description.name!r} is empty, too long or has control characters")
    if len(msgspec.json.encode(description.classes)) > MOST_CLASSES_BYTES:
        raise InputError(
            f"{what}: its {len(description.classes)} classes have longer names than a welcome has room for "
            f"({MOST_CLASSES_BYTES // 1024} KiB in all)"
        )
    found: Model = model
    return found
