"""What a body at a place looks like in the image: its polygons and rings in drawing order, not yet painted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from jellyfish.lab.street.camera import FIXED_BITS, NEAR_M, StreetCamera, clip_near, to_fixed
from jellyfish.lab.street.figures import CANOPY, RING, Figure, capsules
from jellyfish.lab.street.light import Light
from jellyfish.lab.street.vehicles import Vehicle

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Painted = tuple[float, float, float]
Area = tuple[int, int, int, int]
"""(left, top, right, bottom) in whole pixels; right and bottom lie outside."""


@dataclass(frozen=True)
class Placement:
    """A body at a place at one instant. `phase` drives its walk in radians."""

    body: Vehicle | Figure
    track: int
    x: float
    y: float
    ahead_x: float
    ahead_y: float
    phase: float
    rides: bool = False
    """Whether it sits on the placement before it."""

    def to_world(self, points: Floats) -> Floats:
        """Own points [..., 3] to world points."""
        turn = np.array([[self.ahead_y, -self.ahead_x, 0], [self.ahead_x, self.ahead_y, 0], [0, 0, 1]], np.float32)
        world: Floats = points @ turn + np.array([self.x, self.y, 0], np.float32)
        return world

    def corners(self) -> Floats:
        """The world corners [8, 3] of the box around the body: four on the ground, then four on top."""
        wide, long, high = self.body.width_m / 2, self.body.length_m / 2, self.body.height_m
        ring = [(-wide, -long), (wide, -long), (wide, long), (-wide, long)]
        return self.to_world(np.array([(x, y, z) for z in (0.0, high) for x, y in ring], np.float32))


@dataclass
class Strokes:
    """What one body looks like in the image: filled polygons and rings, in drawing order, in fixed-point pixels."""

    polygons: list[tuple[NDArray[np.int32], Painted]]
    rings: list[tuple[NDArray[np.int32], Painted, int]]

    def paint(self, canvas: Pixels, number: int, shift: tuple[int, int] = (0, 0)) -> None:
        """Paint with `number` in the fourth channel, moved by `shift` whole pixels."""
        moved = np.array(shift, np.int32) << FIXED_BITS if any(shift) else 0
        for points, colour, thickness in self.rings:
            cv2.polylines(canvas, [points + moved], True, (*colour, number), thickness, cv2.LINE_8, FIXED_BITS)
        for points, colour in self.polygons:
            cv2.fillConvexPoly(canvas, points + moved, (*colour, number), cv2.LINE_8, FIXED_BITS)

    def bounds(self) -> Area:
        """(left, top, right, bottom) in whole pixels, right and bottom exclusive, with a pixel to spare."""
        spare = 1 + max((thickness for _, _, thickness in self.rings), default=0)
        points = np.concatenate([polygon for polygon, *_ in (*self.polygons, *self.rings)])
        left, top = (points.min(axis=0) >> FIXED_BITS) - spare
        right, bottom = (points.max(axis=0) >> FIXED_BITS) + spare + 2
        return int(left), int(top), int(right), int(bottom)


class VehicleDrawer:
    """A vehicle's faces as arrays, ready to be projected."""

    def __init__(self, vehicle: Vehicle) -> None:
        faces = vehicle.body.faces
        self.points = np.concatenate([face.points for face in faces])
        ends = np.cumsum([len(face.points) for face in faces])
        self.spans = [(int(end) - len(face.points), int(end)) for face, end in zip(faces, ends, strict=True)]
        self.anchors = np.array([start for start, _ in self.spans])
        self.normals = np.array([face.normal for face in faces], np.float32)
        self.colours = np.array([face.colour for face in faces], np.float32)
        self.glow = np.array([[face.glow] for face in faces], np.float32)
        self.details = np.array([face.detail for face in faces])
        self.parts = np.array([face.part for face in faces])
        self.centres = np.array(vehicle.body.centres, np.float32)
        self.layers = np.array(vehicle.body.layers)

    def strokes(self, placement: Placement, camera: StreetCamera, light: Light, level: int, haze: float) -> Strokes:
        """The faces that look towards the camera, part by part."""
        world = placement.to_world(self.points)
        seen = camera.to_camera(world)
        turned = placement.to_world(self.normals) - np.array([placement.x, placement.y, 0], np.float32)
        facing = np.einsum("ij,ij->i", camera.position - world[self.anchors], turned) > 0
        lit = light.on(turned)
        painted = self.colours * (lit * (1 - self.glow) + self.glow)
        colours = np.clip(painted * (1 - haze) + light.haze * haze, 0, 255).tolist()
        away = np.linalg.norm(placement.to_world(self.centres) - camera.position, axis=1)
        rank = np.empty(len(away), int)
        rank[np.lexsort((-away, self.layers))] = np.arange(len(away))
        order = np.lexsort((np.arange(len(facing)), rank[self.parts]))
        order = order[(facing & (self.details <= level))[order]]
        cut = bool((seen[:, 2] < NEAR_M).any())
        fixed = to_fixed(camera.to_pixels(seen))
        polygons: list[tuple[NDArray[np.int32], Painted]] = []
        for index in order.tolist():
            start, end = self.spans[index]
            points = fixed[start:end]
            if cut:
                kept = clip_near(seen[start:end])
                if len(kept) < 3:
                    continue
                points = to_fixed(camera.to_pixels(kept))
            polygons.append((points, tuple(colours[index])))
        return Strokes(polygons, [])


class FigureDrawer:
    """A figure's limbs as arrays, ready to be projected."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        limbs = figure.limbs
        self.start = np.array([limb.start for limb in limbs])
        self.end = np.array([limb.end for limb in limbs])
        self.start_radius = np.array([limb.start_radius for limb in limbs], np.float32)
        self.end_radius = np.array([limb.end_radius for limb in limbs], np.float32)
        self.colours = np.array([limb.colour for limb in limbs], np.float32)
        self.bias = np.array([limb.bias_m for limb in limbs], np.float32)
        self.details = np.array([limb.detail for limb in limbs])

    def strokes(self, placement: Placement, camera: StreetCamera, light: Light, level: int, haze: float) -> Strokes:
        """Limbs from far to near."""
        seen = camera.to_camera(placement.to_world(self.figure.pose(placement.phase)))
        if float(seen[:, 2].min()) < NEAR_M:
            return Strokes([], [])
        pixels = camera.to_pixels(seen)
        scale = camera.focal_px / seen[:, 2]
        lit = light.ambient + light.direct * 0.45
        colours = np.clip(self.colours * lit * (1 - haze) + light.haze * haze, 0, 255).tolist()
        outlines = to_fixed(
            capsules(
                pixels[self.start],
                pixels[self.end],
                self.start_radius * scale[self.start],
                self.end_radius * scale[self.end],
            )
        )
        depth = (seen[self.start, 2] + seen[self.end, 2]) / 2 - self.bias
        order = [index for index in np.argsort(-depth, kind="stable").tolist() if self.details[index] <= level]
        polygons: list[tuple[NDArray[np.int32], Painted]] = [
            (outlines[index], tuple(colours[index])) for index in order
        ]
        if self.figure.canopy is not None:
            polygons.append(self._canopy(placement, camera, lit, haze, light))
        return Strokes(polygons, self._wheels(placement, camera, light, haze))

    def _canopy(
        self, placement: Placement, camera: StreetCamera, lit: Floats, haze: float, light: Light
    ) -> tuple[NDArray[np.int32], Painted]:
        assert self.figure.canopy is not None
        joint, radius, colour = self.figure.canopy
        tip = self.figure.pose(placement.phase)[joint]
        rim = np.concatenate([CANOPY * radius + tip, tip[None]])
        pixels = camera.to_pixels(camera.to_camera(placement.to_world(rim)))
        painted = np.clip(np.array(colour) * lit * (1 - haze) + light.haze * haze, 0, 255)
        hull = cv2.convexHull(to_fixed(pixels))[:, 0]
        red, green, blue = map(float, painted)
        return np.asarray(hull, np.int32), (red, green, blue)

    def _wheels(
        self, placement: Placement, camera: StreetCamera, light: Light, haze: float
    ) -> list[tuple[NDArray[np.int32], Painted, int]]:
        rings: list[tuple[NDArray[np.int32], Painted, int]] = []
        red, green, blue = map(float, 28 * light.ambient * (1 - haze) + light.haze * haze)
        for y, z, radius, tube in self.figure.wheels:
            seen = camera.to_camera(placement.to_world(RING * radius + np.array([0, y, z], np.float32)))
            thickness = max(1, round(2 * tube * camera.focal_px / float(seen[:, 2].mean())))
            rings.append((to_fixed(camera.to_pixels(seen)), (red, green, blue), thickness))
        return rings
