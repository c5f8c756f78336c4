"""A profile that the user names, and whether it may stand for the device that it is given for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from jellyfish.config import ServerConfig
from jellyfish.core import Variant
from jellyfish.devices.profile.store import find_profile, load_profile
from jellyfish.devices.profile.table import LatencyProfile, Subject
from jellyfish.errors import InputError
from jellyfish.models.model import Description

logger = logging.getLogger(__name__)


def check_profile(config: ServerConfig, model: Description) -> None:
    """InputError for a profile file that is not of the one device and the model that it is given for."""
    if config.profile is None:
        return
    if len(config.devices) != 1:
        raise InputError("a profile file is for one device: give one --device, or no --profile")
    profile, (device,) = load_profile(config.profile), config.devices
    if profile.device != device:
        raise InputError(f"{config.profile} is the profile of {profile.device}, not of {device}")
    if profile.weights != model.identity:
        raise InputError(
            f"{config.profile} was measured with other weights than those of {model.name} that are to be served; "
            "measure these: `jellyfish profile`"
        )
    require_variants(model.variants, profile)


def chosen_profile(path: Path | None, subject: Subject, max_batch: int) -> LatencyProfile | None:
    """The profile in the file that the user names, after `check_profile`; else the saved one, or None.

    A file of other hardware or software may be meant, and is said.
    """
    if path is None:
        return find_profile(subject, max_batch=max_batch)
    profile = load_profile(path)
    theirs, ours = (", ".join(filter(None, (one.hardware, one.software))) for one in (profile, subject))
    if theirs != ours:
        logger.warning("%s was measured on %s; this is %s: what it says may be wrong here", path, theirs, ours)
    return profile


def require_variants(variants: Sequence[Variant], profile: LatencyProfile) -> None:
    """InputError for a profile without one of them."""
    missing = set(variants) - set(profile.variants)
    if missing:
        raise InputError(
            f"the profile of {profile.device} lacks the variant {min(missing).name}; run `jellyfish profile`"
        )
