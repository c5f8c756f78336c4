"""The detector on a GPU, as a pipeline of which the host asks little and waits for nothing but the end.

Frames are scaled into pinned memory (`models.slots`), copied on a stream of their own while the batch before runs, and
taken through stem, tails and selection by captured graphs (`device_graphs`); one copy brings the candidates of the
whole batch back, and an event says when.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from jellyfish.core import Answer, InputSize, Variant
from jellyfish.errors import RunError
from jellyfish.models.accelerator import Accelerator
from jellyfish.models.canvases import Canvases, on_canvases
from jellyfish.models.model import Image
from jellyfish.models.slimmable.boxes import detections_of
from jellyfish.models.slimmable.device_boxes import COLUMNS, boxes_of
from jellyfish.models.slimmable.device_graphs import (
    COLOURS,
    DeviceGraphs,
    LeastScore,
    buckets,
    features_in,
    pixels_in,
)
from jellyfish.models.slimmable.layout import CANDIDATES
from jellyfish.models.slimmable.networks import FoldedNetworks
from jellyfish.models.slimmable.street import RESOLUTIONS, input_size
from jellyfish.models.slots import Lease, SlotRing

SPARE_SLOTS = 3
"""More than batches may run: for one that is prepared meanwhile, one whose answers are made, and a part of one."""


class Pipelined(NamedTuple):
    """How a device is to be used."""

    accelerator: Accelerator
    in_flight: int
    """Batches that may be launched and not finished."""
    max_batch: int
    """Frames that run at once, as far as memory allows; a larger batch runs in parts."""


class Group(NamedTuple):
    """Frames of a batch that run with the same variant: they lie side by side."""

    variant: Variant
    rows: range


class PreparedBatch(NamedTuple):
    """Frames on their canvases, by group."""

    canvases: Canvases
    order: list[int]
    """Which of the images each canvas holds."""
    groups: list[Group]
    lease: Lease | None
    """Where the canvases lie; None where no slot can hold so many: the batch runs in parts."""

    @property
    def size(self) -> InputSize:
        """Of each canvas."""
        return input_size(self.groups[0].variant.resolution)


class LaunchedBatch(NamedTuple):
    """A batch that runs, or has run."""

    prepared: PreparedBatch
    parts: list[NDArray[np.float32]]
    """Candidates of its parts, where it had to run in parts."""


class DevicePipeline:
    """`launch` is called by one thread; `prepare` and `finish` by that or others, each in turn."""

    def __init__(self, networks: FoldedNetworks, pipelined: Pipelined, least_score: LeastScore) -> None:
        """RunError where not even one frame fits into the device's memory."""
        self._accelerator, in_flight, max_batch = pipelined
        self._networks, self._least_score = networks, least_score
        self._slot_count = in_flight + SPARE_SLOTS
        self._upload, self._compute = self._accelerator.stream(), self._accelerator.stream()
        self._graphs, self._slots = self._fitted(max_batch)

    def _fitted(self, max_batch: int) -> tuple[DeviceGraphs, SlotRing]:
        """For the largest batch that there is memory for."""
        for most in reversed(buckets(max_batch)):
            with contextlib.suppress(torch.OutOfMemoryError), torch.inference_mode():
                return self._allocated(most)
            self._accelerator.unused_given_back()
        raise self._no_room()

    def _allocated(self, most: int) -> tuple[DeviceGraphs, SlotRing]:
        graphs = DeviceGraphs(self._networks, self._accelerator, self._compute, self._least_score, most)
        given_bytes = most * pixels_in(input_size(RESOLUTIONS[-1]))
        slots = SlotRing(self._accelerator, self._slot_count, given_bytes, (most, CANDIDATES, COLUMNS))
        self._accelerator.unused_given_back()
        return graphs, slots

    def _no_room(self) -> RunError:
        return RunError(f"{self._accelerator.device}: there is not enough free memory for one frame at a time")

    @property
    def memory_bytes(self) -> int:
        """Taken of the device: weights, buffers, and what graphs share."""
        return self._accelerator.taken_bytes

    @property
    def stated(self) -> str:
        """See `StatedEngine.stated`."""
        most_mb = self._accelerator.most_bytes / 1e6
        return f"at most {self._graphs.most} frames at once and {most_mb:.0f} MB"

    # --- the three steps --------------------------------------------------------------------------------

    def prepare(self, images: Sequence[Image], variants: Sequence[Variant]) -> PreparedBatch:
        """See `Engine.prepare`: each frame on a canvas, frames of one variant side by side."""
        order = sorted(range(len(images)), key=lambda each: variants.index(variants[each]))
        size = input_size(variants[0].resolution)
        lease = self._slots.lease() if len(images) <= self._graphs.most else None
        pixels = None if lease is None else lease.pixels(len(images), size.height, size.width, COLOURS)
        canvases = on_canvases([images[each] for each in order], size, pixels)
        return PreparedBatch(canvases, order, _groups([variants[each] for each in order]), lease)

    def launch(self, prepared: PreparedBatch) -> LaunchedBatch:
        """See `Engine.launch`. A batch for which there is no memory lowers the most that is run at once from now on; it
        runs in parts then, and the host waits for them."""
        with torch.inference_mode():
            if prepared.lease is not None and self._begun(prepared.lease, prepared.size, prepared.groups):
                return LaunchedBatch(prepared, [])
            return LaunchedBatch(prepared, list(self._in_parts(prepared)))

    def finish(self, launched: LaunchedBatch) -> list[Answer]:
        """See `Engine.finish`."""
        prepared = launched.prepared
        count, size = len(prepared.order), prepared.size
        if prepared.lease is None or launched.parts:
            found = np.concatenate(launched.parts)
        else:
            prepared.lease.slot.done.synchronize()
            found = prepared.lease.slot.found[:count].numpy()
        answers = prepared.canvases.answers(detections_of(boxes_of(found), count, size.height, size.width))
        return [answers[place] for place in np.argsort(prepared.order)]

    # --- what is more than may run at once --------------------------------------------------------------

    def _in_parts(self, prepared: PreparedBatch) -> Iterator[NDArray[np.float32]]:
        """Candidates of all frames in order, of as many at a time as may run at once."""
        left = list(prepared.groups)
        while left:
            variant, rows = left.pop(0)
            if len(rows) > self._graphs.most:
                left.insert(0, Group(variant, rows[self._graphs.most :]))
                rows = rows[: self._graphs.most]
            found = self._part(prepared.canvases.pixels[rows.start : rows.stop], variant)
            if found is None:
                left.insert(0, Group(variant, rows))
            else:
                yield found

    def _part(self, frames: NDArray[np.uint8], variant: Variant) -> NDArray[np.float32] | None:
        """Candidates of canvases of one variant, which are waited for; None where there was no memory."""
        lease = self._slots.lease()
        lease.pixels(*frames.shape)[:] = frames
        if not self._begun(lease, input_size(variant.resolution), [Group(variant, range(len(frames)))]):
            return None
        lease.slot.done.synchronize()
        return lease.slot.found[: len(frames)].numpy().copy()

    def _begun(self, lease: Lease, size: InputSize, groups: Sequence[Group]) -> bool:
        """Whether there was memory for these frames; if not, fewer run at once from now on."""
        frames = groups[-1].rows.stop
        if frames > self._graphs.most:
            return False
        with contextlib.suppress(torch.OutOfMemoryError):
            self._begin(lease, size, groups)
            return True
        smaller = [each for each in buckets(self._graphs.most) if each < frames]
        if not smaller:
            raise self._no_room()
        self._graphs.lower(smaller[-1])
        self._accelerator.unused_given_back()
        return False

    # --- what the device is asked for -------------------------------------------------------------------

    def _begin(self, lease: Lease, size: InputSize, groups: Sequence[Group]) -> None:
        """All of a batch whose frames are in their slot. What may find no memory comes first."""
        graphs, slot, copy, frames = self._graphs, lease.slot, self._accelerator.copy, groups[-1].rows.stop
        stem = graphs.stem(size.resolution, frames)
        tails = [graphs.tail(group.variant, len(group.rows)) for group in groups]
        given_bytes = frames * pixels_in(size)
        with self._accelerator.on(self._upload):
            copy(slot.uploaded[:given_bytes], slot.given[:given_bytes])
            slot.arrived.record(self._upload)
        self._compute.wait_event(slot.arrived)
        with self._accelerator.on(self._compute):
            copy(graphs.buffers.pixels[:given_bytes], slot.uploaded[:given_bytes])
            stem()
            if len(groups) == 1:
                tails[0]()
            else:
                self._each_group(features_in(size), groups, tails)
            found = graphs.buffers.found if len(groups) == 1 else graphs.buffers.all_found
            copy(slot.found[:frames], found[:frames])
            slot.done.record(self._compute)

    def _each_group(self, features: int, groups: Sequence[Group], tails: Sequence[Callable[[], None]]) -> None:
        """The tails of a batch of several variants. `features`: numbers of a frame."""
        buffers, copy, end = self._graphs.buffers, self._accelerator.copy, features * groups[-1].rows.stop
        copy(buffers.all_features[:end], buffers.features[:end])
        for (_, rows), tail in zip(groups, tails, strict=True):
            own = buffers.all_features[features * rows.start : features * rows.stop]
            copy(buffers.features[: len(own)], own)
            tail()
            copy(buffers.all_found[rows.start : rows.stop], buffers.found[: len(rows)])


def _groups(variants: Sequence[Variant]) -> list[Group]:
    """Equal ones lie side by side."""
    ends = [end for end in range(1, len(variants) + 1) if end == len(variants) or variants[end] != variants[end - 1]]
    return [Group(variants[first], range(first, end)) for first, end in zip([0, *ends], ends, strict=False)]
