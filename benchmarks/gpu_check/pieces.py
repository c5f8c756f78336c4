"""Where a batch's time goes: the engine's steps as the host sees them, and each piece of work by itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.gpu_check.findings import Found, Sheet
from benchmarks.gpu_check.place import Place
from jellyfish.core import Variant
from jellyfish.models.model import Engine

if TYPE_CHECKING:
    from jellyfish.models.slimmable.networks import FoldedNetworks

Work = Callable[[], object]
LEAST_ROUNDS, MOST_ROUNDS = 5, 100
NOTE = (
    "prepare, launch and finish are the engine's own steps, one batch at a time. The pieces below them are run apart "
    "from the engine, each again and again with the device waited for after it (on a GPU stem, tail and selection as "
    "CUDA graphs), so that they say what there is to gain where; they do not add up to the steps."
)


def pieces(place: Place, budget_s: float) -> Found:
    """At the largest size and a small one, one frame and a full batch."""
    networks = _networks(place)
    shapes = [(variant, batch) for variant in (place.variants[0], place.largest) for batch in (1, max(place.batches))]
    figures: dict[str, dict[str, float]] = {}
    for variant, batch in shapes:
        each_s = budget_s / len(shapes) / 9
        apart = place.on_thread(partial(_apart, place, networks, variant, batch, each_s))
        figures[f"{variant.name} x {batch}"] = _steps(place, variant, batch, 3 * each_s) | apart
    names = list(next(iter(figures.values())))
    rows = [[name, *(f"{1e3 * of[name]:.3f}" for of in figures.values())] for name in names]
    of_largest = figures[f"{place.largest.name} x {max(place.batches)}"]
    gist = f"{place.largest.name} x {max(place.batches)}: " + ", ".join(
        f"{name} {1e3 * seconds:.2f}" for name, seconds in of_largest.items()
    )
    return Found(f"{gist} ms", figures, [Sheet("Where the time goes, ms (median)", ["piece", *figures], rows)], [NOTE])


def _steps(place: Place, variant: Variant, batch: int, budget_s: float) -> dict[str, float]:
    """The engine's three steps."""
    images, variants = place.images(variant, batch), [variant] * batch

    def timed(engine: Engine) -> list[float]:
        times_s = [time.perf_counter()]
        inputs = engine.prepare(images, variants)
        times_s.append(time.perf_counter())
        handle = engine.launch(inputs)
        times_s.append(time.perf_counter())
        engine.finish(handle)
        return [*times_s, time.perf_counter()]

    ends_s, rounds = time.perf_counter() + budget_s, list[list[float]]()
    while len(rounds) < LEAST_ROUNDS or (time.perf_counter() < ends_s and len(rounds) < MOST_ROUNDS):
        times_s = place.executor.on_all(timed)[0]
        rounds.append([after - before for before, after in pairwise(times_s)])
    prepare, launch, finish = (statistics.median(column) for column in zip(*rounds[1:], strict=True))
    return {"prepare": prepare, "launch": launch, "finish": finish}


def _networks(place: Place) -> FoldedNetworks:
    """As the engine has them."""
    from jellyfish.models.precision import inference_dtype
    from jellyfish.models.slimmable.networks import FoldedNetworks
    from jellyfish.models.slimmable.weights import load_weights

    return FoldedNetworks(load_weights(), place.device, inference_dtype(place.device))


def _apart(place: Place, networks: FoldedNetworks, variant: Variant, batch: int, each_s: float) -> dict[str, float]:
    """Each piece by itself, with the tensors that the one before it made."""
    import torch

    from jellyfish.models.canvases import on_canvases
    from jellyfish.models.slimmable.boxes import select
    from jellyfish.models.slimmable.device_boxes import boxes_of, candidates
    from jellyfish.models.slimmable.street import input_size

    size, network = input_size(variant.resolution), variant.network
    points, least = networks.points[variant.resolution], place.model.size(variant).least_score or 0.0
    images = place.images(variant, batch)
    host = torch.from_numpy(on_canvases(images, size).pixels)
    pinned = host if place.gpu is None else place.gpu.pinned(host)
    with torch.inference_mode():
        there = pinned.to(place.device)
        shared = networks.features(there)
        selected = networks.predictions(shared, network), points, least
        found, selection = candidates(*selected), partial(select, *selected)
        works: dict[str, Work] = {
            "letterbox": lambda: on_canvases(images, size),
            "copy to the device": lambda: there.copy_(pinned, non_blocking=True),
            "stem": captured(lambda: networks.features(there), place),
            "tail": captured(lambda: networks.predictions(shared, network), place),
            "selection": selection if place.gpu is None else captured(partial(candidates, *selected), place),
            "copy back": found.cpu,
            "boxes of it": partial(boxes_of, found.cpu().numpy()),
        }
        return {name: median_s(work, place, each_s) for name, work in works.items()}


def captured(work: Work, place: Place) -> Work:
    """On a GPU a graph of it; elsewhere itself."""
    return work if place.gpu is None else place.gpu.captured(work)


def median_s(work: Work, place: Place, budget_s: float) -> float:
    """With the device waited for."""
    ends_s, times_s = time.perf_counter() + budget_s, list[float]()
    while len(times_s) < LEAST_ROUNDS or (time.perf_counter() < ends_s and len(times_s) < MOST_ROUNDS):
        began_s = time.perf_counter()
        work()
        if place.gpu is not None:
            place.gpu.wait()
        times_s.append(time.perf_counter() - began_s)
    return statistics.median(times_s[1:])
