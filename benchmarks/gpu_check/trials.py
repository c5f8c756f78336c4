"""What is not in use and may be quicker, each beside what is: docs/gpu/to-try.md says what is merged when."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.gpu_check.findings import Found, Sheet
from benchmarks.gpu_check.pieces import captured, median_s
from benchmarks.gpu_check.place import FRAMES, Place

if TYPE_CHECKING:
    import torch

DECODED = 12
COMPILING_S = 60.0
"""It is only tried where so much time is left: it cannot be interrupted."""
NOTE = (
    "Stem and tail of the largest size, apart from the engine, as one CUDA graph where it does not say otherwise; the "
    "difference is the largest one of a score beside float32. Decoding: the clips' frames, 640 x 360 pixels."
)


class _Form(NamedTuple):
    """A way to run the network."""

    name: str
    dtype: torch.dtype
    channels_last: bool = False
    graph: bool = True
    compiled: bool = False


def trials(place: Place, budget_s: float) -> Found:
    """One after the other, as far as there is time; what cannot be done is told in its own words."""
    ends_s = time.perf_counter() + budget_s
    figures: dict[str, dict[str, float]] = {}
    rows, notes = [], [NOTE]
    for name, attempt in _attempts(place, budget_s):
        if figures and time.perf_counter() > ends_s:
            notes.append(f"There was no time left for {name}.")
            continue
        try:
            figures[name] = place.on_thread(attempt)
        except Exception as error:
            notes.append(f"{name} could not be tried: {type(error).__name__}: {f'{error}'.splitlines()[0]}")
            continue
        rows.append([name, *(f"{value:.6g}" for value in figures[name].values())])
    first, *others = figures.values()
    quickest = min((each.get("full_s", first["full_s"]) for each in others), default=first["full_s"])
    gist = f"as it is {1e3 * first['full_s']:.2f} ms for a full batch, the quickest other {1e3 * quickest:.2f}"
    header = ["what", "one frame or batch, s", "a full batch, s", "scores differ by"]
    padded = [[*row, *[""] * (len(header) - len(row))] for row in rows]
    return Found(gist, figures, [Sheet("Trials", header, padded)], notes)


def _attempts(place: Place, budget_s: float) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    import torch

    from jellyfish.models.precision import inference_dtype

    used, each_s = inference_dtype(place.device), budget_s / 40
    forms = [
        _Form("as it is", used),
        _Form("without a graph", used, graph=False),
        _Form("channels_last weights", used, channels_last=True),
    ]
    if place.gpu is not None:  # most processors imitate the others, which takes minutes and tells nothing
        forms += [
            _Form(f"{dtype}".removeprefix("torch."), dtype) for dtype in (torch.float16, torch.bfloat16, torch.float32)
        ]
    for form in forms[:1] if place.options.short else forms:
        yield form.name, partial(_of_form, place, form, each_s)
    yield "decoding by Pillow, a frame", lambda: {"frame_s": _by_pillow(each_s)}
    yield "decoding by torchvision, a frame", lambda: {"frame_s": _by_torchvision(place, each_s)}
    if place.gpu is not None and budget_s >= COMPILING_S:
        yield "compiled", partial(_of_form, place, _Form("compiled", used, compiled=True), each_s)


def _of_form(place: Place, form: _Form, each_s: float) -> dict[str, float]:
    """Seconds of one frame and of a full batch, and how far its scores are off."""
    import torch

    from jellyfish.models.slimmable.street import CLASSES

    pixels = _pixels(place)
    found = {}
    with torch.inference_mode():
        network, exact = _network(place, form), _network(place, _Form("", torch.float32, graph=False))
        for name, batch in (("one_s", pixels[:1]), ("full_s", pixels)):
            work = partial(network, batch)
            found[name] = median_s(captured(work, place) if form.graph else work, place, each_s)
        scores = (each(pixels)[..., : len(CLASSES)].float().sigmoid() for each in (network, exact))
        found["difference"] = (next(scores) - next(scores)).abs().max().item()
    return found


def _pixels(place: Place) -> torch.Tensor:
    """A full batch of bytes on the device."""
    import numpy as np
    import torch

    from jellyfish.models.canvases import on_canvases
    from jellyfish.models.slimmable.street import input_size

    images = place.images(place.largest, max(place.batches))
    canvases = on_canvases(images, input_size(place.largest.resolution)).pixels
    return torch.from_numpy(np.ascontiguousarray(canvases)).to(place.device)


def _network(place: Place, form: _Form) -> Callable[[torch.Tensor], torch.Tensor]:
    """Bytes [n, h, w, 3] -> predictions."""
    import torch

    from jellyfish.models.slimmable.detector import normalise
    from jellyfish.models.slimmable.folding import fold_stem, fold_tail
    from jellyfish.models.slimmable.sizes import SIZES
    from jellyfish.models.slimmable.weights import load_weights

    detector = load_weights().detector()
    size = next(each for each in SIZES if each.name == place.largest.network)
    layers = torch.nn.Sequential(fold_stem(detector), fold_tail(detector, size)).to(place.device, form.dtype)
    if form.channels_last:
        layers = layers.to(memory_format=torch.channels_last)
    run = torch.compile(layers) if form.compiled else layers
    return lambda pixels: run(normalise(pixels.permute(0, 3, 1, 2)).to(form.dtype))


def _by_pillow(each_s: float) -> float:
    from PIL import Image

    def decoded() -> None:
        for path in sorted(FRAMES.glob("*.jpg"))[:DECODED]:
            with Image.open(path) as picture:
                picture.load()

    return _seconds(decoded, each_s) / DECODED


def _by_torchvision(place: Place, each_s: float) -> float:
    """On a GPU by its own library, all at once."""
    from torchvision.io import ImageReadMode, decode_jpeg, read_file

    data = [read_file(str(path)) for path in sorted(FRAMES.glob("*.jpg"))[:DECODED]]

    def decoded() -> None:
        decode_jpeg(data, ImageReadMode.RGB, device=place.device)
        if place.gpu is not None:
            place.gpu.wait()

    return _seconds(decoded, each_s) / DECODED


def _seconds(action: Callable[[], None], each_s: float) -> float:
    """The median of a few, without the first."""
    ends_s, times_s = time.perf_counter() + each_s, list[float]()
    while len(times_s) < 3 or time.perf_counter() < ends_s:
        began_s = time.perf_counter()
        action()
        times_s.append(time.perf_counter() - began_s)
    return statistics.median(times_s[1:])
