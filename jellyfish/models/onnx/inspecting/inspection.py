"""Graphs in, a draft of their `model.toml` out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jellyfish.errors import InputError
from jellyfish.models.onnx.files import checksum
from jellyfish.models.onnx.inspecting.conventions import convention_of
from jellyfish.models.onnx.inspecting.draft import Draft, DraftSize
from jellyfish.models.onnx.inspecting.facts import GraphFacts, outputs_of_run, read_facts
from jellyfish.models.onnx.inspecting.families import Family, family_of
from jellyfish.models.onnx.inspecting.guess import Guess
from jellyfish.models.onnx.inspecting.inputs import ImageInput, image_input
from jellyfish.models.onnx.inspecting.names import names_for, names_in


def inspect_graphs(paths: Sequence[Path], name: str) -> Draft:
    """A draft for graphs that differ in size alone. InputError for what cannot be loaded, or is not alike."""
    seen = [_seen(path) for path in paths]
    facts, given, family = seen[0]
    for other, other_given, other_family in seen[1:]:
        if _alike(other_given, other_family) != _alike(given, family):
            raise InputError(
                f"{other.file} is not like {facts.file}: inputs, decoder, classes and batches have to be the same; "
                "make a package of each"
            )
    names, about_names = names_for(family, names_in(facts.metadata), not given.layout.batched)
    convention = convention_of(family, given)
    decoder = Guess("decoder", family.decoder or "unknown", family.sure, family.why)
    return Draft(
        name=name,
        sizes=tuple(
            DraftSize(each.file, of_each.canvas, checksum(path), each.data)
            for path, (each, of_each, _) in zip(paths, seen, strict=True)
        ),
        names=names,
        given=given,
        family=family,
        convention=convention,
        licence=facts.metadata.get("license", ""),
        guesses=(*given.guesses, decoder, about_names, *convention.guesses()),
    )


def _seen(path: Path) -> tuple[GraphFacts, ImageInput, Family]:
    facts, session = read_facts(path)
    given = image_input(facts)
    outputs = outputs_of_run(session, given.feeds(), facts.file)
    if not outputs:
        raise InputError(f"{facts.file} has no outputs that are numbers")
    known = names_in(facts.metadata)
    return facts, given, family_of(outputs, given.canvas, None if known is None else len(known))


def _alike(given: ImageInput, family: Family) -> tuple[Any, ...]:
    options = {key: value for key, value in family.options.items() if key != "activation"}
    return given.port.name, given.port.kind, given.layout, given.batch, family.decoder, family.classes, str(options)
