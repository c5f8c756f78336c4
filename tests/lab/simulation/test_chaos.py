"""Random faults: whatever goes wrong, what must hold holds. `--fault-seeds N` runs more of them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from jellyfish.lab.simulation.chaos import chaos
from jellyfish.lab.simulation.simulate import chaos_breaches


def test_the_invariants_hold_after_the_faults_of(
    fault_seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # failing devices are part of it
    found = chaos_breaches(chaos(fault_seed), tmp_path / "run")
    assert not found, f"replay with `jellyfish simulate --chaos {fault_seed}`: {'; '.join(found)}"
