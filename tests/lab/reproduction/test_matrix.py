"""The published matrix as scenarios."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jellyfish.errors import InputError
from jellyfish.lab.reproduction.matrix import SHIFT_S, Cell, Matrix, recorded_traces
from jellyfish.lab.reproduction.policies import NAMES, POLICIES
from jellyfish.lab.simulation.links import camera_links
from jellyfish.lab.simulation.model import load_model

TRACE = "time_s,mbps\n0,10\n1,20\n2,30\n"


def cell(policy: str, trace: str, clients: int = 3) -> Cell:
    return Cell(policy, clients, 100.0, 15.0, trace, 0)


def test_the_default_is_the_published_evaluation() -> None:
    matrix = Matrix()
    assert (matrix.clients, matrix.slos_ms, matrix.rates_fps) == ((1, 2, 4, 8), (75, 100, 150), (15, 25))
    assert matrix.traces == {"synthetic": "steps", "wifi": "wifi", "lte": "lte"}
    assert matrix.seconds == 7 * 20
    cells = matrix.cells()
    assert len(cells) == len(set(cells)) == 4 * 3 * 2 * 3 * len(NAMES)
    assert len({each.title for each in cells}) == len(cells)
    for each in cells[:: len(cells) // 20]:
        scenario = matrix.scenario(each)
        assert scenario.max_batch == 12 and len(scenario.devices) == 2
        assert len(scenario.client_names()) == each.clients
        assert (scenario.clients[0].fps, scenario.clients[0].slo_ms) == (each.fps, each.slo_ms)


def test_each_device_has_sixteen_variants_from_128_to_608_pixels() -> None:
    (name,) = {device.model for device in Matrix().scenario(cell("jellyfish", "wifi")).devices}
    model = load_model(name)
    assert [variant.resolution for variant in model.variants] == [*range(128, 609, 32)]
    assert model.profile.max_batch == 12
    assert list(model.f1) == sorted(model.f1) and model.f1[-1] == 1.0


@pytest.mark.parametrize("trace", ["synthetic", "wifi", "lte"])
def test_all_policies_see_the_same_links_and_another_seed_gives_others(trace: str) -> None:
    matrix = Matrix()
    links = [camera_links(matrix.scenario(cell(policy, trace))) for policy in NAMES]
    assert all(each == links[0] for each in links)
    other = camera_links(matrix.scenario(msgspec.structs.replace(cell("jellyfish", trace), seed=1)))
    assert all(other[name].seed != links[0][name].seed for name in other)


def test_a_policy_changes_what_it_says_and_nothing_else() -> None:
    matrix = Matrix()
    ours = matrix.scenario(cell("jellyfish", "lte"))
    for policy in POLICIES:
        changed = msgspec.structs.replace(ours, title="", **policy.changes)
        assert msgspec.structs.replace(matrix.scenario(cell(policy.name, "lte")), title="") == changed
        assert bool(policy.changes) == (changed != msgspec.structs.replace(ours, title=""))


def test_traces_of_a_folder_go_by_the_names_of_their_files(tmp_path: Path) -> None:
    for name in ("lte_upload_trace.csv", "wifi_trace.csv", "walk.csv", "notes.txt"):
        (tmp_path / name).write_text(TRACE)
    assert recorded_traces(tmp_path) == {
        "lte": str(tmp_path / "lte_upload_trace.csv"),
        "walk": str(tmp_path / "walk.csv"),
        "wifi": str(tmp_path / "wifi_trace.csv"),
    }


def test_two_files_that_would_have_the_same_name_are_refused(tmp_path: Path) -> None:
    for name in ("walk.csv", "walk_trace.csv"):
        (tmp_path / name).write_text(TRACE)
    with pytest.raises(InputError, match=r"walk\.csv.*walk_trace\.csv"):
        recorded_traces(tmp_path)


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_a_folder_without_traces_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "trace.txt").write_text(TRACE)
    with pytest.raises(InputError, match=r"no \.csv file in"):
        recorded_traces(tmp_path / folder)


def test_cameras_on_one_recorded_trace_find_it_apart_and_those_on_made_ones_do_not(tmp_path: Path) -> None:
    rows = "".join(f"{second},{1 + second}\n" for second in range(100))
    (tmp_path / "walk.csv").write_text("time_s,mbps\n" + rows)
    recorded = Matrix(traces=recorded_traces(tmp_path)).scenario(cell("jellyfish", "walk"))
    rates = [link.trace.rate_at(0.5) for link in camera_links(recorded).values() if link.trace is not None]
    assert rates == [(1 + SHIFT_S * number) * 1e6 for number in range(3)]
    for trace in Matrix().traces:
        scenario = Matrix().scenario(cell("jellyfish", trace))
        assert {group.trace_shift_s for group in scenario.clients} == {0.0}
