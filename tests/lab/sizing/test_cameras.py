from __future__ import annotations

from pathlib import Path

import pytest

from jellyfish.errors import InputError
from jellyfish.lab.sizing.cameras import alike_but_for, count_of, fps_of, load_cameras, part_of
from jellyfish.lab.sizing.trial import MOST_SIMULATED, counted_s, part_to_simulate

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "cameras.toml"


def test_the_documented_example_is_two_groups() -> None:
    groups = load_cameras(EXAMPLE)
    assert (count_of(groups), fps_of(groups)) == (200, 2750.0)


def test_cameras_take_turns_as_those_of_bench_do() -> None:
    groups = alike_but_for(5, [15.0, 25.0], [100.0], ["wifi"], 5.0)
    assert [(group.count, group.fps, group.trace) for group in groups] == [(3, 15.0, "wifi"), (2, 25.0, "wifi")]
    assert len({group.name for group in groups}) == 2


@pytest.mark.parametrize("share", [1, 0.5, 1 / 3, 0.01])
def test_a_part_has_its_share_of_each_group_and_somebody_of_each(share: float) -> None:
    groups = load_cameras(EXAMPLE)
    part = part_of(groups, share)
    assert all(0 <= some.count - share * whole.count < 1 for some, whole in zip(part, groups, strict=True))


def test_of_many_cameras_as_many_are_simulated_as_their_devices_have() -> None:
    groups = load_cameras(EXAMPLE)
    assert part_to_simulate(groups, 1).groups == groups
    part = part_to_simulate(groups, 20)
    assert part.devices == 3 and [group.count for group in part.groups] == [23, 8]
    assert count_of(part.groups) <= MOST_SIMULATED + len(groups)
    few = alike_but_for(MOST_SIMULATED, [10.0], [100.0], ["wifi"], 5.0)
    assert part_to_simulate(few, 7).groups == few


def test_a_harder_target_is_looked_at_for_longer() -> None:
    assert counted_s(100, 99) < counted_s(100, 99.9) < counted_s(10, 99.9)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "clients"),
        ("clients = []", "length"),
        ('[[clients]]\nname = "a"\nfps = 0', "fps"),
        ('[[clients]]\nname = "a"\nrate = 3', "rate"),
        ('[[clients]]\nname = "a"\n[[clients]]\nname = "a"', "two groups"),
        ('[[clients]]\nname = "a"\njoin_s = 3', "join_s"),
        ("[[", "holds no cameras"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "cameras.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        load_cameras(path)
