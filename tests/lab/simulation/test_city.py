"""A small city: two sites whose fronts share devices, and one of the sites fails."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.core import Outcome
from jellyfish.lab.simulation.city import CityFigures, site_tasks
from jellyfish.lab.simulation.scenario import Clients, Scenario, SiteDown, Sites, load_scenario
from jellyfish.lab.simulation.site import simulate_site
from jellyfish.results.records import FrameRecord

SCENARIO = """
title = "A small city"
duration_s = 4.0
seed = 2
search = "charged"
[[sites]]
name = "site"
count = 2
fronts = 2
devices = 2
[[clients]]
name = "camera"
count = 28
fps = 5.0
slo_ms = 250.0
trace = "40mbps"
spread_s = 0.5
[[clients]]
name = "rush"
count = 12
fps = 5.0
slo_ms = 250.0
trace = "40mbps"
join_s = 1.0
leave_s = 3.0
[[faults]]
kind = "site_down"
site = "site-1"
at_s = 2.0
further_ms = 10.0
"""
Frames = dict[str, list[FrameRecord]]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one run, by the command."""
    folder = tmp_path_factory.mktemp("city")
    (folder / "city.toml").write_text(SCENARIO)
    done = CliRunner().invoke(cli.app, ["simulate", str(folder / "city.toml"), "--results", str(folder / "run")])
    assert done.exit_code == 0, done.output
    assert "40 cameras, 4 devices, 4 fronts: 4 s took" in done.output
    return folder


def frames(folder: Path) -> Frames:
    found: Frames = defaultdict(list)
    for path in sorted(folder.glob("front-*/frames.jsonl")):
        for record in msgspec.json.Decoder(FrameRecord).decode_lines(path.read_bytes()):
            found[record.client].append(record)
    return found


def figures(city: Path) -> CityFigures:
    return msgspec.json.decode((city / "run" / "city.json").read_bytes(), type=CityFigures)


def test_every_frame_of_every_camera_is_accounted_for_once(city: Path) -> None:
    here, gone, whole = frames(city / "run" / "site-0"), frames(city / "run" / "site-1"), figures(city)
    assert whole.offered == sum(map(len, (*here.values(), *gone.values())))
    assert whole.on_time + sum(whole.missed_by_reason.values()) == whole.offered
    assert here.keys() | gone.keys() == set(load_scenario(city / "city.toml").client_names())
    for client in here.keys() | gone.keys():
        captured_s = [record.captured_s for record in (*gone.get(client, []), *here.get(client, []))]
        assert all(0 < later - earlier < 2 / 5.0 for earlier, later in pairwise(captured_s))
        assert captured_s[-1] > (2.7 if client.startswith("rush") else 3.7)


def test_a_failed_sites_cameras_are_served_elsewhere_soon(city: Path) -> None:
    here, gone, whole = frames(city / "run" / "site-0"), frames(city / "run" / "site-1"), figures(city)
    assert len(gone) == whole.front_moves == whole.back == 20
    assert max(record.captured_s for records in gone.values() for record in records) < 2.0
    assert 0.1 < (whole.back_median_s or 0.0) <= (whole.back_longest_s or 0.0) < 1.0
    for client in gone:
        later = [record for record in here[client] if record.captured_s > 3.0 or client.startswith("rush")]
        assert any(record.outcome is Outcome.ON_TIME for record in later)
        assert here[client][0].captured_s >= 2.0
    stayed = [record for client in here.keys() - gone.keys() for record in here[client]]
    assert sum(record.outcome is not Outcome.ON_TIME for record in stayed) <= 0.03 * len(stayed)


def test_a_site_that_is_simulated_again_gives_the_same_frames_byte_for_byte(city: Path, tmp_path: Path) -> None:
    scenario = load_scenario(city / "city.toml")
    again, _ = simulate_site(scenario, site_tasks(scenario)[0], tmp_path)
    assert again == figures(city).sites[0]
    for front in ("front-0", "front-1"):
        file = f"{front}/frames.jsonl"
        assert (tmp_path / file).read_bytes() == (city / "run" / "site-0" / file).read_bytes()


def test_cameras_are_shared_out_evenly_and_a_failed_sites_among_the_others_fronts() -> None:
    clients = (Clients("early", 40, leave_s=1.0), Clients("all", 400), Clients("late", 40, join_s=9.0))
    scenario = Scenario(
        "Many", 20.0, clients=clients, sites=(Sites("site", 4, 2, 3),), faults=(SiteDown(5.0, "site-2", 20.0),)
    )
    tasks = {task.name: task for task in site_tasks(scenario)}
    own = {
        name: [sum(camera.had_until_s is None for camera in front) for front in task.fronts]
        for name, task in tasks.items()
    }
    assert own == {"site-0": [60, 60], "site-1": [60, 60], "site-2": [55, 55], "site-3": [60, 60]}
    assert {camera.leave_s for front in tasks["site-2"].fronts for camera in front} == {1.0, 5.0}
    moved = [
        [camera for camera in front if camera.had_until_s is not None]
        for name in ("site-0", "site-1", "site-3")
        for front in tasks[name].fronts
    ]
    assert sum(map(len, moved)) == 110
    assert max(map(len, moved)) - min(map(len, moved)) <= 1
    assert {(each.join_s, each.further_s) for front in moved for each in front} == {(5.0, 0.02), (9.0, 0.02)}
    assert tasks["site-2"].fails_s == 5.0 and tasks["site-0"].fails_s is None
