"""Runs that say nothing of a server are told from those that do, and devices are never busier than they can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jellyfish.config import DeviceConfig
from jellyfish.errors import InputError
from jellyfish.modes.edge_fleet import edge_terms
from jellyfish.modes.run import failure_of

DEVICE = DeviceConfig("device-0", Path("a.mp4"), 25.0, 0.1, "none", 0.0, 0)


def failure(*cameras: dict[str, Any], stopped: bool = False) -> str | None:
    made: dict[str, Any] = {f"camera-{number}": SimpleNamespace(**each) for number, each in enumerate(cameras)}
    return failure_of(made, stopped)


SERVED = {"let_in": True, "given_up": False, "refusal": None}
REFUSED = {"let_in": False, "given_up": True, "refusal": "not you"}
WAITING = {"let_in": False, "given_up": False, "refusal": "full"}


def test_a_run_of_which_the_server_wanted_nothing_has_failed() -> None:
    assert failure(SERVED, SERVED) is None
    assert failure(SERVED, REFUSED) == "camera-1: not you"
    assert failure(REFUSED, REFUSED, REFUSED) == "camera-0 and 2 more: not you"
    assert failure(SERVED, WAITING) is None  # it may have come in any moment
    assert failure(WAITING, stopped=True) is None
    assert failure(REFUSED, stopped=True) == "camera-0: not you"
    assert failure(WAITING, WAITING) == "the server took no camera in: full"
    assert failure(WAITING | {"refusal": None}) == "the server took no camera in: no connection was held"


def test_a_device_asks_for_nothing_that_every_server_refuses() -> None:
    assert edge_terms(DEVICE, 30.0).cloud_fps == 5.0
    assert edge_terms(replace(DEVICE, fps=None), 30.0).fps == 30.0
    assert edge_terms(replace(DEVICE, fps=0.1), 30.0).cloud_patience_s == 60.0
    with pytest.raises(InputError, match=r"one in 1000 of 0.1 frames a second is too seldom"):
        edge_terms(replace(DEVICE, fps=0.1, period=1000), 30.0)
