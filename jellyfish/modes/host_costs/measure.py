"""All costs of the host, one after the other: codecs and event loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jellyfish.core import RESOLUTIONS, fitted_size
from jellyfish.devices.profile.host import HostCosts
from jellyfish.devices.profile.measure import Detect
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.media.resize import fit
from jellyfish.modes.host_costs.codecs import CAMERA_SIZE, capture_s, codec_s, street_like
from jellyfish.modes.host_costs.standing import standing_share
from jellyfish.modes.host_costs.streaming import loops_s

Report = Callable[[str, int, int], None]
"""Told what is being done, and how far it is: (words, steps done, steps in all)."""


def measure_host(profile: LatencyProfile, detect: Detect, report: Report) -> HostCosts:
    """Seconds of one core that a frame takes beside the device of `profile`.

    `detect`: runs a batch on that device.
    """
    words, steps = "measuring the host", 3
    picture = street_like()
    report(words, 0, steps)
    decode, encode = codec_s(picture)
    capture = capture_s(picture)
    report(words, 1, steps)
    server, camera = loops_s(profile, picture)
    report(words, 2, steps)
    middle = sorted(profile.variants)[len(profile.variants) // 2]
    frame = fit(picture, *fitted_size(*CAMERA_SIZE, middle.resolution))
    standing = standing_share(partial(detect, middle, [frame])) if profile.device == "cpu" else 0.0
    report(words, 3, steps)
    return HostCosts(RESOLUTIONS, decode, encode, capture, server, camera, standing)
