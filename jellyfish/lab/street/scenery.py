"""Everything in the street that stands still: sky, ground, houses, trees, posts. Painted once per scene.

Each thing that can hide a mover has a number, painted with it into the canvas' fourth channel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from jellyfish.lab.street.camera import FIXED_BITS, StreetCamera, to_fixed
from jellyfish.lab.street.facade import facade
from jellyfish.lab.street.figures import capsules
from jellyfish.lab.street.light import Light
from jellyfish.lab.street.mesh import Colour
from jellyfish.lab.street.things import Building, Patch, Post, Thing, Tree

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


class Painter:
    """Paints still things on an RGBA canvas; the fourth channel takes the thing's number."""

    def __init__(self, camera: StreetCamera, light: Light, rng: np.random.Generator) -> None:
        self.camera = camera
        self.light = light
        self.rng = rng
        self.canvas: Pixels = np.zeros((camera.height, camera.width, 4), np.uint8)

    def sky(self) -> None:
        """A gradient with soft clouds."""
        camera, light = self.camera, self.light
        horizon = max(1, min(camera.height, int(camera.horizon_row()) + 2))
        share = np.clip(np.linspace(1 - horizon / (camera.height * 0.8), 1, horizon), 0, 1).astype(np.float32)[
            :, None, None
        ]
        rows = light.sky_top * (1 - share) + light.sky_low * share
        clouds = cv2.resize(self.rng.random((6, 9), np.float32), (camera.width, horizon), interpolation=cv2.INTER_CUBIC)
        cover = np.clip((clouds - 0.5) * 1.6, 0, 0.7)[..., None]
        painted = rows * (1 - cover) + (light.sky_low * 0.4 + 140) * cover
        self.canvas[:horizon, :, :3] = np.clip(painted, 0, 255)

    def ground(self, patches: Sequence[Patch], base: Colour, wet: bool) -> None:
        """Patches in order over a base colour, then texture in world coordinates and light."""
        self.canvas[max(0, int(self.camera.horizon_row())) :, :, :3] = np.array(base, np.uint8)
        for patch in patches:
            points = np.array([(x, y, 0.0) for x, y in patch.outline], np.float32)
            polygon = self.camera.polygon(points)
            if polygon is not None:
                cv2.fillPoly(self.canvas, [polygon], (*patch.colour, 0), cv2.LINE_8, FIXED_BITS)
        first, x, y = self.camera.ground_points(step=2)
        if first >= self.camera.height:
            return
        distance = np.hypot(x - self.camera.x, y - self.camera.y)
        haze = 1 - np.exp(-distance / self.light.haze_m)[..., None]
        lit = self.light.on(np.array([[0, 0, 1]], np.float32))[0] * (0.72 if wet else 0.92)
        factor = self._grain(x, y)[..., None] * lit * (1 - haze)
        below = self.canvas[first:, :, :3]
        size = (below.shape[1], below.shape[0])
        eighth_bits = cv2.resize(np.clip(factor * 128, 0, 255).astype(np.uint8), size)
        veil = cv2.resize((self.light.haze * haze).astype(np.uint8), size)
        self.canvas[first:, :, :3] = cv2.add(cv2.multiply(below, eighth_bits, scale=1 / 128), veil)

    def skyline(self) -> None:
        """Far roofs and woods along the horizon, pale with distance."""
        camera = self.camera
        row = camera.horizon_row() + 2
        if row < 0:
            return
        for layer, pale in ((1.0, 0.78), (0.55, 0.6)):
            left = -20.0
            while left < camera.width:
                wide, high = self.rng.uniform(15, 90), self.rng.uniform(8, 60) * layer * camera.height / 720
                colour = np.array([96, 104, 92]) * self.light.ambient * (
                    1 - pale
                ) + self.light.haze * pale * self.rng.uniform(0.85, 1)
                box = (int(left), int(row - high)), (int(left + wide), int(row))
                cv2.rectangle(self.canvas, *box, (*map(float, np.clip(colour, 0, 255)), 0), -1)
                left += wide * 0.9

    def _grain(self, x: Floats, y: Floats) -> Floats:
        """Brightness [h, w] of asphalt and paving: three scales of noise fixed to the ground."""
        grain = np.ones_like(x)
        distance = np.maximum(y - self.camera.y, 1.0)
        for scale_m, strength in ((0.03, 0.06), (0.35, 0.04), (9.0, 0.05)):
            noise = np.tile(self.rng.standard_normal((128, 128), np.float32), (3, 3))
            tile = cv2.GaussianBlur(noise, (0, 0), 1.2)[128:256, 128:256]
            tile = tile / tile.std()
            map_x, map_y = np.mod(x / scale_m, 127), np.mod(y / scale_m, 127)
            fade = np.minimum(1.0, scale_m * 260 / distance)
            grain += cv2.remap(tile, map_x, map_y, cv2.INTER_LINEAR) * fade * strength
        return np.clip(grain, 0.4, 1.6)

    def shade(self, outline: Floats) -> None:
        """Darken the ground inside the world polygon [n, 3]."""
        polygon = self.camera.polygon(outline)
        if polygon is None:
            return
        hard = np.zeros(self.canvas.shape[:2], np.uint8)
        cv2.fillPoly(hard, [polygon], 255, cv2.LINE_8, FIXED_BITS)
        mask = cv2.blur(hard, (5, 5))
        left, top, wide, high = cv2.boundingRect(mask)
        if wide == 0:
            return
        region = self.canvas[top : top + high, left : left + wide, :3]
        share = mask[top : top + high, left : left + wide, None] * np.float32((1 - self.light.shadow) / 255)
        region[:] = region * (1 - share)

    def thing(self, thing: Thing, number: int) -> None:
        """Paint one thing and its number."""
        if isinstance(thing, Building):
            self._building(thing, number)
        elif isinstance(thing, Tree):
            self._tree(thing, number)
        else:
            self._post(thing, number)

    def _building(self, house: Building, number: int) -> None:
        corners = [
            (house.left, house.near),
            (house.right, house.near),
            (house.right, house.far),
            (house.left, house.far),
        ]
        style = np.random.default_rng(int(self.rng.integers(2**31)))
        seed = int(style.integers(2**31))
        for index in range(4):
            a, b = np.array(corners[index], float), np.array(corners[(index + 1) % 4], float)
            along = b - a
            normal = np.array([along[1], -along[0]])
            if normal @ (np.array([self.camera.x, self.camera.y]) - a) > 0:
                self._wall(a, b, house.height, number, seed)

    def _wall(self, a: NDArray[np.float64], b: NDArray[np.float64], height: float, number: int, seed: int) -> None:
        """Paint the wall between two ground points, seen from its right side when going from a to b."""
        camera = self.camera
        quad = np.array([(*a, height), (*b, height), (*b, 0), (*a, 0)], np.float32)
        polygon = camera.polygon(quad)
        if polygon is None:
            return
        width = float(np.linalg.norm(b - a))
        left, top, wide, high = cv2.boundingRect(polygon >> FIXED_BITS)
        left, top, right, bottom = (
            max(left, 0),
            max(top, 0),
            min(left + wide + 1, camera.width),
            min(top + high + 1, camera.height),
        )
        if right - left < 2 or bottom - top < 2:
            return
        nearest = max(1.0, _distance_to_wall(a, b, camera.x, camera.y))
        finest = min(24.0, 0.8 * camera.focal_px / nearest)
        normal = np.array([[b[1] - a[1], a[0] - b[0], 0]], np.float32) / width
        texture, scale = facade(np.random.default_rng(seed), width, height, self.light.lamps_on, finest)
        lit = self.light.on(normal)[0]
        distance = float(np.hypot(*((a + b) / 2 - (camera.x, camera.y))))
        haze = 1 - math.exp(-distance / self.light.haze_m)
        bright = np.maximum(lit, texture[..., 3:] * np.float32(1 / 255)) * np.float32(1 - haze)
        painted = np.empty_like(texture)
        painted[..., :3] = np.clip(texture[..., :3] * bright + self.light.haze * np.float32(haze), 0, 255)
        painted[..., 3] = number
        axes = np.stack(
            [np.append((b - a) / width / scale, 0), (0, 0, -1 / scale), np.append(a, height) - camera.position], axis=1
        )
        lens = np.array(
            [[camera.focal_px, 0, camera.width / 2 - left], [0, camera.focal_px, camera.height / 2 - top], [0, 0, 1]]
        )
        homography = lens @ camera.rotation.astype(float) @ axes
        region = self.canvas[top:bottom, left:right]
        warped = cv2.warpPerspective(
            painted, homography, (right - left, bottom - top), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        mask = np.zeros(region.shape[:2], np.uint8)
        cv2.fillPoly(mask, [polygon], 255, cv2.LINE_8, FIXED_BITS, (-left << FIXED_BITS, -top << FIXED_BITS))
        cv2.copyTo(warped, mask, region)

    def _flat(self, points: Floats, colour: Colour, number: int, light: Floats | None = None) -> None:
        polygon = self.camera.polygon(points)
        if polygon is not None:
            lit = self.light.ambient + self.light.direct * 0.4 if light is None else light
            painted = [float(v) for v in np.clip(np.array(colour) * lit, 0, 255)]
            cv2.fillPoly(self.canvas, [polygon], (*painted, number), cv2.LINE_8, FIXED_BITS)

    def _rod(self, start: Sequence[float], end: Sequence[float], radius: float, colour: Colour, number: int) -> None:
        """A round bar between two world points."""
        seen = self.camera.to_camera(np.array([start, end], np.float32))
        if seen[:, 2].min() < 0.6:
            return
        pixels = self.camera.to_pixels(seen)
        radii = np.maximum(radius * self.camera.focal_px / seen[:, 2], 0.6)
        outline = capsules(pixels[:1], pixels[1:], radii[:1], radii[1:])[0]
        lit = np.clip(np.array(colour) * (self.light.ambient + self.light.direct * 0.4), 0, 255)
        cv2.fillPoly(self.canvas, [to_fixed(outline)], (*map(float, lit), number), cv2.LINE_8, FIXED_BITS)

    def _tree(self, tree: Tree, number: int) -> None:
        """A trunk and a crown of many leaf blobs, lighter towards the sun."""
        rng, camera, light = self.rng, self.camera, self.light
        crown = tree.height * 0.3
        middle = tree.height - crown * 0.9
        self._rod((tree.x, tree.y, 0), (tree.x, tree.y, middle), 0.13 + tree.height * 0.008, (84, 70, 56), number)
        directions = rng.standard_normal((150, 3)).astype(np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        spread = (
            directions * (rng.random((150, 1), np.float32) ** 0.4) * np.array([crown, crown, crown * 0.85], np.float32)
        )
        seen = camera.to_camera(spread + np.array([tree.x, tree.y, middle], np.float32))
        if seen[:, 2].min() < 0.8:
            return
        pixels = camera.to_pixels(seen)
        radii = rng.uniform(0.12, 0.34, 150) * crown * 0.7 * camera.focal_px / seen[:, 2]
        bright = (
            0.75 + 0.35 * np.maximum(directions @ light.sun, -0.3) + 0.2 * directions[:, 2] + rng.normal(0, 0.08, 150)
        )
        tint = np.array(tree.colour) * (light.ambient + light.direct * 0.5)
        for index in np.argsort(-seen[:, 2], kind="stable"):
            colour = np.clip(tint * bright[index], 0, 255)
            centre = (int(pixels[index, 0]), int(pixels[index, 1]))
            cv2.circle(self.canvas, centre, max(1, int(radii[index])), (*map(float, colour), number), -1)

    def _post(self, post: Post, number: int) -> None:
        x, y, colour = post.x, post.y, post.colour
        if post.kind == "lamp":
            self._rod((x, y, 0), (x, y, 6.5), 0.09, colour, number)
            self._rod((x, y, 6.5), (x + 1.4 * post.towards, y, 6.8), 0.05, colour, number)
            glow = (255.0, 236.0, 180.0) if self.light.lamps_on else colour
            self._rod((x + post.towards, y, 6.75), (x + 1.6 * post.towards, y, 6.8), 0.12, glow, number)
        elif post.kind in ("sign", "signal"):
            self._rod((x, y, 0), (x, y, 3.0), 0.05, (110, 112, 116), number)
            w, low, high = (0.35, 2.2, 2.9) if post.kind == "sign" else (0.16, 2.1, 3.0)
            corners = [(x - w, y, low), (x + w, y, low), (x + w, y, high), (x - w, y, high)]
            self._flat(np.array(corners, np.float32), colour if post.kind == "sign" else (26, 28, 28), number)
            if post.kind == "signal":
                self._rod((x, y - 0.05, 2.8), (x, y - 0.05, 2.8), 0.1, (230, 50, 40), number)
        elif post.kind == "bollard":
            self._rod((x, y, 0), (x, y, 0.9), 0.08, colour, number)
        else:
            wide, tall = (0.28, 1.0) if post.kind == "bin" else (0.55, 1.4)
            self._rod((x, y, 0.1), (x, y, tall), wide, colour, number)


def _distance_to_wall(a: NDArray[np.float64], b: NDArray[np.float64], x: float, y: float) -> float:
    """Metres from (x, y) to the segment a-b on the ground."""
    along, eye = b - a, np.array([x, y]) - a
    share = min(max(float(eye @ along) / float(along @ along), 0.0), 1.0)
    return float(np.linalg.norm(eye - along * share))
