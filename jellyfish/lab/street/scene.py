"""Street scenes with exact labels: what a camera on a lamp post would send, and what is truly there."""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.lab.street.backdrop import paint_street
from jellyfish.lab.street.drawers import Placement
from jellyfish.lab.street.figures import Figure
from jellyfish.lab.street.layouts import LAYOUTS
from jellyfish.lab.street.light import random_light
from jellyfish.lab.street.plan import Street
from jellyfish.lab.street.render import Visible
from jellyfish.lab.street.sensor import Sensor

Pixels = NDArray[np.uint8]

OVERSAMPLING = 2
MARGIN = 8
"""Canvas pixels around the picture that the camera's shaking may bring into view."""
LEAST_VISIBLE = 0.3
LEAST_HEIGHT = 8 / 360
"""Objects less visible or less tall (as a share of the frame) are labelled `ignore`."""
FRAMES_PER_SCENE = 12
FRAME_STEP = 45


class StreetScene:
    """One street under one light from one camera, as a function of the seed alone.

    Frames may be asked for in any order: every mover's place is a function of time. The street is painted once,
    here; a frame costs only the movers. Raises InputError for an unknown layout.
    """

    def __init__(
        self, seed: int, width: int = 640, height: int = 360, fps: float = 30.0, layout: str | None = None
    ) -> None:
        if layout is not None and layout not in LAYOUTS:
            raise InputError(f"unknown street layout {layout!r}: choose one of {', '.join(LAYOUTS)}")
        rng = np.random.default_rng(seed)
        drawn = str(rng.choice(list(LAYOUTS)))
        self.layout = layout or drawn
        self.seed, self.width, self.height, self.fps = seed, width, height, fps
        self.light = random_light(rng)
        street = Street(rng, self.light)
        size = (width * OVERSAMPLING + 2 * MARGIN, height * OVERSAMPLING + 2 * MARGIN)
        LAYOUTS[self.layout](street, size, width * OVERSAMPLING)
        self.movers = street.traffic.movers
        self._renderer = paint_street(street, rng)
        self._sensor = Sensor(rng, width, height, self.light.noise, self.light.raining, self._gain(rng))
        self._shake = (float(rng.choice([0.0, 0.6, 1.5, 3.0])), rng.uniform(0, 2 * math.pi, 4))

    def frame(self, index: int) -> tuple[Pixels, list[LabelledObject]]:
        """(RGB image [height, width, 3], labels of all objects in it) of frame `index`.

        A box is the visible extent. `visible` is the share of the object's silhouette that is in the picture and not
        hidden; what lies outside the frame counts as hidden (up to half a frame outside). `ignore` marks objects less
        than 0.3 visible or under 8/360 of the frame's height. A rider is a person, apart from the cycle.
        """
        time_s = index / self.fps
        canvas, seen = self.picture(time_s)
        small = cv2.resize(canvas, (self.width, self.height), interpolation=cv2.INTER_AREA)
        image = self._sensor.apply(
            np.asarray(cv2.cvtColor(small, cv2.COLOR_RGBA2RGB), np.uint8), time_s, index, self.seed
        )
        return image, [self._label(thing) for thing in seen]

    def picture(self, time_s: float) -> tuple[Pixels, list[Visible]]:
        """The drawn picture at twice the frame's size, with its id buffer as the fourth channel, and what is in it."""
        left, top = self._offset(time_s)
        window = (left, top, left + self.width * OVERSAMPLING, top + self.height * OVERSAMPLING)
        return self._renderer.draw(self._placements(time_s), window)

    def _gain(self, rng: np.random.Generator) -> float:
        """The camera's automatic exposure, which knows only the empty street."""
        wanted = float(rng.uniform(78, 104) if self.light.weather == "dusk" else rng.uniform(100, 132))
        return min(max(wanted / float(self._renderer.backdrop[..., :3].mean()), 0.6), 1.45)

    def _placements(self, time_s: float) -> list[Placement]:
        placed: list[Placement] = []
        for number, mover in enumerate(self.movers):
            here = mover.at(time_s)
            if here is None:
                continue
            lap, x, y, ahead_x, ahead_y, gone = here
            for order, body in enumerate(mover.bodies):
                track = (lap * len(self.movers) + number) * 2 + order
                stride = body.stride_m if isinstance(body, Figure) else 0.0
                phase = 2 * math.pi * (gone / stride) + number if stride else 0.0
                placed.append(Placement(body, track, x, y, ahead_x, ahead_y, phase, order > 0))
        return placed

    def _offset(self, time_s: float) -> tuple[int, int]:
        """Where on the canvas the picture starts: the camera sways in the wind."""
        strength, phases = self._shake
        sway = [
            math.sin(5.1 * time_s + phases[2 * axis]) + 0.6 * math.sin(11.3 * time_s + phases[2 * axis + 1])
            for axis in (0, 1)
        ]
        across, down = (round(min(max(strength * s, -MARGIN), MARGIN)) for s in sway)
        return MARGIN + across, MARGIN + down

    def _label(self, seen: Visible) -> LabelledObject:
        wide, high = self.width * OVERSAMPLING, self.height * OVERSAMPLING
        x0, y0, x1, y1 = seen.box
        hidden = seen.visible < LEAST_VISIBLE or (y1 - y0) / high < LEAST_HEIGHT
        placement = seen.placement
        return LabelledObject(
            track=placement.track,
            label=placement.body.label,
            left=x0 / wide,
            top=y0 / high,
            right=x1 / wide,
            bottom=y1 / high,
            visible=round(seen.visible, 3),
            ignore=hidden,
        )


@functools.lru_cache(maxsize=2)
def _training_scene(seed: int, width: int, height: int) -> StreetScene:
    return StreetScene(seed, width, height)


def random_street_frame(seed: int, width: int = 640, height: int = 360) -> tuple[Pixels, list[LabelledObject]]:
    """One frame of one random scene, for training.

    Painting a street costs several frames' time, so 12 consecutive seeds share one street at instants 1.5 s apart: ask
    for seeds in order.
    """
    scene = _training_scene(seed // FRAMES_PER_SCENE, width, height)
    return scene.frame((seed % FRAMES_PER_SCENE) * FRAME_STEP)
