"""People: walking and standing adults and children with bags, skirts, coats and umbrellas, and riders in the saddle."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from jellyfish.lab.street.figures import Figure, Limb
from jellyfish.lab.street.mesh import Colour
from jellyfish.models.slimmable.street import CLASSES

PERSON = CLASSES.index("person")
Floats = NDArray[np.float32]

HEAD, NECK, CHEST, PELVIS = 0, 1, 2, 3
LEFT_SHOULDER, LEFT_ELBOW, LEFT_HAND, RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_HAND = range(4, 10)
LEFT_HIP, LEFT_KNEE, LEFT_FOOT, RIGHT_HIP, RIGHT_KNEE, RIGHT_FOOT = range(10, 16)
LEFT_TOE, RIGHT_TOE, HAIR, HEM, BAG, TIP, BACK = range(16, 23)

SKIN: tuple[Colour, ...] = ((236, 196, 170), (216, 168, 138), (180, 128, 94), (126, 84, 60), (86, 56, 40))
HAIR_COLOURS: tuple[Colour, ...] = ((28, 24, 22), (58, 40, 28), (96, 66, 40), (170, 136, 84), (150, 148, 146))
CLOTHES: tuple[Colour, ...] = (
    (30, 32, 40), (44, 52, 78), (66, 92, 140), (170, 40, 44), (230, 228, 222), (120, 124, 128), (66, 84, 60),
    (188, 150, 96), (222, 190, 60), (108, 52, 92), (46, 130, 130), (226, 122, 60), (224, 150, 170), (80, 60, 46),
)  # fmt: skip
TROUSERS: tuple[Colour, ...] = (
    (36, 42, 62), (54, 68, 100), (26, 26, 30), (84, 84, 86), (140, 122, 94), (96, 78, 60), (200, 196, 188),
)  # fmt: skip


def pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """One of the colours, slightly off."""
    base = np.array(colours[int(rng.integers(len(colours)))], float) + rng.normal(0, 8, 3)
    red, green, blue = np.clip(base, 6, 248)
    return float(red), float(green), float(blue)


def walking(phase: float, height: float, build: float, swing: float, right_arm_up: bool) -> Floats:
    """Joints [23, 3] of an upright person; `swing` is the stride as an angle in radians, 0 when standing."""
    joints = np.zeros((23, 3), np.float32)
    bob = 0.012 * math.cos(2 * phase) * (swing > 0)
    joints[HEAD] = (0, 0.015, 0.935 + bob)
    joints[HAIR] = (0, -0.02, 0.95 + bob)
    joints[NECK] = (0, 0, 0.85 + bob)
    joints[CHEST] = (0, 0.0, 0.75 + bob)
    joints[BACK] = (0, -0.1, 0.72 + bob)
    joints[PELVIS] = (0, 0, 0.53 + bob)
    joints[HEM] = (0, 0.02 * math.sin(phase), 0.32)
    for side, shoulder, hip, toe in (
        (-1, LEFT_SHOULDER, LEFT_HIP, LEFT_TOE),
        (1, RIGHT_SHOULDER, RIGHT_HIP, RIGHT_TOE),
    ):
        angle = swing * math.sin(phase + (math.pi if side > 0 else 0.0))
        joints[shoulder] = (side * 0.105 * build, 0, 0.80 + bob)
        _arm(joints, shoulder, side, -angle * 0.9, build, right_arm_up and side > 0)
        joints[hip] = (side * 0.05 * build, 0, 0.52 + bob)
        knee = angle + 0.12 * swing
        shin = angle - swing * 0.75 * max(0.0, math.cos(phase + (math.pi if side > 0 else 0.0)))
        joints[hip + 1] = joints[hip] + (0, 0.24 * math.sin(knee), -0.24 * math.cos(knee))
        joints[hip + 2] = joints[hip + 1] + (0, 0.245 * math.sin(shin), -0.245 * math.cos(shin))
        joints[toe] = joints[hip + 2] + (0, 0.085, -0.012)
    joints[BAG] = joints[LEFT_HAND] + (0, 0, -0.1)
    joints[TIP] = (0.06, 0.08, 1.2)
    return joints * np.float32(height)


def _arm(joints: Floats, shoulder: int, side: int, angle: float, build: float, raised: bool) -> None:
    """Set elbow and hand after the shoulder."""
    if raised:
        joints[shoulder + 1] = joints[shoulder] + (side * 0.02, 0.07, -0.14)
        joints[shoulder + 2] = joints[shoulder + 1] + (-0.03, 0.1, 0.1)
        return
    bend = angle + 0.25
    joints[shoulder + 1] = joints[shoulder] + (side * 0.02 * build, 0.16 * math.sin(angle), -0.16 * math.cos(angle))
    joints[shoulder + 2] = joints[shoulder + 1] + (0, 0.15 * math.sin(bend), -0.15 * math.cos(bend))


def _vector(x: float, y: float, z: float) -> Floats:
    return np.array((x, y, z), np.float32)


def riding(phase: float, saddle: float, reach: float, grip: float, pedal: tuple[float, float, float]) -> Floats:
    """Joints [23, 3] in metres of a rider: seat height, grip distance and height, and (y, z, crank) of the pedals."""
    joints = np.zeros((23, 3), np.float32)
    pelvis = _vector(0, -0.2, saddle + 0.06)
    lean = 0.25 if grip < 1.05 else 0.12
    joints[PELVIS] = pelvis
    joints[CHEST] = pelvis + _vector(0, lean * 0.7, 0.4)
    joints[BACK] = joints[CHEST] + (0, -0.16, -0.02)
    joints[NECK] = pelvis + _vector(0, lean, 0.56)
    joints[HEAD] = joints[NECK] + (0, 0.05, 0.15)
    joints[HAIR] = joints[HEAD] + (0, -0.02, 0.05)
    joints[HEM] = pelvis
    joints[TIP] = joints[HEAD]
    pedal_y, pedal_z, crank = pedal
    for side, shoulder, hip, toe in (
        (-1, LEFT_SHOULDER, LEFT_HIP, LEFT_TOE),
        (1, RIGHT_SHOULDER, RIGHT_HIP, RIGHT_TOE),
    ):
        turn = phase + (math.pi if side > 0 else 0.0)
        joints[shoulder] = joints[CHEST] + (side * 0.18, 0.03, 0.08)
        joints[shoulder + 2] = (side * 0.24, reach, grip)
        joints[shoulder + 1] = (joints[shoulder] + joints[shoulder + 2]) / 2 + (side * 0.05, -0.03, -0.08)
        joints[hip] = pelvis + _vector(side * 0.09, 0, -0.02)
        foot = _vector(side * 0.12, pedal_y + crank * math.sin(turn), pedal_z + crank * math.cos(turn))
        joints[hip + 1] = (joints[hip] + foot) / 2 + (0, 0.2, 0.08)
        joints[hip + 2] = foot
        joints[toe] = foot + _vector(0, 0.14, -0.02)
    joints[BAG] = joints[BACK]
    return joints


def _limbs(rng: np.random.Generator, size: float, build: float, helmet: Colour | None) -> list[Limb]:
    """Limbs of a person `size` metres tall."""
    skin, hair = pick(rng, SKIN), pick(rng, HAIR_COLOURS)
    top, bottom, shoe = pick(rng, CLOTHES), pick(rng, TROUSERS), pick(rng, TROUSERS)
    short_sleeves = rng.random() < 0.35
    bare_legs = rng.random() < 0.18
    fore, shin = (skin if short_sleeves else top), (skin if bare_legs else bottom)
    girth = size * build

    def darker(colour: Colour) -> Colour:
        return colour[0] * 0.86, colour[1] * 0.86, colour[2] * 0.86

    limbs = [
        Limb(LEFT_HIP, LEFT_KNEE, 0.052 * girth, 0.036 * girth, darker(bottom)),
        Limb(LEFT_KNEE, LEFT_FOOT, 0.036 * girth, 0.024 * size, darker(shin)),
        Limb(LEFT_FOOT, LEFT_TOE, 0.022 * size, 0.018 * size, shoe, 0, 1),
        Limb(RIGHT_HIP, RIGHT_KNEE, 0.052 * girth, 0.036 * girth, bottom),
        Limb(RIGHT_KNEE, RIGHT_FOOT, 0.036 * girth, 0.024 * size, shin),
        Limb(RIGHT_FOOT, RIGHT_TOE, 0.022 * size, 0.018 * size, shoe, 0, 1),
        Limb(PELVIS, CHEST, 0.078 * girth, 0.098 * girth, top, 0.02),
        Limb(LEFT_SHOULDER, RIGHT_SHOULDER, 0.042 * girth, 0.042 * girth, top, 0.02),
        Limb(LEFT_SHOULDER, LEFT_ELBOW, 0.034 * girth, 0.027 * girth, darker(top)),
        Limb(LEFT_ELBOW, LEFT_HAND, 0.025 * girth, 0.019 * size, darker(fore), 0, 1),
        Limb(RIGHT_SHOULDER, RIGHT_ELBOW, 0.034 * girth, 0.027 * girth, darker(top)),
        Limb(RIGHT_ELBOW, RIGHT_HAND, 0.025 * girth, 0.019 * size, darker(fore), 0, 1),
        Limb(NECK, HEAD, 0.032 * size, 0.056 * size, skin, 0.03),
        Limb(HAIR, HAIR, 0.056 * size, 0.056 * size, hair if helmet is None else helmet, 0.03),
    ]
    if helmet is None and rng.random() < 0.3:
        limbs.append(Limb(HAIR, BACK, 0.05 * size, 0.02 * size, hair, -0.02, 1))
    if helmet is None and rng.random() < 0.3:
        limbs.append(
            Limb(PELVIS, HEM, 0.08 * girth, (0.075 + 0.05 * float(rng.random())) * girth, pick(rng, CLOTHES), 0.04)
        )
    if rng.random() < 0.25:
        limbs.append(Limb(BACK, PELVIS, 0.075 * girth, 0.06 * girth, pick(rng, CLOTHES), -0.02))
    return limbs


def person(rng: np.random.Generator, standing: bool, raining: bool) -> Figure:
    """A walking or standing adult or child, at times with a bag or an umbrella."""
    child = rng.random() < 0.14
    height = float(rng.uniform(1.0, 1.45) if child else np.clip(rng.normal(1.72, 0.09), 1.5, 2.0))
    build = float(rng.uniform(0.88, 1.3))
    limbs = _limbs(rng, height, build, None)
    if not child and rng.random() < 0.3:
        limbs.append(Limb(BAG, BAG, 0.075 * height, 0.075 * height, pick(rng, CLOTHES), 0.0))
    umbrella = not child and rng.random() < (0.45 if raining else 0.03)
    canopy = (TIP, float(rng.uniform(0.42, 0.6)), pick(rng, CLOTHES)) if umbrella else None
    if umbrella:
        limbs.append(Limb(RIGHT_HAND, TIP, 0.01, 0.01, (40, 40, 44)))
    swing = 0.0 if standing else float(rng.uniform(0.42, 0.55))
    pose = partial(walking, height=height, build=build, swing=swing, right_arm_up=umbrella)
    stride = 0.0 if standing else height * 0.82
    return Figure(pose, limbs, PERSON, 0.5, 0.5, height, canopy=canopy, stride_m=stride)


def cyclist(rng: np.random.Generator) -> Figure:
    """The person on a bicycle."""
    helmet = pick(rng, CLOTHES) if rng.random() < 0.5 else None
    grip = float(rng.uniform(0.98, 1.14))
    pose = partial(riding, saddle=0.92, reach=0.36, grip=grip, pedal=(-0.02, 0.3, 0.17))
    return Figure(pose, _limbs(rng, 1.72, 1.0, helmet), PERSON, 1.0, 0.6, 1.8, stride_m=5.0)


def motorcyclist(rng: np.random.Generator) -> Figure:
    """The person on a motorcycle, always in a helmet."""
    pose = partial(riding, saddle=0.8, reach=0.4, grip=1.0, pedal=(0.0, 0.32, 0.0))
    return Figure(pose, _limbs(rng, 1.75, 1.15, pick(rng, CLOTHES)), PERSON, 1.0, 0.7, 1.65, stride_m=0.0)
