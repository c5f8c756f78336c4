"""Bicycles and motorcycles as figures. The cycle alone is labelled as the cycle; its rider is a separate person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jellyfish.lab.street.figures import Figure, Limb
from jellyfish.lab.street.mesh import Colour
from jellyfish.lab.street.people import CLOTHES, pick
from jellyfish.lab.street.vehicles import PAINTS
from jellyfish.models.slimmable.street import CLASSES

BICYCLE, MOTORCYCLE = CLASSES.index("bicycle"), CLASSES.index("motorcycle")
Floats = NDArray[np.float32]
METAL: Colour = (150, 152, 156)


def bicycle(rng: np.random.Generator) -> Figure:
    """A bicycle: two thin wheels, a frame, at times a basket or panniers."""
    radius = float(rng.uniform(0.31, 0.36))
    base = 0.53
    joints = np.array(
        [
            (0, -base, radius), (0, base, radius), (0, -0.06, 0.28), (0, -0.22, 0.80), (0, 0.36, 0.82),
            (0, 0.34, 1.0), (-0.27, 0.34, 1.03), (0.27, 0.34, 1.03), (0, -0.32, 0.93), (0, -0.1, 0.95),
            (0, -0.5, 0.78), (0, 0.58, 0.85), (-0.16, -0.5, 0.6), (0.16, -0.5, 0.6),
        ],
        np.float32,
    )  # fmt: skip
    paint = pick(rng, PAINTS)
    tube = 0.022
    limbs = [
        Limb(0, 2, tube, tube, paint), Limb(0, 3, tube * 0.8, tube, paint, 0, 1), Limb(2, 3, tube, tube, paint),
        Limb(2, 4, tube, tube, paint), Limb(3, 4, tube, tube, paint, 0, 1), Limb(4, 1, tube, tube, paint),
        Limb(4, 5, tube, tube, METAL), Limb(6, 7, 0.018, 0.018, (34, 34, 36)), Limb(8, 9, 0.05, 0.035, (30, 28, 28)),
        Limb(2, 2, 0.07, 0.07, (60, 60, 62), 0, 1),
    ]  # fmt: skip
    if rng.random() < 0.35:
        limbs.append(Limb(11, 11, 0.14, 0.14, pick(rng, CLOTHES)))
    if rng.random() < 0.25:
        colour = pick(rng, CLOTHES)
        limbs += [Limb(12, 12, 0.16, 0.16, colour), Limb(13, 13, 0.16, 0.16, colour)]
    wheels = [(-base, radius, radius, 0.022), (base, radius, radius, 0.022)]
    return Figure(lambda phase: joints, limbs, BICYCLE, 1.75, 0.5, 1.05, wheels=wheels, stride_m=0.0)


def motorcycle(rng: np.random.Generator) -> Figure:
    """A motorcycle or scooter: two thick wheels close to a heavy body."""
    scooter = rng.random() < 0.4
    radius = 0.24 if scooter else 0.31
    base = 0.62 if scooter else 0.7
    joints = np.array(
        [
            (0, -base, radius), (0, base, radius), (0, -0.05, 0.42), (0, -0.45, 0.78), (0, 0.12, 0.86),
            (0, 0.42, 0.92), (-0.33, 0.4, 1.04), (0.33, 0.4, 1.04), (0, 0.55, 0.86), (0, -0.75, 0.8),
            (0.14, -0.1, 0.3), (0.14, -0.85, 0.38), (0, 0.5, 0.45), (0, -0.6, 0.5), (0, -0.72, 1.0),
            (-0.38, 0.46, 1.2), (0.38, 0.46, 1.2), (0, 0.62, 1.1),
        ],
        np.float32,
    )  # fmt: skip
    paint, dark = pick(rng, PAINTS), (34.0, 34.0, 38.0)
    limbs = [
        Limb(0, 2, 0.07, 0.14, dark), Limb(2, 4, 0.19, 0.13, (74, 74, 78)), Limb(5, 1, 0.05, 0.05, METAL),
        Limb(4, 5, 0.16, 0.12, paint, 0.05), Limb(3, 4, 0.11, 0.12, dark, 0.04), Limb(3, 9, 0.11, 0.07, paint),
        Limb(6, 7, 0.025, 0.025, dark), Limb(8, 8, 0.1, 0.1, (236, 232, 214)), Limb(10, 11, 0.05, 0.06, METAL, 0, 1),
        Limb(9, 9, 0.06, 0.06, (180, 28, 28), 0, 1),
        Limb(6, 15, 0.012, 0.03, dark, 0, 1), Limb(7, 16, 0.012, 0.03, dark, 0, 1),
    ]  # fmt: skip
    if scooter:
        limbs += [Limb(12, 5, 0.2, 0.17, paint), Limb(13, 3, 0.2, 0.16, paint), Limb(2, 12, 0.12, 0.1, paint)]
    elif rng.random() < 0.5:
        limbs.append(Limb(5, 17, 0.14, 0.08, paint))
    if rng.random() < 0.3:
        limbs.append(Limb(14, 14, 0.2, 0.2, dark))
    wheels = [(-base, radius, radius - 0.05, 0.075), (base, radius, radius - 0.05, 0.07)]
    return Figure(lambda phase: joints, limbs, MOTORCYCLE, 2.1, 0.75, 1.15, wheels=wheels, stride_m=0.0)
