"""What `jellyfish doctor` makes of what it reads."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.modes.doctor import doctor, host, software
from jellyfish.modes.doctor.finding import Finding, Fitness, prevents

GOOD, ADVICE, PREVENTS = Fitness
MEMORY = "MemTotal: 8000000 kB\nMemAvailable: {} kB\n"


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        (host.processors(4, 4, "EPYC"), GOOD, "EPYC"),
        (host.processors(2, 8, "EPYC"), ADVICE, "2 of 8 may be used"),
        (host.processors(1, 1, "EPYC"), ADVICE, "two or more"),
        (host.load(0.1, 4), GOOD, "0.1"),
        (host.load(3.0, 4), ADVICE, "end what else runs"),
        (host.governor("powersave"), ADVICE, "performance"),
        (host.governor(None), GOOD, "not told"),
        (host.memory(MEMORY.format(4_000_000), float("inf")), GOOD, "4.1 GB"),
        (host.memory(MEMORY.format(4_000_000), 1e9), ADVICE, "by the container's limit"),
        (host.memory(MEMORY.format(400_000), float("inf")), PREVENTS, "make room"),
        (host.memory(None, 1e9), GOOD, "not told"),
        (host.open_files(65_536, 65_536), GOOD, "65536"),
        (host.open_files(resource.RLIM_INFINITY, resource.RLIM_INFINITY), GOOD, "any number"),
        (host.open_files(512, 4096), ADVICE, "ulimit -n 4096"),
        (host.open_files(64, 1024), PREVENTS, "ulimit -n 1024"),
        (host.disk("temporary files", Path("/"), 1.0), GOOD, "free"),
        (host.disk("temporary files", Path("/"), 1e30), ADVICE, "make room there"),
        (host.disk("shared memory", Path("/nowhere"), 1.0), ADVICE, "No such file"),
        (host.clock(0), GOOD, "synchronised"),
        (host.clock(host.NOT_SYNCHRONISED), ADVICE, "chrony"),
        (host.clock(None), GOOD, "not told"),
        (host.clock_source("tsc"), GOOD, "tsc"),
        (host.clock_source("hpet"), ADVICE, "clocksource=tsc"),
        (software.python((3, 11)), GOOD, "3.11"),
        (software.python((3, 10)), PREVENTS, "install 3.11"),
        (software.to_serve([]), GOOD, "all"),
        (software.to_serve(["torch"]), PREVENTS, "missing: torch"),
        (software.uvloop(False), ADVICE, "pip install uvloop"),
        (software.gpus(["H200"], True, True), GOOD, "cuda:0: H200"),
        (software.gpus([], False, True), ADVICE, "without CUDA"),
        (software.gpus([], True, True), ADVICE, "nvidia-smi"),
        (software.gpus([], False, False), GOOD, "networks run on cpu"),
        (software.providers(["CPUExecutionProvider"]), GOOD, "CPU"),
        (software.codecs(["h264", "hevc", "mjpeg", "vp9", "av1"]), GOOD, "reads h264"),
        (software.codecs(["mjpeg"]), ADVICE, "not h264, hevc, vp9, av1"),
    ],
)
def test_a_reading_becomes_a_finding(found: Finding, verdict: Fitness, words: str) -> None:
    assert found.verdict is verdict
    assert words in f"{found.found} {found.change}"
    assert bool(found.change) is (verdict is not GOOD), "what is not good says what to change"


def test_a_machine_is_read_by_its_files(tmp_path: Path) -> None:
    for name, text in (
        ("proc/meminfo", MEMORY.format(9_000_000)),
        ("sys/fs/cgroup/memory.max", "2000000000\n"),
        ("sys/fs/cgroup/memory.current", "1700000000\n"),
        ("sys/fs/cgroup/cpu.max", "100000 100000\n"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = {each.about: each for each in host.findings(tmp_path)}
    assert found["memory"].verdict is PREVENTS and "0.3 GB" in found["memory"].found
    assert "1 of" in found["processors"].found or "1 cores" in found["processors"].found
    assert found["clock source"].verdict is ADVICE
    assert found["shared memory"].verdict is ADVICE  # there is none


def test_a_folder_that_takes_no_profile_prevents_serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jellyfish").write_text("a file where the folder would be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = host.kept_profiles()
    assert found.verdict is PREVENTS and "XDG_CACHE_HOME" in found.change


def test_the_command_says_so_by_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "findings", lambda: iter([Finding("python", "3.11")]))
    fine = CliRunner().invoke(cli.app, ["doctor", "--json"])
    told = json.loads(fine.output)
    assert (fine.exit_code, told["can_serve"]) == (0, True)
    assert {"about", "found", "verdict", "change"} == told["findings"][0].keys()
    monkeypatch.setattr(doctor.host, "findings", lambda: iter([prevents("memory", "none", "buy some")]))
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert done.exit_code == 1 and "buy some" in done.output and "No server can be started here" in done.output
