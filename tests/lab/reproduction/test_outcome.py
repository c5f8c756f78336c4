"""What a cell comes to, counted by hand; several cells as one; the table."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from jellyfish.core import Outcome, Reason
from jellyfish.lab.reproduction.causes import Cause, Miss
from jellyfish.lab.reproduction.matrix import Cell, Matrix
from jellyfish.lab.reproduction.outcome import MOST_MISSES, SHARE_EDGES, CellResult, summed_up
from jellyfish.lab.reproduction.policies import POLICIES
from jellyfish.lab.reproduction.tables import Total, in_words, policies_of, policy_table, traces_of
from jellyfish.results.records import FrameRecord
from tests.report.runs import frame

RECORDS = [
    frame(number=0, captured_s=0.0, e2e_ms=50.0, expected_f1=0.9, resolution=320, variant="w100-320"),
    frame(number=1, captured_s=0.5, e2e_ms=51.9, expected_f1=0.7, resolution=256, variant="w100-320"),
    frame(number=2, captured_s=1.0, e2e_ms=100.0, expected_f1=0.8, resolution=320, variant="w100-128"),
    frame(number=3, captured_s=2.999, e2e_ms=1.0, expected_f1=0.6, resolution=192, variant="w100-192"),
    frame(number=4, captured_s=1.5, e2e_ms=180.0, expected_f1=0.5, outcome=Outcome.LATE),
    frame(number=5, captured_s=1.6, miss=True),
    frame(number=6, captured_s=1.7, outcome=Outcome.SKIPPED, reason=Reason.STALE, e2e_ms=None),
    frame(number=7, captured_s=3.0, outcome=Outcome.LOST, e2e_ms=None),
]
CAUSES = (Cause.TOO_LARGE, Cause.DEVICE, Cause.BACKLOG, Cause.IMPOSSIBLE)
BANDWIDTH = [8.0, None, 5.0]


def result(
    records: list[FrameRecord] | None = None, policy: str = "jellyfish", trace: str = "lte", **fields: Any
) -> CellResult:
    """A cell of the published matrix with these frames; every missed one too large unless they are `RECORDS`."""
    usual: dict[str, Any] = {"clients": 2, "slo_ms": 100.0, "fps": 15.0, "seed": 0}
    cell = Cell(policy=policy, trace=trace, **(usual | fields))
    missed = [record for record in records or RECORDS if record.outcome is not Outcome.ON_TIME]
    causes = CAUSES if records is None else len(missed) * [Cause.TOO_LARGE]
    misses = [Miss(record, cause) for record, cause in zip(missed, causes, strict=True)]
    return summed_up(cell, Matrix().scenario(cell), records or RECORDS, misses, BANDWIDTH)


def test_miss_rates_are_of_the_captured_frames_and_as_published_of_those_sent() -> None:
    found = result()
    assert found.outcomes == {"on_time": 4, "late": 1, "dropped": 1, "skipped": 1, "lost": 1}
    assert found.reasons == {"expired": 1, "stale": 1}
    assert found.miss_rate == pytest.approx(4 / 8)
    assert found.published_miss_rate == pytest.approx(3 / 7)


def test_a_cell_that_sent_nothing_missed_all_and_as_published_none() -> None:
    found = result([frame(number=0, outcome=Outcome.SKIPPED, reason=Reason.PAUSED, e2e_ms=None)])
    assert (found.miss_rate, found.published_miss_rate) == (1.0, 0.0)
    assert (found.f1_on_time, found.f1_offered, sum(found.shares)) == (0.0, 0.0, 0)


def test_f1_is_of_the_frames_on_time_and_over_all_a_missed_one_counts_zero() -> None:
    found = result()
    assert found.f1_on_time == pytest.approx((0.9 + 0.7 + 0.8 + 0.6) / 4)
    assert found.f1_offered == pytest.approx((0.9 + 0.7 + 0.8 + 0.6) / 8)


def test_answered_frames_are_counted_by_their_share_of_the_slo() -> None:
    shares = result().shares
    by_edge = {edge: count for edge, count in zip(SHARE_EDGES, shares, strict=True) if count}
    assert by_edge == {0.0: 1, 0.5: 2, 1.0: 1, 1.5: 1}
    assert SHARE_EDGES[-1] == 1.5


@given(st.lists(st.one_of(st.none(), st.floats(0.001, 1000.0)), min_size=1, max_size=50))
def test_every_answered_frame_is_in_one_bin(latencies_ms: list[float | None]) -> None:
    records = [frame(number=number, e2e_ms=e2e_ms) for number, e2e_ms in enumerate(latencies_ms)]
    assert sum(result(records).shares) == sum(e2e_ms is not None for e2e_ms in latencies_ms)


def test_seconds_hold_what_the_network_saw_and_the_frames_missed() -> None:
    seconds = result().seconds
    assert seconds.resolution == [(320 + 256) / 2, 128, 192]
    assert seconds.f1 == [0.8, 0.8, 0.6]
    assert seconds.missed == [0, 3, 1]
    assert seconds.bandwidth_mbps == BANDWIDTH
    nothing = result([frame(number=0, captured_s=0.0)]).seconds
    assert nothing.resolution == [320, None, None]


def test_missed_frames_are_kept_with_their_cause_but_not_endlessly() -> None:
    found = result()
    assert found.causes == {"too_large": 1, "device": 1, "backlog": 1, "impossible": 1}
    assert [(each.frame, each.outcome, each.cause, each.reason) for each in found.missed] == [
        (4, "late", "too_large", None),
        (5, "dropped", "device", "expired"),
        (6, "skipped", "backlog", "stale"),
        (7, "lost", "impossible", None),
    ]
    many = result([frame(number=number, captured_s=0.0, miss=True) for number in range(MOST_MISSES + 7)])
    assert len(many.missed) == MOST_MISSES
    assert many.causes == {"too_large": MOST_MISSES + 7}


def test_a_result_survives_its_file() -> None:
    found = result()
    assert msgspec.json.decode(msgspec.json.encode(found), type=CellResult) == found


def test_in_a_total_every_frame_counts_alike() -> None:
    short = result([frame(number=0, expected_f1=0.5), frame(number=1, miss=True)])
    total = Total([result(), short])
    assert (total.frames, total.on_time, total.skipped) == (10, 5, 1)
    assert total.miss_rate == pytest.approx(5 / 10)
    assert total.published_miss_rate == pytest.approx(4 / 9)
    assert total.avoidable_rate == pytest.approx(4 / 10)
    assert total.f1_on_time == pytest.approx((4 * 0.75 + 0.5) / 5)
    assert total.f1_offered == pytest.approx((4 * 0.75 + 0.5) / 10)


def test_a_total_of_nothing_is_zero() -> None:
    total = Total([])
    assert (total.miss_rate, total.published_miss_rate, total.f1_on_time, total.avoidable_rate) == (0, 0, 0, 0)


def shown(results: list[CellResult]) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(policy_table(results))
        console.print(in_words(results))
    return captured.get()


def test_the_table_has_a_row_per_policy_and_a_column_per_trace() -> None:
    clean = [frame(number=0, expected_f1=0.25)]
    results = [result(policy="published"), result(), result(clean, trace="wifi")]
    assert (policies_of(results), traces_of(results)) == (["jellyfish", "published"], ["lte", "wifi"])
    rows = [line.split() for line in shown(results).splitlines() if line.startswith("│")]
    ours, published = ([word for word in row if word not in "│|"] for row in rows)
    assert ours == ["jellyfish", "44.444", "0.650", "50.000", "0.750", "0.000", "0.250", "0.3611", "37.500"]
    assert published == ["published", "50.000", "0.750", "50.000", "0.750", "0.000", "0.000", "0.3750", "42.857"]


def test_words_tell_what_each_policy_is_and_why_our_frames_missed() -> None:
    said = in_words([result(), result([frame(number=0)], clients=4)])
    assert next(policy.words for policy in POLICIES if policy.name == "jellyfish") in said
    assert "missed 4 of 9 frames (44.444 %), 33.333 % avoidably" in said
    assert all(f"1 {cause}" in said for cause in CAUSES)
    assert "Its worst run: jellyfish-lte-2x15fps-100ms-seed0, 50.00 %" in said
    assert "missed" not in in_words([result(policy="fixed")])
