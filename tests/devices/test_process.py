"""What the system tells of a thread."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from jellyfish.devices.process import deaf_children, stands_apart, thread_times_s, worker_cores


def test_a_thread_is_told_how_long_it_ran_and_waited_for_a_processor(tmp_path: Path) -> None:
    told = tmp_path / "schedstat"
    told.write_text("465880688 2500000000 21\n")
    before_s = time.thread_time()
    ran_s, waited_s = thread_times_s(told)
    assert before_s <= ran_s <= time.thread_time()
    assert waited_s == 2.5


def test_where_the_system_does_not_tell_nobody_has_waited(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("?")
    assert thread_times_s(tmp_path / "none")[1] == thread_times_s(tmp_path / "other")[1] == 0.0


def test_workers_of_the_second_half_stand_apart_and_those_of_the_first_do_not() -> None:
    cores = (0, 1, 2, 3)
    apart = [stands_apart(cores, place) for place in worker_cores(cores, 4, 1)]
    assert apart == [True, True, False, False]
    assert not stands_apart((0,), frozenset({0}))
    assert not stands_apart(cores, frozenset({1, 2, 3}))


def test_a_child_is_deaf_to_ctrl_c_from_its_first_moment_on_and_its_parent_is_not() -> None:
    told = "import signal; print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())) == [signal.SIGINT])"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with deaf_children():
        child = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert child.stdout == "True\n"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
