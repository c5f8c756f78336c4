"""What takes frames, and what takes them while a server has no device: nobody, and says so at once."""

from __future__ import annotations

from typing import Protocol

from jellyfish.core import Reason, Variant
from jellyfish.dispatch.request import Dropped, Request


class FrameTaker(Protocol):
    """What frames are handed to: the dispatcher of a device, or `Nowhere`."""

    @property
    def decodes(self) -> bool:
        """Whether requests have images as they came."""
        ...

    @property
    def takes_frames(self) -> bool:
        """False: what is submitted is dropped at once."""
        ...

    @property
    def queued(self) -> int:
        """Requests that wait."""
        ...

    def quickest_s(self, variant: Variant | None) -> float:
        """The least that a frame planned for `variant` takes, as things are now."""
        ...

    def submit(self, request: Request) -> None:
        """Take `request`, which is answered through its `done`, exactly once."""
        ...


class Nowhere:
    """In the place of a device, where there is none. It has no state: there is one for all servers."""

    decodes = True
    """Nobody need decode what nobody will run."""
    takes_frames = False
    queued = 0

    def quickest_s(self, variant: Variant | None) -> float:
        """No time: what is missing is the device."""
        return 0.0

    def submit(self, request: Request) -> None:
        """Dropped."""
        if not request.done.done():
            request.done.set_result(Dropped(Reason.DEVICE_ERROR))


NOWHERE = Nowhere()
