"""Paints a planned street once and hands over a renderer for everything that moves in it."""

from __future__ import annotations

import math

import cv2
import numpy as np

from jellyfish.lab.street.plan import Street
from jellyfish.lab.street.render import Renderer
from jellyfish.lab.street.scenery import Painter


def paint_street(street: Street, rng: np.random.Generator) -> Renderer:
    """Paint everything that stands still."""
    camera = street.camera
    assert camera is not None
    painter = Painter(camera, street.light, rng)
    painter.sky()
    painter.ground(street.patches, street.paving, street.light.raining)
    painter.skyline()
    sunny = painter.canvas.copy()
    _cast_shadows(street, painter)
    ordered = sorted(street.things, key=lambda thing: -_distance(thing.footprint, camera.x, camera.y))[-255:]
    for number, thing in enumerate(ordered, start=1):
        painter.thing(thing, number)
    backdrop = painter.canvas
    occluders = backdrop[..., 3].copy()
    backdrop[..., 3] = 0
    shaded = np.minimum(backdrop, cv2.convertScaleAbs(sunny, alpha=street.light.shadow).astype(np.uint8))
    cv2.copyTo(backdrop, occluders, shaded)
    return Renderer(camera, street.light, backdrop, shaded, occluders, [thing.footprint for thing in ordered])


def _distance(footprint: tuple[float, float, float, float], x: float, y: float) -> float:
    left, near, right, far = footprint
    return math.hypot(min(max(x, left), right) - x, min(max(y, near), far) - y)


def _cast_shadows(street: Street, painter: Painter) -> None:
    """Shadows of houses and trees on the ground, where the sun casts any."""
    sun = street.light.sun
    if street.light.weather not in ("day", "dusk"):
        return
    slant = -sun[:2] / max(float(sun[2]), 0.25)
    for thing in street.things:
        left, near, right, far = thing.footprint
        height = getattr(thing, "height", 0.0)
        if height == 0.0:
            continue
        if left == right:
            angles = np.arange(12) * (math.pi / 6)
            middle = np.array([left, near]) + slant * height * 0.72
            ring = middle + np.stack([np.cos(angles), np.sin(angles)], axis=1) * height * 0.28
        else:
            ground = np.array([(left, near), (right, near), (right, far), (left, far)])
            both = np.concatenate([ground, ground + slant * height]).astype(np.float32)
            ring = cv2.convexHull(both)[:, 0]
        painter.shade(np.concatenate([ring, np.zeros((len(ring), 1))], axis=1).astype(np.float32))
