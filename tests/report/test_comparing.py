"""Estimates with their intervals, and differences in words."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from jellyfish.report.compare import (
    changes,
    difference_rows,
    grouped,
    missed_shares,
    not_comparable,
    shown,
    told_f1,
)
from jellyfish.report.comparing import comparing
from jellyfish.report.detail import by_attainment
from jellyfish.report.estimates import METRICS, Estimate, RunGroup, differences, estimates, figures, metrics_of
from jellyfish.report.reading import Run, read_run
from jellyfish.report.series import TimeSeries, joined
from jellyfish.report.style import shades, widened
from jellyfish.results.records import FrameRecord
from tests.report.runs import frame, frames, write_run


def run_of(
    folder: Path, records: Sequence[FrameRecord] | None = None, *, seed: int = 0, name: str = "run", **config: object
) -> Run:
    write_run(folder / name, records, seed=seed, **config)
    return read_run(folder / name, name)


def test_runs_that_differ_by_their_seed_alone_are_one_group(tmp_path: Path) -> None:
    runs = [run_of(tmp_path, seed=seed, name=f"wifi-{seed}") for seed in range(3)]
    other = run_of(tmp_path, seed=3, name="other", window_ms=900)
    again = run_of(tmp_path, seed=0, name="again")
    groups = grouped([*runs, other, again])
    assert [group.label for group in groups] == ["wifi (3 seeds)", "other", "again"]
    assert groups[0].by_seed
    assert not groups[1].by_seed


def test_the_interval_over_seeds_is_students(tmp_path: Path) -> None:
    runs = tuple(run_of(tmp_path, seed=seed, name=f"run-{seed}") for seed in range(4))
    rates = np.array([figures([run])["miss_rate"] for run in runs])
    found = estimates(RunGroup("runs", runs))["miss_rate"]
    margin = 3.182 * rates.std(ddof=1) / 2
    assert found.value == pytest.approx(rates.mean())
    assert found.interval == pytest.approx((rates.mean() - margin, rates.mean() + margin), rel=1e-3)


def test_the_bootstrap_interval_holds_the_value_and_shrinks_with_more_frames(tmp_path: Path) -> None:
    short = run_of(tmp_path, frames(30), name="short")
    long = run_of(tmp_path, frames(300), name="long")
    widths = []
    for run in (short, long):
        found = estimates(RunGroup("run", (run,)))["miss_rate"]
        assert found.interval is not None
        assert found.interval[0] < found.value < found.interval[1]
        widths.append(found.interval[1] - found.interval[0])
    assert widths[1] < widths[0] / 2


def test_frames_that_share_their_fate_widen_the_interval(tmp_path: Path) -> None:
    spread = run_of(tmp_path, [frame(number=number, miss=number % 10 == 0) for number in range(300)], name="spread")
    burst = run_of(tmp_path, [frame(number=number, miss=number < 30) for number in range(300)], name="burst")
    one, two = (estimates(RunGroup("run", (run,)))["miss_rate"] for run in (spread, burst))
    assert one.value == two.value == pytest.approx(0.1)
    assert two.interval is not None
    assert one.interval is None or np.ptp(one.interval) < np.ptp(two.interval) / 3


def test_no_interval_where_nothing_varies_or_the_run_is_too_short(tmp_path: Path) -> None:
    flawless = run_of(tmp_path, frames(misses=0), name="flawless")
    assert estimates(RunGroup("run", (flawless,)))["miss_rate"] == Estimate(0.0, None)
    (tmp_path / "flawless" / "summary.json").unlink()
    short = [frame(number=number, miss=number == 3) for number in range(20)]
    (tmp_path / "flawless" / "frames.jsonl").unlink()
    short_run = run_of(tmp_path, short, name="short")
    (tmp_path / "short" / "summary.json").unlink()
    short_run = read_run(tmp_path / "short", "short")
    assert estimates(RunGroup("run", (short_run,)))["miss_rate"].interval is None


def test_a_run_differs_from_itself_by_nothing(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    found = differences(RunGroup("a", (run,)), RunGroup("b", (run,)))
    for key in metrics_of([found]):
        assert found[key] == Estimate(0.0, None)


def test_clear_differences_are_named_with_their_way_and_unclear_ones_as_such(tmp_path: Path) -> None:
    good, bad = (
        run_of(tmp_path, frames(60, misses=0.02), name="good"),
        run_of(tmp_path, frames(60, misses=0.5), name="bad"),
    )
    found = differences(RunGroup("good", (good,)), RunGroup("bad", (bad,)))
    rows = {row.name: row for row in difference_rows(found)}
    assert re.fullmatch(r"\+4\d\.\d\d points", rows["Miss rate"].value)
    assert re.fullmatch(r"\+4\d\.\d\d to \+[45]\d\.\d\d", rows["Miss rate"].interval)
    assert rows["Miss rate"].verdict == rows["Goodput"].verdict == "worse"
    assert {"unclear", "the same"} & {row.verdict for row in rows.values()}
    assert found["miss_rate"].is_clear


def test_the_same_seeds_are_compared_in_pairs(tmp_path: Path) -> None:
    base, other = [], []
    for seed, misses in enumerate((0.1, 0.3, 0.5)):
        one = frames(seed=seed, misses=misses)
        worse = [*one[:-20], *(frame(record.client, record.frame, miss=True) for record in one[-20:])]
        base.append(run_of(tmp_path, one, seed=seed, name=f"base-{seed}"))
        other.append(run_of(tmp_path, worse, seed=seed, name=f"other-{seed}"))
    paired = differences(RunGroup("base", tuple(base)), RunGroup("other", tuple(other)))["miss_rate"]
    assert paired.is_clear  # though the seeds differ by far more than the runs of one seed
    for number, run in enumerate(other):
        object.__setattr__(run, "info", {**run.info, "seed": 10 + number})
    assert not differences(RunGroup("base", tuple(base)), RunGroup("other", tuple(other)))["miss_rate"].is_clear


def test_what_was_configured_differently_is_named(tmp_path: Path) -> None:
    clients = [{"fps": 15.0, "name": "a"}, {"fps": 15.0, "name": "b"}]
    one = run_of(tmp_path, name="one", planner="best", clients=clients)
    two = run_of(tmp_path, name="two", planner="annealing", clients=clients[:1], seed=5)
    told = changes(RunGroup("one", (one,)), RunGroup("two", (two,)))
    assert told == [("clients.name", "a, b", "a"), ("planner", "best", "annealing"), ("seed", "0", "5")]


def test_measured_f1_and_f1_out_of_tables_are_not_compared(tmp_path: Path) -> None:
    simulated = [frame(number=number, tp=None, fp=None, fn=None, expected_f1=0.9) for number in range(300)]
    one = RunGroup("real", (run_of(tmp_path, frames(30, ["camera-0"]), name="real"),))
    two = RunGroup("simulated", (run_of(tmp_path, simulated, name="simulated"),))
    for base, other in ((one, two), (two, one)):
        found = differences(base, other)
        assert math.isnan(found["f1_on_time"].value) and math.isnan(found["f1_captured"].value)
        assert not math.isnan(found["miss_rate"].value)
        assert f"of {base.label} is" in not_comparable(base, other)
        assert not [row for row in difference_rows(found) if row.name.startswith("F1")]
    assert not_comparable(one, one) == ""
    assert [told_f1(group, "f1_on_time") for group in (one, two)] == ["", " (tables)"]
    assert told_f1(two, "p50") == ""


def guesses(right: int) -> list[FrameRecord]:
    """Frames of a classifier: every tenth missed, of the others one in `right` wrong."""
    kept = {"tp": None, "fp": None, "fn": None}
    return [frame(number=n, miss=n % 10 == 0, class_right=n % 10 != 0 and n % right != 0, **kept) for n in range(300)]


def test_of_classifiers_top_1_is_told_and_not_compared_with_f1(tmp_path: Path) -> None:
    one = RunGroup("one", (run_of(tmp_path, guesses(3), name="one"),))
    two = RunGroup("two", (run_of(tmp_path, guesses(7), name="two"),))
    found = estimates(one)
    assert found["top1_on_time"].value == pytest.approx(180 / 270)
    assert found["top1_captured"].value == pytest.approx(180 / 300)
    assert [key for key in metrics_of([found]) if "f1" in key or "top1" in key] == ["top1_on_time", "top1_captured"]
    assert np.nanmean(TimeSeries(one.runs[0]).accurate_of_all()) == pytest.approx(180 / 270, abs=0.02)
    assert differences(one, two)["top1_on_time"].value > 0
    detector = RunGroup("real", (run_of(tmp_path, frames(30, ["camera-0"]), name="real"),))
    assert math.isnan(differences(one, detector)["f1_on_time"].value)
    assert "that of one is the share of right first guesses" in not_comparable(one, detector)
    words = [picture.words for picture in comparing([one, detector]) if picture.name == "accuracy"]
    assert len(words) == 1 and "Marked (top-1): share" in words[0] and "cannot be compared" in words[0]


def test_small_differences_do_not_fill_a_plot() -> None:
    assert widened(0.48, 0.495, 0.25) == pytest.approx((0.3625, 0.6125))
    assert widened(0.99, 1.0, 0.25) == pytest.approx((0.75, 1.0))
    assert widened(0.0, 0.01, 0.25) == pytest.approx((0.0, 0.25))
    assert widened(0.1, 0.9, 0.25) == (0.1, 0.9)


def test_sizes_of_a_family_are_colours_in_order_that_can_be_told_apart() -> None:
    family = [f"w{width:03}e{depth}-{side}" for side in (128, 448) for width in (25, 100) for depth in (1, 2)]
    colours = list(shades(family).values())
    lightness = [0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue, _ in colours]
    assert all(two - one > 0.05 for one, two in itertools.pairwise(lightness))
    zoo = shades(["ssdlite-320", "fcos-320", "fcos-640"])
    assert len(set(zoo.values())) == 3
    apart = [np.linalg.norm(np.subtract(one, two)) for one, two in itertools.combinations(zoo.values(), 2)]
    assert min(apart) > 0.3


def test_numbers_are_shown_in_their_unit_and_nothing_as_a_dash() -> None:
    assert shown(METRICS["miss_rate"], 0.01234) == "1.23"
    assert shown(METRICS["p50"], -1.26, sign=True) == "\N{MINUS SIGN}1.3"
    assert shown(METRICS["p50"], -0.01, sign=True) == "0.0"
    assert shown(METRICS["p50"], math.nan) == "\N{EN DASH}"


def test_series_tell_rates_and_the_worst_client_comes_first(tmp_path: Path) -> None:
    records = [frame(client, number, miss=client == "b" and number >= 150) for number in range(300) for client in "abc"]
    run = run_of(tmp_path, records)
    series = TimeSeries(run)
    assert run.frames.clients.listed[by_attainment(run)[0]] == "b"
    assert np.nanmin(series.attainment()[0]) == 1
    assert set(series.attainment()[1].tolist()) == {0.0, 1.0}
    assert np.allclose(series.resolution(), 320)
    assert np.nanmean(series.sent_mbps()[0]) == pytest.approx(10 * 20_000 * 8 / 1e6)
    assert series.last_variant(0).tolist() == [0] * len(series.middles_s)
    assert np.allclose(series.accurate()[0], 0.75)
    assert missed_shares([run]) == {"expired": pytest.approx(1 / 6)}


def test_long_gaps_break_a_line_and_usual_ones_do_not() -> None:
    times, values = joined(np.arange(11.0), np.array([1, np.nan, 2, np.nan, 3, *[np.nan] * 5, 4.0]))
    assert times.tolist() == [0, 2, 4, 10, 10]
    assert np.isnan(values).tolist() == [False, False, False, True, False]
