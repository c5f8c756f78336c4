"""All costs of the host, one after the other: codecs, workers and event loop."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from jellyfish.devices.process import first_half_kept, usable_cores
from jellyfish.devices.profile.host import HostCosts
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.models.model import Description
from jellyfish.modes.host_costs.codecs import capture, codecs, moving_clip, rested, street_like
from jellyfish.modes.host_costs.handing import handing_s
from jellyfish.modes.host_costs.streaming import CAMERA_FPS, loops_took

Report = Callable[[str, int, int], None]
"""Told what is being done, and how far it is: (words, steps done, steps in all)."""


def measure_host(profile: LatencyProfile, model: Description, report: Report) -> HostCosts:
    """Seconds of one core that a frame takes beside the device of `profile`, measured where it is done in service."""
    words, steps = "measuring the host", 3
    picture = street_like()
    kept = first_half_kept(usable_cores()) if profile.device == "cpu" else contextlib.nullcontext()
    with kept, tempfile.TemporaryDirectory() as folder:
        report(words, 0, steps)
        decode, encode = codecs(picture, model.ladder.values())
        clip = Path(folder) / "moving.mp4"
        moving_clip(picture, clip)
        shown = capture(clip, CAMERA_FPS)
        report(words, 1, steps)
        moves = profile.device == "cpu" and model.movable
        hand = handing_s(model) if moves else (0.0,) * len(model.ladder)
        report(words, 2, steps)
        server, camera = loops_took(profile, model, picture)
        report(words, 3, steps)
    return HostCosts(
        tuple(model.ladder),
        tuple(each.usual_s for each in decode),
        tuple(each.usual_s for each in encode),
        hand,
        shown.usual_s,
        server.usual_s,
        camera.usual_s,
        codec_rested=rested([*decode, *encode, shown]),
        loop_rested=rested([server, camera]),
    )
