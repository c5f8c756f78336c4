"""What users bring as Python: a name in a file or a module, loaded; whatever is wrong with it is said in a line.

`what` is how messages call it, e.g. `--model my_detector.py:Detector`.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from jellyfish.errors import InputError

_OBJECT = re.compile(r"\w+(\.\w+)*:\w+")


def user_object(what: str, name: str, group: str) -> Callable[[], Any] | None:
    """What loads the object called `name`: FILE.py:NAME, MODULE:NAME, or an entry point of `group`.

    None where it is none of these. The module becomes importable by its own name, in other processes, too.
    """
    file, _, object_name = name.rpartition(":")
    if file.endswith(".py"):
        return lambda: _in_file(what, Path(file), object_name)
    for found in entry_points(group=group, name=name):
        return lambda: loaded(what, found.load)
    if _OBJECT.fullmatch(name):
        _have_importable(Path.cwd())
        return lambda: attribute(what, name)
    return None


def entry_names(group: str) -> Sequence[str]:
    """What other distributions name in a group of entry points."""
    return sorted({each.name for each in entry_points(group=group)})


def attribute(what: str, place: str) -> Any:
    """What is at `module:name`."""
    module, _, name = place.partition(":")
    return _named(what, loaded(what, lambda: importlib.import_module(module)), name)


def loaded(what: str, load: Callable[[], Any]) -> Any:
    """What `load` gives; InputError for whatever is wrong with other people's code."""
    try:
        return load()
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(f"{what} needs the module {error.name}, which is not installed") from error
    except SystemExit as error:
        raise InputError(f"{what} cannot be loaded: it ends the program (exit code {error.code})") from error
    except Exception as error:
        raise InputError(f"{what} cannot be loaded: {type(error).__name__}: {error}") from error


def _in_file(what: str, path: Path, name: str) -> Any:
    if not path.is_file():
        raise InputError(f"{what}: there is no file {path}")
    _have_importable(path.resolve().parent)
    module = loaded(what, lambda: importlib.import_module(path.stem))
    if Path(module.__file__ or "").resolve() != path.resolve():
        raise InputError(f"{what}: another module is called {path.stem}, too; rename the file")
    return _named(what, module, name)


def _have_importable(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _named(what: str, module: Any, name: str) -> Any:
    if not hasattr(module, name):
        raise InputError(f"{what}: {module.__name__} has nothing called {name!r}")
    return getattr(module, name)
