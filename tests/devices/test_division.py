"""How a processor is divided: by what was measured, within what may be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from jellyfish.devices.division import Division, best_division, choose_division, divisions
from jellyfish.devices.process import sharing_workers, usable_cores, worker_cores


@pytest.mark.parametrize(
    ("cores", "ways"),
    [
        (1, [(1, 1)]),
        (2, [(2, 1), (1, 2)]),
        (4, [(4, 1), (2, 2), (1, 4)]),
        (6, [(6, 1), (3, 2), (1, 4), (1, 6)]),
        (16, [(16, 1), (8, 2), (4, 4), (2, 8), (1, 16)]),
        (64, [(64, 1), (32, 2), (16, 4), (8, 8), (4, 16), (2, 32), (1, 64)]),
    ],
)
def test_all_cores_are_used_in_each_way(cores: int, ways: list[tuple[int, int]]) -> None:
    assert divisions(cores) == [Division(*way) for way in ways]


@pytest.mark.parametrize(("threads", "way"), [(1, (4, 1)), (2, (2, 2)), (3, (1, 3)), (9, (1, 9))])
def test_threads_that_the_user_names_are_kept(threads: int, way: tuple[int, int]) -> None:
    chosen, words = choose_division(divisions(4, threads), lambda division: pytest.fail("there is nothing to measure"))
    assert chosen == Division(*way)
    assert words.startswith(f"{way[0]} worker")


def test_the_quickest_is_taken_or_one_nearly_as_quick_that_answers_sooner() -> None:
    assert best_division({Division(4, 1): 100.0, Division(2, 2): 94.0, Division(1, 4): 60.0}) == Division(4, 1)
    assert best_division({Division(4, 1): 100.0, Division(2, 2): 96.0, Division(1, 4): 60.0}) == Division(2, 2)
    chosen, words = choose_division(divisions(2), lambda division: 40.0 * division.workers)
    assert (chosen, words) == (Division(2, 1), "2 workers of 1 thread (80 frames/s; 1 worker of 2 threads: 40)")


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({"cpu.max": "150000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_a_container_s_share_counts_as_whole_cores(files: dict[str, str], most: int | None, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    unlimited = usable_cores(tmp_path / "none")
    assert usable_cores(tmp_path) == unlimited[:most]


@pytest.mark.parametrize(
    ("cores", "division", "places", "sharing"),
    [
        (1, (1, 1), [{0}], 0),
        (2, (2, 1), [{1}, {0}], 1),
        (2, (1, 2), [{0, 1}], 0),
        (4, (4, 1), [{3}, {2}, {1}, {0}], 2),
        (4, (2, 2), [{2, 3}, {0, 1}], 1),
        (16, (4, 4), [{12, 13, 14, 15}, {8, 9, 10, 11}, {4, 5, 6, 7}, {0, 1, 2, 3}], 2),
    ],
)
def test_workers_have_processors_of_their_own_and_half_of_them_share_theirs_with_nobody(
    cores: int, division: tuple[int, int], places: list[set[int]], sharing: int
) -> None:
    assert worker_cores(range(cores), *division) == places
    assert sharing_workers(cores, *division) == sharing
    workers, _ = division
    shared = set(range(cores // 2))
    assert sum(bool(set(place) & shared) for place in places) == sharing or workers == 1
