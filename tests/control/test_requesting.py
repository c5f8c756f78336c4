"""What requests may have of the devices: a share beside cameras, what cameras cannot use, and fair parts of that."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.control.problem import ClientDemand, DeviceOption
from jellyfish.control.requesting import FULL, ROOM, Granted, Requesting, divided, granted

DEVICE = DeviceOption("one", ((0.01, 0.02), (0.05, 0.10)))
"""Two variants, of 100 and 20 images a second; batches gain nothing."""
ACCURACY = (0.3, 0.6)
SHARE = 0.3


def camera(fps: float, budget_s: float = 1.0) -> ClientDemand:
    return ClientDemand("camera", fps, (budget_s, budget_s))


def asked(*fps: float, cameras: float = 0.0, share: float = SHARE, devices: int = 1) -> list[Granted]:
    wanted = [Requesting(f"requests {number}", each, 0.5) for number, each in enumerate(fps)]
    options = [DeviceOption(str(number), DEVICE.latency_s) for number in range(devices)]
    return granted(wanted, [camera(cameras)] if cameras else [], options, ACCURACY, share)


def allowed(grant: Granted) -> list[bool]:
    """Per variant, whether it may be planned."""
    return [budget > 0 for budget in grant.demands[0].budget_s]


def test_without_cameras_all_is_theirs_and_one_alone_is_not_held_back() -> None:
    (grant,) = asked(10.0)
    assert grant.demands[0].fps == ROOM * 10.0
    assert allowed(grant) == [True, True]
    assert grant.most_fps == (math.inf, math.inf)


def test_what_is_too_much_for_the_better_variant_gets_the_quicker_one() -> None:
    (grant,) = asked(40.0)
    assert allowed(grant) == [True, False]
    (much,) = asked(400.0)
    assert much.demands[0].fps == pytest.approx(FULL * 100.0)
    assert allowed(much) == [True, False]


def test_beside_cameras_they_have_their_share() -> None:
    (grant,) = asked(400.0, cameras=100.0)
    assert grant.demands[0].fps == pytest.approx(SHARE * 100.0)
    assert grant.most_fps == pytest.approx((SHARE * 100.0, SHARE * 20.0))
    (little,) = asked(4.0, cameras=100.0)
    assert allowed(little) == [True, True]
    assert little.most_fps == pytest.approx((SHARE * 100.0, SHARE * 20.0))


def test_what_cameras_could_not_use_is_theirs() -> None:
    (grant,) = asked(400.0, cameras=2.0)  # a tenth of the device, with the best variant
    assert grant.demands[0].fps == pytest.approx((FULL - 0.1) * 100.0)


def test_a_share_of_nothing_is_nothing() -> None:
    (grant,) = asked(10.0, cameras=100.0, share=0.0)
    assert grant.demands == ()
    assert grant.most_fps == (0.0, 0.0)


def test_who_asks_for_little_gets_it_whoever_asks_for_much() -> None:
    little, much = asked(2.0, 1000.0, cameras=100.0)
    assert little.demands[0].fps == ROOM * 2.0
    assert much.demands[0].fps == pytest.approx(SHARE * 100.0 - ROOM * 2.0)
    assert much.most_fps[0] == pytest.approx(SHARE * 100.0 - ROOM * 2.0)


def test_a_variant_asked_for_by_name_is_the_only_one() -> None:
    wanted = [Requesting("requests", 1.0, 0.5, variant=0)]
    (grant,) = granted(wanted, [], [DEVICE], ACCURACY, SHARE)
    assert allowed(grant) == [True, False]


def test_what_no_device_can_do_in_time_is_not_planned() -> None:
    (grant,) = granted([Requesting("requests", 1.0, 0.005)], [], [DEVICE], ACCURACY, SHARE)
    assert grant.demands == ()


def test_on_several_devices_none_gives_more_than_the_share() -> None:
    (grant,) = asked(400.0, cameras=1000.0, devices=4)
    assert len(grant.demands) == 4
    assert len({demand.client for demand in grant.demands}) == 4
    assert [demand.fps for demand in grant.demands] == pytest.approx([SHARE * 100.0] * 4)
    (little,) = asked(1.0, cameras=1000.0, devices=4)
    assert len(little.demands) == 1


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6), st.floats(0, 5))
def test_parts_are_fair(wanted: list[float], whole: float) -> None:
    parts = divided(wanted, whole)
    assert sum(parts) <= whole + 1e-9
    assert all(part <= most + 1e-12 for part, most in zip(parts, wanted, strict=True))
    least = min((part for part, most in zip(parts, wanted, strict=True) if part < most - 1e-9), default=math.inf)
    assert all(part <= least + 1e-9 for part in parts)
