"""Names of the classes: what the metadata says, else what their number suggests. Pure."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from jellyfish.models.onnx.inspecting.coco import NAMES, by_number
from jellyfish.models.onnx.inspecting.families import Family
from jellyfish.models.onnx.inspecting.guess import Guess, Sure

KEYS = ("names", "classes", "labels", "class_names", "categories")
"""Of metadata that may hold them."""
NUMBERED = len(by_number())


def names_in(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """A list, a dictionary by number, or names between commas, as exporters write them; None where there is none."""
    for key in KEYS:
        text = metadata.get(key, "").strip()
        if not text:
            continue
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            value = [part.strip() for part in text.split(",")]
        if isinstance(value, dict) and all(isinstance(number, int) for number in value):
            value = [value.get(number, "") for number in range(max(value, default=-1) + 1)]
        if isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value):
            return _distinct(value)
    return None


def names_for(family: Family, known: tuple[str, ...] | None, without_batch: bool) -> tuple[tuple[str, ...], Guess]:
    """The names, as many as there have to be. `known`: from the metadata; `without_batch`: as torchvision exports."""
    count = family.classes
    if known is not None:
        if count == len(known) + 1:
            return _padded(family, known), Guess("classes", f"{len(known)} names", Sure.LIKELY, "its metadata")
        if count in (None, len(known)):
            return known, Guess("classes", f"{len(known)} names", Sure.KNOWN, "its metadata")
    names, why = _by_count(family, count, without_batch)
    return names, Guess("classes", f"{sum(map(bool, names))} names", Sure.GUESS, why)


def _by_count(family: Family, count: int | None, without_batch: bool) -> tuple[tuple[str, ...], str]:
    """Names, and why just these."""
    if count is None:
        numbered = without_batch or family.options.get("format") == "yxyx"
        whose = "by their numbers, as torchvision and TensorFlow have them" if numbered else "80"
        return by_number() if numbered else NAMES, f"nothing tells how many: COCO's {whose}"
    known = {
        len(NAMES): (NAMES, "80, as COCO has"),
        len(NAMES) + 1: (_padded(family, NAMES), "81: COCO's 80, and one for nothing"),
        NUMBERED: (by_number(), "91: COCO's by their numbers"),
        NUMBERED + 1: ((*by_number(), ""), "92: COCO's by their numbers, and one for nothing"),
    }
    nameless = tuple(f"class{number}" for number in range(count))
    return known.get(count, (nameless, f"{count}, and nobody says what they are: name them"))


def _padded(family: Family, names: tuple[str, ...]) -> tuple[str, ...]:
    """With one for nothing: the background first, DETR's "no object" last."""
    return (*names, "") if family.decoder == "detr" else ("", *names)


def _distinct(names: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Stripped of what no name should have, and each told from those before it."""
    found: list[str] = []
    for number, name in enumerate(names):
        clean = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
        found.append(f"{clean} {number}" if clean and clean in found else clean)
    return tuple(found)
