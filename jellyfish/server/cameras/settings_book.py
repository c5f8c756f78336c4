"""The settings of cameras by name, as they are now."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jellyfish.config import CameraSettings

USUAL_SETTINGS = CameraSettings()
"""Of a camera that nobody has said anything about: it is told all, and counts as any other."""


class SettingsBook:
    """Looked up with each answer: what is put in holds from the next one on."""

    def __init__(self) -> None:
        self._of: dict[str, CameraSettings] = {}
        self.fetched: frozenset[str] = frozenset()
        """Names of cameras that the server fetches itself: no other client may call itself so."""

    def of(self, name: str) -> CameraSettings:
        """The settings of a camera that calls itself so."""
        return self._of.get(name, USUAL_SETTINGS)

    def replace(self, settings: Mapping[str, CameraSettings], fetched: Collection[str] = ()) -> None:
        """These hold from now on, and no others."""
        self._of, self.fetched = dict(settings), frozenset(fetched)
