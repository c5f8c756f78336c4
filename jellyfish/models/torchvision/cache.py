"""The model cache: which networks stay loaded on a device, and who answers while the wanted one is on its way.

Source: Jellyfish (RTSS 2022), "model cache": a few networks next to each other in size stay on the device, a switch
among them is the swap of a pointer, and any other is loaded beside the one that runs. The decisions are pure functions
of names; `ModelCache` is the rim that loads. Neither knows what a network is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Generic, NamedTuple, TypeVar

logger = logging.getLogger(__name__)

CAPACITY = 5
"""Networks on a device at the same time, as published."""

Model = TypeVar("Model")


class CacheStep(NamedTuple):
    """Load one network; before that, if need be, give up another."""

    load: str
    evict: str | None


class Loads(NamedTuple):
    """What a cache has done so far."""

    hits: int
    """Times that the wanted network was loaded."""
    misses: int
    """Times that another answered in its place."""
    loads: int
    load_s: float
    """Seconds that all loads took together, from disk to ready on the device."""

    @property
    def mean_load_s(self) -> float:
        """Seconds per load; 0 before the first."""
        return self.load_s / self.loads if self.loads else 0.0

    def __str__(self) -> str:
        return (
            f"{self.loads} networks loaded, {1000 * self.mean_load_s:.0f} ms each; the planned one was there for "
            f"{self.hits} batches, another stood in for {self.misses}."
        )


def nearest(order: Sequence[str], wanted: str, among: Collection[str]) -> list[str]:
    """`among`, the nearest to `wanted` in `order` (of size) first; of two as near, the smaller."""
    place = order.index(wanted)
    return sorted(among, key=lambda name: (abs(order.index(name) - place), order.index(name)))


def next_step(
    order: Sequence[str],
    loaded: Collection[str],
    serving: str,
    wanted: str,
    capacity: int,
    broken: Collection[str] = (),
) -> CacheStep | None:
    """What to load next; None when `wanted` and its neighbours are loaded, or nothing can be given up for now.

    The wanted one comes first, then its neighbours, nearest first. There are never more than `capacity` networks, the
    one that is being loaded included, and `serving` is never given up: it answers meanwhile. `broken` ones are not
    tried.
    """
    keep = nearest(order, wanted, [name for name in order if name not in broken])[:capacity]
    missing = [name for name in keep if name not in loaded]
    if not missing:
        return None
    if len(loaded) < capacity:
        return CacheStep(missing[0], None)
    spare = [name for name in nearest(order, wanted, loaded) if name != serving and name not in keep]
    return CacheStep(missing[0], spare[-1]) if spare else None


class ModelCache(Generic[Model]):
    """At most `capacity` of the networks in `order`, loaded as they are wanted. Safe to use from several threads."""

    def __init__(
        self,
        order: Sequence[str],
        load: Callable[[str], Model],
        capacity: int = CAPACITY,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`order`: names by size, small first. `load` is called on a thread of its own, or on that of `get`."""
        if capacity < 2:
            raise ValueError("a network is loaded beside the one that runs: the capacity is 2 at the least")
        self._order, self._load, self._capacity, self._clock = tuple(order), load, capacity, clock
        self._models: dict[str, Model] = {}
        self._broken: set[str] = set()
        self._serving = self._wanted = self._order[0]
        self._loader: threading.Thread | None = None
        self._state = threading.Lock()
        self._loading = threading.Lock()
        """Held while a network is loaded: one at a time. Taken before `_state`, never after it."""
        self._hits = self._misses = self._loads = 0
        self._load_s = 0.0

    @property
    def loaded(self) -> frozenset[str]:
        """The networks that can run at once."""
        with self._state:
            return frozenset(self._models)

    @property
    def loads(self) -> Loads:
        """Counts since the start."""
        with self._state:
            return Loads(self._hits, self._misses, self._loads, self._load_s)

    def ready(self, wanted: str) -> str:
        """The network to run now in place of `wanted`: itself, or the nearest one that is loaded.

        Returns at once. Has `wanted` and its neighbours loaded meanwhile; what it names stays loaded until it names
        another. With nothing loaded yet it names `wanted`, for which `get` will wait.
        """
        with self._state:
            self._wanted = wanted
            if not self._models:
                return wanted
            self._serving = nearest(self._order, wanted, self._models)[0]
            if self._serving == wanted:
                self._hits += 1
            else:
                self._misses += 1
            if self._loader is None and self._next() is not None:
                self._loader = threading.Thread(target=self._load_wanted, name="model-cache", daemon=True)
                self._loader.start()
            return self._serving

    def get(self, name: str) -> Model:
        """The network of this name, loaded here and now if it is not there. Raises what loading raises."""
        with self._state:
            if name in self._models:
                return self._models[name]
        with self._loading:
            with self._state:
                if name in self._models:
                    return self._models[name]
                if len(self._models) >= self._capacity:
                    del self._models[nearest(self._order, name, self._models)[-1]]
            return self._loaded(name)

    def settle(self) -> None:
        """Wait until everything that should be loaded is."""
        loader = self._loader
        if loader is not None:
            loader.join()

    def _next(self) -> CacheStep | None:
        return next_step(self._order, self._models, self._serving, self._wanted, self._capacity, self._broken)

    def _load_wanted(self) -> None:
        """The thread that loads, until there is nothing left to do."""
        while True:
            with self._loading:
                with self._state:
                    step = self._next()
                    if step is None:
                        self._loader = None
                        return
                    if step.evict is not None:
                        del self._models[step.evict]
                try:
                    self._loaded(step.load)
                except Exception:
                    logger.warning("%s cannot be loaded; its neighbours go on serving", step.load, exc_info=True)
                    with self._state:
                        self._broken.add(step.load)

    def _loaded(self, name: str) -> Model:
        """Load a network and put it among the others."""
        began_s = self._clock()
        model = self._load(name)
        took_s = self._clock() - began_s
        logger.info("%s loaded in %.0f ms", name, 1000 * took_s)
        with self._state:
            self._models[name] = model
            self._loads += 1
            self._load_s += took_s
        return model
