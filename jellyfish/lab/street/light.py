"""Light and weather: the palettes under which a street is painted, drawn from a random generator."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Light:
    """Colours are RGB factors (light) or 0..255 (sky, haze)."""

    weather: str
    sun: Floats
    """Direction towards the sun [3], a unit vector."""
    ambient: Floats
    direct: Floats
    sky_top: Floats
    sky_low: Floats
    haze: Floats
    haze_m: float
    shadow: float
    """What is left of the light in a cast shadow."""
    lamps_on: bool
    noise: float
    """Sensor noise: standard deviation in grey levels."""

    @property
    def raining(self) -> bool:
        """Whether rain is falling."""
        return self.weather == "rain"

    def on(self, normals: Floats) -> Floats:
        """Light [n, 3] on surfaces with the given unit normals [n, 3]; more where they look upwards."""
        facing = np.maximum(normals @ self.sun, 0.0)[:, None]
        upward = 0.85 + 0.15 * normals[:, 2:]
        lit: Floats = self.ambient * upward + self.direct * facing
        return lit


_PALETTES: dict[str, tuple[float, float, float, float, float]] = {
    "day": (0.56, 0.62, 0.52, 900.0, 1.4),
    "overcast": (0.84, 0.14, 0.74, 420.0, 1.8),
    "dusk": (0.44, 0.26, 0.70, 500.0, 3.2),
    "rain": (0.70, 0.08, 0.78, 220.0, 2.4),
}
"""Ambient light, direct light, shadow, haze distance (m), noise."""

_TINTS: dict[str, tuple[tuple[float, ...], ...]] = {
    "day": ((0.97, 1.0, 1.05), (1.06, 1.0, 0.9), (96, 146, 208), (196, 214, 228)),
    "overcast": ((1.0, 1.0, 1.01), (1.0, 1.0, 1.0), (168, 174, 182), (206, 208, 210)),
    "dusk": ((0.92, 0.94, 1.16), (1.3, 0.92, 0.6), (52, 64, 104), (206, 140, 104)),
    "rain": ((0.96, 0.99, 1.04), (1.0, 1.0, 1.0), (132, 138, 146), (172, 176, 180)),
}
"""Tints of ambient and direct light, colours of the sky above and at the horizon."""


def random_light(rng: np.random.Generator) -> Light:
    """One of the palettes, varied in strength, tint and the sun's place."""
    weather = str(rng.choice(list(_PALETTES), p=[0.42, 0.26, 0.18, 0.14]))
    ambient, direct, shadow, haze_m, noise = _PALETTES[weather]
    tints = [np.array(tint, np.float32) for tint in _TINTS[weather]]
    azimuth = float(rng.uniform(0, 2 * math.pi))
    elevation = math.radians(float(rng.uniform(10, 20) if weather == "dusk" else rng.uniform(28, 66)))
    sun = (math.cos(azimuth) * math.cos(elevation), math.sin(azimuth) * math.cos(elevation), math.sin(elevation))
    warm = rng.normal(0, 0.03)
    balance = np.array([1 + warm, 1, 1 - warm], np.float32)
    exposure = float(rng.uniform(0.82, 1.14))
    sky_low = np.clip(tints[3] + rng.normal(0, 10, 3), 0, 250).astype(np.float32)
    return Light(
        weather=weather,
        sun=np.array(sun, np.float32),
        ambient=tints[0] * balance * np.float32(ambient * exposure),
        direct=tints[1] * balance * np.float32(direct * exposure * rng.uniform(0.7, 1.1)),
        sky_top=np.clip(tints[2] + rng.normal(0, 12, 3), 0, 250).astype(np.float32),
        sky_low=sky_low,
        haze=(sky_low * 0.95).astype(np.float32),
        haze_m=haze_m * float(rng.uniform(0.7, 1.5)),
        shadow=shadow,
        lamps_on=weather == "dusk" or (weather == "rain" and bool(rng.random() < 0.6)),
        noise=noise * float(rng.uniform(0.6, 1.5)),
    )
