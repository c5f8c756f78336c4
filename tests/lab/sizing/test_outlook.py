"""Plans for a number of devices, and what no number of them can do."""

from __future__ import annotations

import pytest

from jellyfish.devices.profile.host import HostCosts
from jellyfish.lab.simulation.model import load_model
from jellyfish.lab.simulation.scenario import Host, Scenario, SimulatedDevice
from jellyfish.lab.sizing.cameras import alike_but_for
from jellyfish.lab.sizing.demands import SETTLED_S, CameraLook, Device, looks_at, moments_of
from jellyfish.lab.sizing.kind import quicker
from jellyfish.lab.sizing.outlook import (
    Outlook,
    Possible,
    binding,
    front_of,
    outlook,
    possible,
    problem_of_look,
    why_not,
)

KIND = load_model("gpu")
MAX_BATCH = 8


def looks(count: int, trace: str, slo_ms: float = 100.0, delay_ms: float = 5.0) -> list[list[CameraLook]]:
    ladder = KIND.description.ladder
    least_s = {variant.resolution: 2 * KIND.profile.of(variant).p50_s[0] for variant in KIND.variants}
    groups = alike_but_for(count, [10.0], [slo_ms], [trace], delay_ms)
    scenario = Scenario(
        title="", duration_s=1.0, devices=(SimulatedDevice("device"),), clients=groups, host=Host(2.0, 1.0)
    )
    return looks_at(scenario, Device(KIND.variants, least_s, ladder), lambda done, total: None)


def test_a_known_link_leaves_the_budget_that_arithmetic_says() -> None:
    (look, *_), *_ = looks(1, "10mbps")
    assert look.estimator.bandwidth_bps(look.now) == pytest.approx(10e6, rel=0.02)
    demand = look.demand(KIND.variants, care=0.0)
    bits = look.estimator.sizes.bits(256)
    index = next(number for number, variant in enumerate(KIND.variants) if variant.resolution == 256)
    # deadline - both ways - camera, decoder and margin - frame and answer on the link
    expected_s = 0.1 - 0.01 - 0.007 - (bits + 8000) / 10e6
    assert demand.budget_s[index] == pytest.approx(expected_s, abs=0.001)


def test_the_same_cameras_are_seen_the_same_and_more_care_leaves_less() -> None:
    (first, *_), *_ = looks(2, "lte")
    (again, *_), *_ = looks(2, "lte")
    assert first.demand(KIND.variants, 1.0) == again.demand(KIND.variants, 1.0)
    pairs = zip(first.demand(KIND.variants, 2.0).budget_s, first.demand(KIND.variants, 1.0).budget_s, strict=True)
    assert all(more <= less for more, less in pairs)


def test_few_cameras_are_looked_at_more_often() -> None:
    assert len(moments_of(1)) > len(moments_of(40)) >= len(moments_of(1000)) == 1
    assert moments_of(1)[0] == SETTLED_S


def planned(
    count: int, devices: int, trace: str = "20mbps", slo_ms: float = 100.0, delay_ms: float = 5.0
) -> tuple[Outlook, Possible]:
    known, cares = looks(count, trace, slo_ms, delay_ms)[:2], {"camera": 1.0}
    near = {"camera": looks(1, "none", slo_ms, 0.0)[0][0].demand(KIND.variants, 1.0)}
    alone = possible([problem_of_look(KIND, each, 1, MAX_BATCH, cares) for each in known], known, near)
    problems = [problem_of_look(KIND, each, devices, MAX_BATCH, cares) for each in known]
    return outlook(problems, alone, "shared", 0), alone


def test_more_devices_serve_more_cameras_better_up_to_what_links_allow() -> None:
    one, alone = planned(24, 1)
    two, _ = planned(24, 2)
    many, _ = planned(24, 24)
    assert one.accuracy < two.accuracy < many.accuracy <= alone.accuracy + 1e-9
    assert one.binds == "devices" and many.all_served
    assert 0.5 < one.busy <= 1.0 and many.busy < one.busy


def test_too_many_cameras_have_no_place_on_one_device() -> None:
    one, alone = planned(150, 1)
    assert one.served < alone.servable == 150 and not one.all_served and one.binds == "devices"


def test_a_slow_link_binds_and_a_deadline_that_no_link_helps_does() -> None:
    slow, alone = planned(2, 2, "3mbps")
    assert slow.binds == "links" and alone.accuracy < alone.near
    short, alone = planned(2, 2, "none", 25.0, 0.0)
    assert short.binds == "deadline" and alone.near < alone.best
    free, _ = planned(2, 2, "none", 400.0)
    assert free.binds == "nothing" and free.accuracy == pytest.approx(1.0)


def test_what_binds_is_devices_first() -> None:
    alone = Possible(servable=10, accuracy=0.8, near=0.9, best=1.0)
    assert binding(9, 0.8, alone) == "devices"
    assert binding(10, 0.7, alone) == "devices"
    assert binding(10, 0.8, alone) == "links"


@pytest.mark.parametrize(
    ("trace", "slo_ms", "delay_ms", "told"),
    [
        ("300kbps", 100.0, 5.0, "the deadline is 100 ms"),
        ("20mbps", 100.0, 60.0, "network and overheads alone take"),
        ("250kbps", 5000.0, 5.0, "does not carry so many frames"),
        ("none", 20.0, 5.0, "are left for the device, whose quickest variant takes 3 ms"),
    ],
)
def test_why_nobody_can_be_served_is_said(trace: str, slo_ms: float, delay_ms: float, told: str) -> None:
    known = looks(2, trace, slo_ms, delay_ms)
    (reason,) = why_not(KIND, known, [problem_of_look(KIND, each, 1, MAX_BATCH, {"camera": 1.0}) for each in known])
    assert reason.startswith("camera: ") and told in reason


def test_a_device_twice_as_fast_takes_half_the_time() -> None:
    for entry, other in zip(KIND.profile.latencies, quicker(KIND.profile, 2.0).latencies, strict=True):
        assert other.p50_s == tuple(seconds / 2 for seconds in entry.p50_s)
        assert other.p99_s == tuple(seconds / 2 for seconds in entry.p99_s)


def test_fronts_are_as_many_as_event_loops_carry_the_frames() -> None:
    costs = HostCosts((128, 256), (0.001, 0.002), (0.0, 0.0), (0.0, 0.0), 0.0, 0.0003, 0.0)
    front = front_of(costs, 3100.0, 192)
    assert front is not None
    assert front.most_fps == pytest.approx(3000.0)
    assert front.fronts == 2 and front.decoding_cores == pytest.approx(4.65)
    assert front_of(None, 3100.0, 192) is None
