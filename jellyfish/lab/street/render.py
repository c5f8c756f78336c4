"""Draws movers over a painted street, from far to near, and counts what of each can be seen.

The canvas is RGBA: the fourth channel is an id buffer, 0 for the street and k for the k-th thing drawn, so every
drawing call paints a pixel and says whose it is at once. Nothing is blended while drawing; the picture is scaled down
afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from jellyfish.lab.street.camera import FIXED_BITS, NEAR_M, StreetCamera, to_fixed
from jellyfish.lab.street.drawers import Area, FigureDrawer, Pixels, Placement, Strokes, VehicleDrawer
from jellyfish.lab.street.light import Light
from jellyfish.lab.street.order import drawing_order
from jellyfish.lab.street.vehicles import Vehicle

MOST_THINGS = 255
"""As many numbers as the fourth channel has."""


@dataclass(frozen=True)
class Sketch:
    """A body as it will be painted; `bounds` may reach beyond the canvas."""

    placement: Placement
    strokes: Strokes
    bounds: Area


@dataclass(frozen=True)
class Visible:
    """One thing in the picture: its box in pixels of the picture, and the share of its silhouette that is visible."""

    placement: Placement
    box: Area
    visible: float


@dataclass(frozen=True)
class Drawn:
    """A body that was painted under a number; `whole` counts the pixels of its whole silhouette."""

    placement: Placement
    number: int
    whole: int
    area: Area


class Renderer:
    """Draws movers of one scene. `backdrop` and `occluders` come from the painted street."""

    def __init__(
        self,
        camera: StreetCamera,
        light: Light,
        backdrop: Pixels,
        shaded: Pixels,
        occluders: Pixels,
        footprints: Sequence[tuple[float, float, float, float]],
    ) -> None:
        self.camera = camera
        self.light = light
        self.backdrop = backdrop
        self.shaded = shaded
        self.occluders = occluders
        self.footprints = np.array([(0.0, 0.0, 0.0, 0.0), *footprints])
        self.drawers: dict[int, VehicleDrawer | FigureDrawer] = {}

    def draw(self, placements: Sequence[Placement], window: Area) -> tuple[Pixels, list[Visible]]:
        """The part [h, w, 4] of the canvas inside `window` with all movers on it, and what is seen of each."""
        shown = [placement for placement in placements if self._in_view(placement)]
        canvas = self._shadows(shown)
        sketches = [sketch for placement in shown if (sketch := self._sketch(placement)) is not None]
        areas = [self._clip(sketch.bounds) for sketch in sketches]
        order = drawing_order([sketch.placement for sketch in sketches], areas, (self.camera.x, self.camera.y))
        drawn: list[Drawn] = []
        for number, index in enumerate(order[-MOST_THINGS:], start=1):
            whole = self._paint(canvas, sketches[index], number)
            self._hide(canvas, sketches[index].placement, areas[index])
            drawn.append(Drawn(sketches[index].placement, number, whole, areas[index]))
        picture = canvas[window[1] : window[3], window[0] : window[2]]
        return picture, [seen for thing in drawn if (seen := _seen(picture, thing, window)) is not None]

    def _in_view(self, placement: Placement) -> bool:
        """Whether any of the body may be before the camera and inside the picture."""
        body, camera = placement.body, self.camera
        seen = camera.to_camera(np.array([placement.x, placement.y, body.height_m / 2], np.float32))
        reach = (body.length_m + body.height_m) / 2 + 0.3
        depth = float(seen[2]) + reach
        if depth < 1.0:
            return False
        slope_x, slope_y = camera.width / 2 / camera.focal_px, camera.height / 2 / camera.focal_px
        return abs(float(seen[0])) < depth * slope_x + reach and abs(float(seen[1])) < depth * slope_y + reach

    def _sketch(self, placement: Placement) -> Sketch | None:
        """How the body looks, or None when it is out of the picture after all."""
        body, camera = placement.body, self.camera
        drawer = self.drawers.get(id(body))
        if drawer is None:
            drawer = VehicleDrawer(body) if isinstance(body, Vehicle) else FigureDrawer(body)
            self.drawers[id(body)] = drawer
        away = max(1.0, float(np.hypot(placement.x - camera.x, placement.y - camera.y)))
        tall = body.height_m * camera.focal_px / away
        level = 0 if tall < 22 else 1 if tall < 64 else 2
        haze = 1 - float(np.exp(-away / self.light.haze_m))
        strokes = drawer.strokes(placement, camera, self.light, level, haze)
        if not strokes.polygons:
            return None
        bounds = strokes.bounds()
        left, top, right, bottom = self._clip(bounds)
        return Sketch(placement, strokes, bounds) if left < right and top < bottom else None

    def _clip(self, bounds: Area) -> Area:
        left, top, right, bottom = bounds
        return max(left, 0), max(top, 0), min(right, self.camera.width), min(bottom, self.camera.height)

    def _paint(self, canvas: Pixels, sketch: Sketch, number: int) -> int:
        """Paint one body; returns the pixels of its whole silhouette, up to half a canvas beyond the edges."""
        strokes = sketch.strokes
        strokes.paint(canvas, number)
        left, top, right, bottom = sketch.bounds
        if self._clip(sketch.bounds) == sketch.bounds:
            region = canvas[top:bottom, left:right, 3]
            return int(np.count_nonzero(region == number))
        wide, high = self.camera.width // 2, self.camera.height // 2
        left, top = max(left, -wide), max(top, -high)
        right, bottom = min(right, 3 * wide), min(bottom, 3 * high)
        scratch = np.zeros((bottom - top, right - left, 4), np.uint8)
        strokes.paint(scratch, 1, (-left, -top))
        return int(np.count_nonzero(scratch[..., 3]))

    def _hide(self, canvas: Pixels, placement: Placement, area: Area) -> None:
        """Put the street back where something that stands still is nearer than the body just painted."""
        left, top, right, bottom = area
        numbers = self.occluders[top:bottom, left:right]
        if not numbers.any():
            return
        mask = self._nearer(placement)[numbers]
        if mask.any():
            street = self.backdrop[top:bottom, left:right]
            np.copyto(canvas[top:bottom, left:right], street, where=mask[..., None])

    def _nearer(self, placement: Placement) -> NDArray[np.bool_]:
        """For each still thing (by number) whether it stands before the body: see `drawing_order`."""
        boxes = self.footprints
        eye = np.array([self.camera.x, self.camera.y])
        middle = np.array([placement.x, placement.y])
        near = np.clip(middle, boxes[:, :2], boxes[:, 2:])
        half = max(0.0, (placement.body.length_m - placement.body.width_m) / 2)
        ahead = np.array([placement.ahead_x, placement.ahead_y])
        along = np.clip((near - middle) @ ahead, -half, half)
        own = middle + along[:, None] * ahead
        near = np.clip(own, boxes[:, :2], boxes[:, 2:])
        before: NDArray[np.bool_] = np.linalg.norm(near - eye, axis=1) < np.linalg.norm(own - eye, axis=1)
        before[0] = False
        return before

    def _shadows(self, placements: Sequence[Placement]) -> Pixels:
        """A fresh canvas with the movers' shadows on the ground."""
        mask = np.zeros(self.backdrop.shape[:2], np.uint8)
        sun = self.light.sun
        strong = self.light.weather in ("day", "dusk")
        slant = -sun[:2] / max(float(sun[2]), 0.2) * (1.0 if strong else 0.12)
        for placement in placements:
            corners = placement.corners()
            corners[4:, :2] += slant * placement.body.height_m
            corners[4:, 2] = 0
            seen = self.camera.to_camera(corners)
            if seen[:, 2].min() < NEAR_M:
                continue
            hull = cv2.convexHull(to_fixed(self.camera.to_pixels(seen)))
            cv2.fillConvexPoly(mask, hull, 255, cv2.LINE_8, FIXED_BITS)
        canvas = self.backdrop.copy()
        cv2.copyTo(self.shaded, mask, canvas)
        return canvas


def _seen(picture: Pixels, thing: Drawn, window: Area) -> Visible | None:
    """Box and visible share of one thing, counted in the id buffer; None when nothing of it can be seen."""
    left, top = max(thing.area[0] - window[0], 0), max(thing.area[1] - window[1], 0)
    right, bottom = thing.area[2] - window[0], thing.area[3] - window[1]
    if right <= left or bottom <= top:
        return None
    own = (picture[top:bottom, left:right, 3] == thing.number).view(np.uint8)
    count = cv2.countNonZero(own)
    if count == 0:
        return None
    x, y, wide, high = cv2.boundingRect(own)
    box = (left + x, top + y, left + x + wide, top + y + high)
    return Visible(thing.placement, box, min(1.0, count / thing.whole))
