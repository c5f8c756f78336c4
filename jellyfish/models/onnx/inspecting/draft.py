"""A `model.toml` of guesses, full of comments for whoever is to check them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jellyfish.core import InputSize
from jellyfish.models.onnx.inspecting.conventions import Convention
from jellyfish.models.onnx.inspecting.families import Family
from jellyfish.models.onnx.inspecting.guess import Guess
from jellyfish.models.onnx.inspecting.inputs import ImageInput

WIDTH = 118
NO_ACCURACY = 0.5
SIZE_EXPONENT = 0.4
"""Accuracy of a detector falls about as this power of its input's side: a guess, so that larger ones are preferred."""


@dataclass(frozen=True)
class DraftSize:
    """A graph that is to be a size."""

    file: str
    canvas: InputSize
    sha256: str
    data: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """All that is to be written."""

    name: str
    sizes: tuple[DraftSize, ...]
    names: tuple[str, ...]
    given: ImageInput
    family: Family
    convention: Convention
    licence: str
    guesses: tuple[Guess, ...]

    def text(self) -> str:
        """The file."""
        parts = [_HEAD, self._top(), *(self._size(size) for size in self.sizes), self._input(), self._output()]
        return "\n".join([*parts, self._thresholds()])

    def _remark(self, what: str) -> str:
        """How sure a line is."""
        found = next((guess for guess in self.guesses if guess.what == what), None)
        return f"  # {found.sure} ({found.why})" if found else ""

    def _top(self) -> str:
        task = "classification" if self.family.decoder == "scores" else "detection"
        batches = f"batches = [{self.given.batch}]" if self.given.batch else "# batches = [1, 2, 4, 8]"
        lines = [
            f"name = {_quoted(self.name)}",
            'version = "1"',
            f"licence = {_quoted(self.licence)}  # whose work it is, and under which terms you may use it",
            f"task = {_quoted(task)}",
            "",
            "# By label, in the network's own order; an empty name is left out of answers.",
            _remark_line(self._remark("classes")),
            f"classes = {_listed(self.names)}",
            "",
            f"{batches}{self._remark('batches')}",
        ]
        return "\n".join(line for line in lines if line is not None) + "\n"

    def _size(self, size: DraftSize) -> str:
        largest = max(each.canvas.resolution for each in self.sizes)
        accuracy = NO_ACCURACY * (size.canvas.resolution / largest) ** SIZE_EXPONENT
        square = size.canvas.width == size.canvas.height
        sides = f"resolution = {size.canvas.width}" if square else f"width = {size.canvas.width}"
        lines = [
            "[[sizes]]",
            f"name = {_quoted(size_name(size))}",
            f"file = {_quoted(size.file)}",
            *([f"data = {_listed(size.data)}"] if size.data else []),
            f"{sides}{self._remark('size')}",
            *([] if square else [f"height = {size.canvas.height}"]),
            f"accuracy = {accuracy:.3f}  # nobody has measured it: `jellyfish evaluate` does",
            'source = "a guess"',
            f"sha256 = {_quoted(size.sha256)}",
        ]
        return "\n".join(lines) + "\n"

    def _input(self) -> str:
        way, given = self.convention, self.given
        mean, deviation = way.shift
        scale = "1.0" if way.bytes_scale == 1 else f"{way.bytes_scale!r}"
        lines = [
            "[input]  # the graph gets (byte * scale - mean) / std",
            f"name = {_quoted(given.port.name)}{self._remark('input')}",
            *([f"size_name = {_quoted(given.size_name)}{self._remark('size_name')}"] if given.size_name else []),
            f"layout = {_quoted(given.layout)}{self._remark('layout')}",
            f"colour = {_quoted(way.colour)}{self._remark('colour')}",
            f"scale = {scale}{self._remark('scale')}",
            f"mean = {list(mean)}",
            f"std = {list(deviation)}",
            f"fit = {_quoted(way.fit)}{self._remark('fit')}",
            f"padding = {list(way.padding)}",
        ]
        return "\n".join(lines) + "\n"

    def _output(self) -> str:
        decoder = self.family.decoder or "unknown"
        lines = ["[output]", f"decoder = {_quoted(decoder)}{self._remark('decoder')}"]
        lines += [f"{key} = {_value(value)}" for key, value in self.family.options.items()]
        return "\n".join(lines) + "\n"

    def _thresholds(self) -> str:
        lines = [
            "[thresholds]",
            f"score = {self.convention.score}{self._remark('score')}",
            f"nms_iou = {self.convention.nms_iou}  # of boxes of a class that overlap more, the best stays",
        ]
        return "\n".join(lines) + "\n"


_HEAD = """# Drafted by `jellyfish model inspect`. docs/onnx.md explains every key.
# Check what is likely and what is a guess, then look: jellyfish model check FOLDER IMAGE
"""


def size_name(size: DraftSize) -> str:
    """Of the network: its file's name, less the resolution that variants are called by."""
    stem = re.sub(r"[^\w.-]", "-", size.file.rpartition(".")[0])
    return re.sub(rf"[-_.]?{size.canvas.resolution}(px)?$", "", stem)[:64] or stem


def _remark_line(remark: str) -> str | None:
    return remark.strip() or None


def _quoted(text: str) -> str:
    """A string as TOML has it."""
    return json.dumps(text, ensure_ascii=False)


def _listed(texts: Sequence[str]) -> str:
    """A list of strings as TOML has it, on as many lines as it takes."""
    quoted = [f"{_quoted(text)}," for text in texts]
    if sum(map(len, quoted)) + len(quoted) < WIDTH:
        return f"[{', '.join(map(_quoted, texts))}]"
    lines = [" "]
    for each in quoted:
        if len(lines[-1]) + 1 + len(each) > WIDTH:
            lines.append(" ")
        lines[-1] += f" {each}"
    return "\n".join(["[", *lines, "]"])


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_value(each) for each in value)}]"
    return _quoted(value) if isinstance(value, str) else repr(value)
