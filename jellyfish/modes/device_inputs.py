"""What devices that answer their frames themselves are given: opened and looked at before anything slow begins."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

from jellyfish.camera.sources.file import VideoSource
from jellyfish.config import FUSED_MODELS, DeviceConfig, DevicesConfig
from jellyfish.core import Variant
from jellyfish.devices.naming import parse_variant
from jellyfish.link.synthetic import resolve_trace
from jellyfish.link.trace import BandwidthTrace
from jellyfish.models.model import Model
from jellyfish.models.opening import open_model


class DeviceInputs(NamedTuple):
    """What one device sees, over which link, and its small network."""

    source: VideoSource
    trace: BandwidthTrace | None
    variant: Variant


def small_model(fusion: str, weights: Path | None) -> Model:
    """What small networks are sizes of. InputError for weights that cannot be used."""
    return open_model(FUSED_MODELS[fusion], weights)


def opened_inputs(config: DevicesConfig, stack: contextlib.AsyncExitStack) -> dict[str, DeviceInputs]:
    """Of each device by its name; files are closed with the stack. InputError for what cannot be used."""
    known = small_model(config.fusion, config.weights).description.variants
    return {each.name: _opened(each, known, stack) for each in config.devices}


def _opened(config: DeviceConfig, known: tuple[Variant, ...], stack: contextlib.AsyncExitStack) -> DeviceInputs:
    variant = parse_variant(config.variant, known)
    return DeviceInputs(
        stack.enter_context(VideoSource(config.video)), resolve_trace(config.trace, config.seed), variant
    )
