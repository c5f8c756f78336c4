"""A program on a leash ends with the one that has started it, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from jellyfish.program.child_environment import environment_of_child

CHILD = """
import os, time
from jellyfish.program.leash import tie
tie({parent})
print(os.getpid(), flush=True)
time.sleep(60)
"""
PARENT = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1].format(parent=os.getpid())])
time.sleep(60)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone ends a process with its parent")


def test_it_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, env=environment_of_child(os.environ)
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.send_signal(signal.SIGKILL)
        assert parent.stdout.read() == b"", "the pipe ends when both have"


def test_it_does_not_begin_where_its_parent_has_ended_before() -> None:
    script = CHILD.format(parent=os.getpid() + 1)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment_of_child(os.environ))
    assert (ended.returncode, ended.stdout) == (1, b"")


def test_it_runs_the_program_on_its_processors() -> None:
    words = [sys.executable, "-m", "jellyfish.program.leash", str(os.getpid()), "0", "--version"]
    ended = subprocess.run(words, capture_output=True, text=True, env=environment_of_child(os.environ))
    assert ended.returncode == 0 and ended.stdout.startswith("jellyfish"), ended.stderr
