"""What is said about a camera in a file or over HTTP, as keys, and what that means. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from jellyfish.config import CameraSettings, Polygon, ServedCamera, SourceConfig, Zone
from jellyfish.errors import InputError
from jellyfish.protocol.wire import LEAST_FPS, LONGEST_NAME, LONGEST_SLO_MS, NAME_PATTERN
from jellyfish.server.cameras.areas import surface

MOST_CORNERS = 256
"""Of all masks and zones of a camera: each box of each answer is held against them on the event loop."""
MOST_NAMES_BYTES = 400
"""Of the names of a camera's zones together: an answer of 100 boxes that stand in all of them can still be sent."""
LEAST_SURFACE = 1e-6
"""Share of the frame: what is smaller has no inside to speak of."""
LEAST_IMPORTANCE, MOST_IMPORTANCE = 0.01, 100.0
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN)]
_Corners = Annotated[tuple[tuple[float, float], ...], msgspec.Meta(min_length=3, max_length=MOST_CORNERS)]
_OF_SOURCES = ("fps", "slo_ms", "target", "transport", "rotate")


class ZoneEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[cameras.zones]]`."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern=NAME_PATTERN)]
    polygon: _Corners


class CameraEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One `[[cameras]]`; what is left out is as usual."""

    name: _Name
    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2048)] | None = None
    """Where the server fetches it; None where a client sends it."""
    fps: Annotated[float, msgspec.Meta(ge=LEAST_FPS, le=240)] | None = None
    slo_ms: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_SLO_MS)] | None = None
    target: Annotated[float, msgspec.Meta(ge=50, le=99.99)] | None = None
    transport: Literal["tcp", "udp"] | None = None
    rotate: Literal[0, 90, 180, 270] | None = None
    classes: Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1)], ...], msgspec.Meta(max_length=4096)] = ()
    min_score: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    masks: tuple[_Corners, ...] = ()
    zones: tuple[ZoneEntry, ...] = ()
    importance: Annotated[float, msgspec.Meta(ge=LEAST_IMPORTANCE, le=MOST_IMPORTANCE)] = 1.0


def entry_from(told: object) -> CameraEntry:
    """The entry that a table or an object is. InputError that says which key is wrong."""
    try:
        return msgspec.convert(told, CameraEntry)
    except msgspec.ValidationError as error:
        raise InputError(str(error).replace("`$.", "`").replace(" - at `$`", "")) from error


def changed(entry: CameraEntry, changes: Mapping[str, object]) -> CameraEntry:
    """`entry` with other values for some keys; None for what is to be as usual. InputError, also for another name."""
    if changes.get("name", entry.name) != entry.name:
        raise InputError("a camera keeps its name: remove it, and add it under another one")
    told = msgspec.to_builtins(entry) | changes
    if told.get("url") is None:  # what was said of its source, or is usual of one, goes with that
        told = {key: value for key, value in told.items() if key not in _OF_SOURCES or key in changes}
    return entry_from({key: value for key, value in told.items() if value is not None})


def served(entry: CameraEntry) -> ServedCamera:
    """What an entry means. InputError for what would have no effect, or has no meaning."""
    areas = [*entry.masks, *(zone.polygon for zone in entry.zones)]
    _check_areas(areas)
    _check_names([zone.name for zone in entry.zones])
    settings = CameraSettings(
        entry.classes,
        entry.min_score,
        entry.masks,
        tuple(Zone(zone.name, zone.polygon) for zone in entry.zones),
        entry.importance,
    )
    return ServedCamera(entry.name, settings, _source(entry))


def entry_of(camera: ServedCamera) -> CameraEntry:
    """The entry that means `camera`."""
    settings, source = camera.settings, camera.source
    of_source: dict[str, Any] = {}
    if source is not None:
        of_source = {
            "url": source.url,
            "fps": source.fps,
            "slo_ms": round(1000 * source.slo_s, 6),
            "target": source.target,
            "transport": source.rtsp_transport,
            "rotate": source.rotate,
        }
    return CameraEntry(
        camera.name,
        **of_source,
        classes=settings.classes,
        min_score=settings.min_score,
        masks=settings.masks,
        zones=tuple(ZoneEntry(zone.name, zone.polygon) for zone in settings.zones),
        importance=settings.importance,
    )


def read_entries(told: object) -> tuple[ServedCamera, ...]:
    """The cameras of a list of tables. InputError that says of which one it speaks."""
    if not isinstance(told, list) or not all(isinstance(each, dict) for each in told):
        raise InputError("cameras are tables: write [[cameras]] before each (docs/configuration.md)")
    cameras: dict[str, ServedCamera] = {}
    for number, table in enumerate(told, start=1):
        try:
            camera = served(entry_from(table))
        except InputError as error:
            raise InputError(f"{_called(table, number)}: {error}") from error
        if camera.name in cameras:
            raise InputError(f"two cameras are called {camera.name!r}: give each its own name")
        cameras[camera.name] = camera
    return tuple(cameras.values())


def _called(table: Mapping[str, object], number: int) -> str:
    name = table.get("name")
    return f"camera {name[:LONGEST_NAME]!r}" if isinstance(name, str) and name else f"camera number {number}"


def _source(entry: CameraEntry) -> SourceConfig | None:
    if entry.url is None:
        void = [key for key in _OF_SOURCES if getattr(entry, key) is not None]
        if void:
            raise InputError(f"{void[0]} has no effect without url: a client that sends its frames says that itself")
        return None
    usual = SourceConfig(entry.name, entry.url)
    return SourceConfig(
        entry.name,
        entry.url,
        usual.slo_s if entry.slo_ms is None else entry.slo_ms / 1000,
        entry.fps,
        entry.target,
        entry.transport or usual.rtsp_transport,
        entry.rotate,
    )


def _check_areas(areas: Iterable[Polygon]) -> None:
    corners = 0
    for polygon in areas:
        corners += len(polygon)
        if not all(0 <= side <= 1 for corner in polygon for side in corner):
            raise InputError("corners of masks and zones are shares of the frame, 0 to 1: [0.5, 1] is below its middle")
        if surface(polygon) < LEAST_SURFACE:
            raise InputError(f"a mask or zone encloses nothing: {[list(corner) for corner in polygon][:8]}")
    if corners > MOST_CORNERS:
        raise InputError(f"masks and zones have {corners} corners; at most {MOST_CORNERS} in all")


def _check_names(names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two zones are called {twice!r}: give each its own name")
    if len(msgspec.json.encode(names)) > MOST_NAMES_BYTES:
        raise InputError(f"the names of the zones are too long: at most {MOST_NAMES_BYTES} bytes in all")
