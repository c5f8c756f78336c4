"""Which cameras something is said about: those of the configuration, and what was added, changed or removed since.

A value; each change makes another one. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from jellyfish.config import CameraSettings, ServedCamera, SourceConfig
from jellyfish.errors import InputError

MOST_CAMERAS = 1024


class CameraUnknownError(InputError):
    """There is no camera of that name."""


class CameraKnownError(InputError):
    """There is one of that name already."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Cameras by name. Those of the configuration are as that says again when it is read anew."""

    cameras: Mapping[str, ServedCamera] = field(default_factory=dict)
    added: frozenset[str] = frozenset()
    """Names of those that no configuration has."""

    @classmethod
    def beginning(cls, configured: Iterable[ServedCamera], kept: Iterable[ServedCamera] = ()) -> Roster:
        """`kept`: those that were added when the server ran before. CameraKnownError for a name in both."""
        return cls({each.name: each for each in kept}, frozenset(each.name for each in kept)).configured_as(configured)

    @property
    def kept(self) -> tuple[ServedCamera, ...]:
        """What was added at run time, as it is now."""
        return tuple(camera for name, camera in self.cameras.items() if name in self.added)

    @property
    def settings(self) -> dict[str, CameraSettings]:
        """Of each camera."""
        return {name: camera.settings for name, camera in self.cameras.items()}

    @property
    def sources(self) -> dict[str, SourceConfig]:
        """What the server fetches itself."""
        return {name: camera.source for name, camera in self.cameras.items() if camera.source is not None}

    def of(self, name: str) -> ServedCamera:
        """The camera; CameraUnknownError where there is none."""
        if name not in self.cameras:
            raise CameraUnknownError(f"there is no camera {name[:64]!r}")
        return self.cameras[name]

    def adding(self, camera: ServedCamera) -> Roster:
        """With one more."""
        if camera.name in self.cameras:
            raise CameraKnownError(f"there is a camera {camera.name!r} already: change it (PATCH), or remove it first")
        if len(self.cameras) >= MOST_CAMERAS:
            raise InputError(f"there are {MOST_CAMERAS} cameras: remove one first")
        return Roster({**self.cameras, camera.name: camera}, self.added | {camera.name})

    def changing(self, camera: ServedCamera) -> Roster:
        """With this in place of the one of that name."""
        self.of(camera.name)
        return replace(self, cameras={**self.cameras, camera.name: camera})

    def removing(self, name: str) -> Roster:
        """Without it."""
        self.of(name)
        return Roster({key: each for key, each in self.cameras.items() if key != name}, self.added - {name})

    def configured_as(self, configured: Iterable[ServedCamera]) -> Roster:
        """With these of the configuration, and what was added beside it. CameraKnownError for a name in both."""
        for camera in configured:
            if camera.name in self.added:
                raise CameraKnownError(
                    f"the camera {camera.name!r} of the configuration was added at run time, too: remove one of them"
                )
        return replace(self, cameras={each.name: each for each in (*configured, *self.kept)})
