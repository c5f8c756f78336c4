"""Cores that jobs share: each gets what a fair scheduler would give it."""

from __future__ import annotations

import random

import pytest

from jellyfish.lab.simulation.cores import Cores, Job, Pool


def ends(cores: Cores, jobs: dict[str, Job]) -> dict[str, float]:
    """When each job is done, of those that begin now."""
    found: dict[str, float] = {}
    for name, job in jobs.items():
        job.finished = lambda name=name: found.__setitem__(name, cores.now)
        cores.begin(job)
    cores.settle(1e6)
    return found


def job(seconds: float, weight: float = 1.0, most: float = 1.0) -> Job:
    return Job(seconds, lambda: None, weight, most)


def test_a_job_alone_takes_its_time_and_no_more_of_many_cores_than_its_threads() -> None:
    assert ends(Cores(4), {"one": job(2.0)}) == {"one": 2.0}
    assert ends(Cores(4), {"two threads": job(2.0, most=2.0)}) == {"two threads": 1.0}


def test_as_many_jobs_as_cores_do_not_notice_each_other_and_more_share_them() -> None:
    assert ends(Cores(2), {"a": job(1.0), "b": job(1.0)}) == {"a": 1.0, "b": 1.0}
    assert ends(Cores(2), {"a": job(1.0), "b": job(1.0), "c": job(1.0)}) == pytest.approx(
        {"a": 1.5, "b": 1.5, "c": 1.5}
    )


def test_who_is_done_leaves_its_share_to_the_others() -> None:
    assert ends(Cores(1), {"short": job(1.0), "long": job(3.0)}) == pytest.approx({"short": 2.0, "long": 4.0})


def test_shares_are_as_the_weights_but_no_thread_has_more_than_a_core() -> None:
    low = ends(Cores(1), {"usual": job(1.0), "low": job(1.0, weight=1 / 3)})
    assert low == pytest.approx({"usual": 4 / 3, "low": 2.0})
    capped = ends(Cores(2), {"heavy": job(1.0, weight=100.0), "a": job(1.0), "b": job(1.0)})
    assert capped["heavy"] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(20))
def test_no_work_is_lost_or_made_and_no_core_idles_while_somebody_wants_it(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.randint(1, 4)
    cores, work_s = Cores(count), [chance.uniform(0.01, 1.0) for _ in range(12)]
    found = ends(cores, {str(n): job(seconds, chance.uniform(0.1, 3.0)) for n, seconds in enumerate(work_s)})
    assert sum(work_s) / count <= max(found.values()) + 1e-9 <= sum(work_s) / count + max(work_s) + 1e-9


def test_a_pool_runs_as_many_as_it_has_workers_and_the_others_in_order() -> None:
    cores, done = Cores(8), []
    pool = Pool(cores.begin, 2)
    for name in "abcd":
        pool.begin(Job(1.0, lambda name=name: done.append((name, cores.now))))
    cores.settle(10.0)
    assert done == [("a", 1.0), ("b", 1.0), ("c", 2.0), ("d", 2.0)]


def test_time_far_from_the_start_does_not_stop_it() -> None:
    cores = Cores(1)
    cores.settle(1e9)
    cores.begin(job(1e-9))
    cores.begin(job(0.1))
    cores.settle(1e9 + 1)
    assert cores.next_end_s == float("inf")
