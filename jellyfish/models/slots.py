"""Memory of batches on their way through a device: a ring of few slots, allocated once and used again.

Knows nothing of networks.
"""

from __future__ import annotations

import queue
import weakref
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jellyfish.errors import RunError
from jellyfish.models.accelerator import Accelerator, DeviceEvent


class Slot(NamedTuple):
    """Of one batch."""

    given: Tensor
    """[bytes] Pinned memory of the host: what goes to the device."""
    uploaded: Tensor
    """[bytes] Where that arrives on the device."""
    found: Tensor
    """Pinned memory of the host: what comes back."""
    arrived: DeviceEvent
    """`given` is on the device."""
    done: DeviceEvent
    """All is done that was asked for on behalf of this batch, and `found` is there."""


class Lease:
    """A slot that belongs to a batch for as long as this object lives: whoever forgets the batch gives it back."""

    def __init__(self, slot: Slot, free: queue.SimpleQueue[Slot]) -> None:
        self.slot = slot
        weakref.finalize(self, free.put, slot).atexit = False

    def pixels(self, *shape: int) -> NDArray[np.uint8]:
        """The beginning of what goes to the device, in that shape."""
        return self.slot.given[: int(np.prod(shape))].numpy().reshape(shape)


class SlotRing:
    """Slots for so many batches. May be used by several threads."""

    def __init__(self, accelerator: Accelerator, count: int, given_bytes: int, found: tuple[int, ...]) -> None:
        """`found`: the shape of what comes back, in float32."""
        self._count = count
        self._free: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        for _ in range(count):
            self._free.put(
                Slot(
                    accelerator.pinned(given_bytes, dtype=torch.uint8),
                    torch.empty(given_bytes, dtype=torch.uint8, device=accelerator.device),
                    accelerator.pinned(*found, dtype=torch.float32),
                    accelerator.event(),
                    accelerator.event(),
                )
            )

    def lease(self) -> Lease:
        """A slot that nothing uses any more, the device included. RunError where there is none: batches are held."""
        try:
            slot = self._free.get_nowait()
        except queue.Empty:
            raise RunError(f"{self._count} batches are prepared or run: one has to end before another begins") from None
        slot.done.synchronize()
        return Lease(slot, self._free)
