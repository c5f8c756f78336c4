"""`jellyfish export`: sizes of the detector as a package of ONNX graphs, for other programs and for this one."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from jellyfish.core import Variant
from jellyfish.devices.naming import parse_variant
from jellyfish.errors import InputError
from jellyfish.media.files import legible
from jellyfish.models.onnx.manifest import FILE_NAME
from jellyfish.models.slimmable.card import CardedVariants, read_weights
from jellyfish.models.slimmable.street import CLASSES, input_size
from jellyfish.modes.progress import ProgressReport
from jellyfish.whole_files import written_whole

LADDER = ("w100e1-128", "w100e1-192", "w100e1-256", "w100e1-320", "w075e2-384", "w100e2-448")
"""What is exported by default: one of each resolution, each better than the one before and worth its time."""


def export(folder: Path, names: Sequence[str] | None, weights_path: Path | None, console: Console) -> None:
    """Write graphs of the variants called `names` and their `model.toml` into `folder`.

    Raises InputError for weights or variants that cannot be used, a folder that holds a model already or cannot be
    written to, and where what writes such files is not installed.
    """
    card = CardedVariants(read_weights(weights_path)[0])
    variants = sorted({parse_variant(name, card.variants()) for name in names or LADDER})
    _check(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_graphs(folder, variants, weights_path, console)
        with written_whole(folder / FILE_NAME) as place:
            place.write_text(_manifest(folder, variants, card, shipped=weights_path is None))
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror or error}") from error
    console.print(f"written: {legible(folder)}", soft_wrap=True, markup=False)


def _check(folder: Path) -> None:
    """What can be said before anything slow begins."""
    if (folder / FILE_NAME).exists():
        raise InputError(f"{folder} holds a model already: choose another folder")
    if importlib.util.find_spec("onnxscript") is None:
        raise InputError('writing ONNX files needs onnxscript: pip install "jellyfish-serving[export]"')


def _write_graphs(folder: Path, variants: Sequence[Variant], weights_path: Path | None, console: Console) -> None:
    from jellyfish.models.slimmable.exporting import write_graph
    from jellyfish.models.slimmable.weights import load_weights

    weights = load_weights(weights_path)
    with ProgressReport(console) as progress:
        for number, variant in enumerate(variants):
            progress("writing graphs", number, len(variants), variant.name)
            with written_whole(folder / _file(variant)) as place:
                write_graph(weights, variant, place)


def _file(variant: Variant) -> str:
    return f"{variant.name}.onnx"


def _manifest(folder: Path, variants: Sequence[Variant], card: CardedVariants, *, shipped: bool) -> str:
    """`model.toml`: docs/onnx.md."""
    lines = [
        'name = "street"',
        f'version = "{card.identity[:8]}"',
        *(['licence = "Apache-2.0"'] if shipped else []),
        f"classes = {json.dumps(CLASSES)}",
        *(line for variant in variants for line in _size(folder, variant, card)),
        "",
        "[input]",
        "scale = 1.0",
        'fit = "letterbox-top-left"',
        "",
        "[output]",
        'decoder = "yolov8"',
        "",
        "[thresholds]",
        "nms_iou = 0.5",
    ]
    return "\n".join(lines) + "\n"


def _size(folder: Path, variant: Variant, card: CardedVariants) -> list[str]:
    canvas, entry = input_size(variant.resolution), card.entry(variant)
    sets = ", ".join(evaluation.name for evaluation in card.card.evaluations)
    return [
        "",
        "[[sizes]]",
        f'name = "{variant.network}"',
        f'file = "{_file(variant)}"',
        f"width = {canvas.width}",
        f"height = {canvas.height}",
        f"accuracy = {entry.f1}",
        f"source = {json.dumps(f'mean F1 on {sets}')}",
        f"score = {entry.score_threshold}",
        f'sha256 = "{hashlib.sha256((folder / _file(variant)).read_bytes()).hexdigest()}"',
    ]
