"""Front walls of houses as flat textures: storeys of windows over shops, doors, cornices, bricks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from jellyfish.lab.street.mesh import Colour

Pixels = NDArray[np.uint8]

PLASTER: tuple[Colour, ...] = (
    (206, 196, 176), (190, 170, 142), (168, 96, 74), (148, 84, 68), (214, 208, 198), (176, 180, 182), (198, 158, 118),
    (130, 126, 122), (222, 204, 160), (166, 176, 164), (108, 92, 84), (188, 198, 208),
)  # fmt: skip
SIGNS: tuple[Colour, ...] = (
    (170, 40, 40), (36, 74, 130), (44, 110, 70), (230, 190, 60), (40, 40, 44), (230, 228, 222), (150, 80, 140),
    (220, 120, 40),
)  # fmt: skip


def facade(
    rng: np.random.Generator, width_m: float, height_m: float, lamps_on: bool, finest: float
) -> tuple[Pixels, float]:
    """(texture [h, w, 4], pixels per metre, at most `finest`) of a wall. The fourth channel is how much it glows."""
    scale = float(max(2.0, min(finest, 700 / max(width_m, height_m))))
    size = (max(8, round(height_m * scale)), max(8, round(width_m * scale)))
    base = np.array(PLASTER[int(rng.integers(len(PLASTER)))]) + rng.normal(0, 10, 3)
    wall: Pixels = np.empty((*size, 4), np.uint8)
    stains = cv2.resize(rng.normal(0, 7, (7, 11)).astype(np.float32), (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    wall[..., :3] = np.clip(base + stains[..., None], 12, 245)
    wall[..., 3] = 0
    if rng.random() < 0.4:
        for row in range(0, size[0], max(3, round(scale * 0.3))):
            cv2.line(wall, (0, row), (size[1], row), (*map(float, base * 0.86), 0), 1)
    _storeys(rng, wall, scale, base, lamps_on)
    return wall, scale


def _storeys(rng: np.random.Generator, wall: Pixels, scale: float, base: NDArray[np.float64], lamps_on: bool) -> None:
    """Windows from the first floor up, shops or doors below."""
    high, wide = wall.shape[:2]
    ground = round(3.8 * scale)
    storey = float(rng.uniform(2.9, 3.5)) * scale
    pitch = float(rng.uniform(1.9, 3.4)) * scale
    window_width, window_height = pitch * float(rng.uniform(0.4, 0.72)), storey * float(rng.uniform(0.45, 0.68))
    columns = max(1, int(wide / pitch))
    offset = (wide - columns * pitch) / 2
    frame = (*map(float, np.clip(base * float(rng.choice([0.7, 1.25])), 0, 250)), 0)
    bottom = high - ground
    while bottom - storey > 0.3 * scale:
        for column in range(columns):
            left = offset + column * pitch + (pitch - window_width) / 2
            top = bottom - storey * 0.25 - window_height
            _window(rng, wall, (left, top, left + window_width, top + window_height), frame, lamps_on)
        cv2.rectangle(wall, (0, int(bottom)), (wide, int(bottom + 0.12 * scale)), frame, -1)
        bottom -= storey
    cv2.rectangle(wall, (0, 0), (wide, int(0.35 * scale)), frame, -1)
    _shops(rng, wall, scale, ground, lamps_on)


def _window(
    rng: np.random.Generator,
    wall: Pixels,
    area: tuple[float, float, float, float],
    frame: tuple[float, ...],
    lamps_on: bool,
) -> None:
    left, top, right, bottom = (round(side) for side in area)
    lit = lamps_on and rng.random() < 0.4
    tone = float(rng.uniform(40, 110))
    glass = (240.0, 205.0, 130.0, 225.0) if lit else (tone * 0.85, tone * 0.95, tone * 1.08, 0.0)
    cv2.rectangle(wall, (left - 2, top - 2), (right + 1, bottom + 2), frame, -1)
    cv2.rectangle(wall, (left, top), (right - 1, bottom), glass, -1)
    middle = (left + right) // 2
    cv2.line(wall, (middle, top), (middle, bottom), frame, 1)
    if rng.random() < 0.3:
        cv2.rectangle(
            wall, (left, top), (right - 1, top + (bottom - top) // 2), (200.0, 196.0, 186.0, glass[3] * 0.7), -1
        )


def _shops(rng: np.random.Generator, wall: Pixels, scale: float, ground: int, lamps_on: bool) -> None:
    """The ground floor: shop windows under a sign, or plain doors."""
    high, wide = wall.shape[:2]
    left = 0.0
    while left < wide - scale:
        width = float(rng.uniform(3.5, 7.5)) * scale
        right = min(wide, left + width)
        sign = SIGNS[int(rng.integers(len(SIGNS)))]
        top = high - ground
        glow = 200.0 if lamps_on and rng.random() < 0.7 else 0.0
        if rng.random() < 0.72:
            inside = (225.0, 200.0, 150.0) if glow else tuple(map(float, rng.uniform(35, 105, 3)))
            pane = (
                (int(left + 0.2 * scale), int(top + 1.1 * scale)),
                (int(right - 0.2 * scale), int(high - 0.4 * scale)),
            )
            cv2.rectangle(wall, *pane, (*inside, glow), -1)
            for _ in range(5):
                x, y = (
                    int(rng.uniform(pane[0][0], max(pane[0][0] + 1, pane[1][0]))),
                    int(rng.uniform(pane[0][1], pane[1][1])),
                )
                cv2.circle(
                    wall, (x, y), int(scale * rng.uniform(0.1, 0.4)), (*map(float, rng.uniform(30, 220, 3)), glow), -1
                )
            cv2.rectangle(
                wall,
                (int(left + 0.1 * scale), int(top + 0.35 * scale)),
                (int(right - 0.1 * scale), int(top + 1.0 * scale)),
                (*sign, glow),
                -1,
            )
        door = int(left + (right - left) * float(rng.uniform(0.3, 0.7)))
        cv2.rectangle(
            wall,
            (door, int(high - 2.3 * scale)),
            (door + int(scale), high),
            (*map(float, rng.uniform(30, 120, 3)), 0),
            -1,
        )
        left = right
