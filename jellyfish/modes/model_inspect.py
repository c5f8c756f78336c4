"""`jellyfish model inspect`: a look into ONNX files, and a `model.toml` of what can be guessed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jellyfish.errors import InputError
from jellyfish.media.files import legible, require_file
from jellyfish.models.model import EngineOptions
from jellyfish.models.onnx.inspecting.draft import Draft
from jellyfish.models.onnx.inspecting.inspection import inspect_graphs
from jellyfish.models.onnx.manifest import FILE_NAME
from jellyfish.models.onnx.package import open_package
from jellyfish.whole_files import written_whole


def inspect(files: Sequence[Path], output: Path | None, console: Console) -> None:
    """Write the package that `files` are the sizes of: into `output`, or beside them. Say what was guessed.

    Raises InputError for files that cannot be loaded or are not alike, a `model.toml` that is there already, and a
    folder that cannot be written to.
    """
    _check_files(files)
    folder = output or files[0].parent
    if (folder / FILE_NAME).exists():
        raise InputError(
            f"there is {folder / FILE_NAME} already: move it away, or name another folder: --output FOLDER"
        )
    draft = inspect_graphs(files, _package_name(files, output))
    _write(folder, files, draft)
    console.print(guesses_table(draft))
    for line in (f"written: {legible(folder / FILE_NAME)}", *_tried(folder)):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def guesses_table(draft: Draft) -> Table:
    """What was guessed, how sure that is, and why."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("key", "guess", "how sure", "why"):
        table.add_column(heading, overflow="fold")
    for guess in draft.guesses:
        table.add_row(guess.what, escape(guess.value), guess.sure, escape(guess.why))
    return table


def _check_files(files: Sequence[Path]) -> None:
    for path in files:
        require_file(path, "ONNX file")
    names = [path.name for path in files]
    if len(set(names)) < len(names):
        raise InputError("two of the files have one name: rename one, as they are to lie in one folder")
    if len({path.parent.resolve() for path in files}) > 1:
        raise InputError("the files lie in different folders: put them into one")


def _package_name(files: Sequence[Path], output: Path | None) -> str:
    stem = output.resolve().name if output is not None else files[0].stem
    return re.sub(r"[^\w.-]", "-", stem)[:64] or "model"


def _write(folder: Path, files: Sequence[Path], draft: Draft) -> None:
    """The draft, and the files beside it where they are not there already."""
    names = {name: files[0].parent for size in draft.sizes for name in (size.file, *size.data)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in names.items():
            _copy(source / name, folder / name)
        with written_whole(folder / FILE_NAME) as place:
            place.write_text(draft.text(), encoding="utf-8")
    except OSError as error:
        hint = "" if folder != files[0].parent else "; name a folder that you may write to: --output FOLDER"
        raise InputError(f"cannot write into {folder}: {error.strerror or error}{hint}") from error


def _copy(source: Path, target: Path) -> None:
    if target.exists() and target.samefile(source):
        return
    if target.exists():
        raise InputError(f"there is {target} already: name an empty folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(target) as place:
        shutil.copyfile(source, place)


def _tried(folder: Path) -> list[str]:
    """Whether the package works as drafted, in words."""
    try:
        open_package(folder).engine(EngineOptions())
    except InputError as error:
        return [f"It does not work like this yet: {error}"]
    return [
        f"It loads and runs. What it finds shows whether the guesses are right: jellyfish model check {folder} IMAGE"
    ]
