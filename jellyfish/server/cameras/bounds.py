"""Whether what is said about cameras can be done by a server: its model's classes, what sources may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from jellyfish.config import CameraSettings, ServedCamera
from jellyfish.core import Task
from jellyfish.errors import InputError
from jellyfish.models.model import Description


@dataclass(frozen=True, slots=True)
class CameraBounds:
    """What cameras must fit."""

    model: Description
    check_source: Callable[[str], object]
    """Raises InputError for a URL that may not be opened."""
    most_fetched: int
    """As many clients as the server takes."""

    def check(self, cameras: Iterable[ServedCamera]) -> None:
        """InputError, which names the camera, for the first that does not, or where too many are fetched."""
        fetched = 0
        for camera in cameras:
            try:
                self._check_settings(camera.settings)
                if camera.source is not None:
                    self.check_source(camera.source.url)
                    fetched += 1
            except InputError as error:
                raise InputError(f"camera {camera.name!r}: {error}") from error
        if fetched > self.most_fetched:
            raise InputError(f"{fetched} cameras are to be fetched, but at most {self.most_fetched} are served")

    def _check_settings(self, settings: CameraSettings) -> None:
        known = self.model.classes
        for name in settings.classes:
            if name not in known:
                close = get_close_matches(name, known, 1)
                hint = f"do you mean {close[0]}?" if close else f"there are {', '.join(known)[:500]}"
                raise InputError(f"the model {self.model.name} knows no class {name!r}: {hint}")
        if self.model.task is not Task.DETECTION and (settings.masks or settings.zones):
            raise InputError(f"masks and zones have no effect with the model {self.model.name}, which finds no boxes")
