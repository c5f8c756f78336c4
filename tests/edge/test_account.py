"""A device's account: one record per frame, written when nothing more can come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.core import Answer, ClassScore, Detection, LabelledObject, Outcome, Reason, Task
from jellyfish.edge.account import FrameAccount, Served
from jellyfish.edge.fusion.requests import Fate
from jellyfish.edge.score import FusionScore
from jellyfish.evaluation.judging import Judge
from jellyfish.protocol.wire import PlanMessage
from jellyfish.results.fusion import FusionTally
from jellyfish.results.records import FrameRecord, Timeline

JUDGED = ("person", "bicycle", "car")
JUDGE = Judge(JUDGED)
CAR = LabelledObject(1, 2, 0.2, 0.2, 0.4, 0.4)
SEEN, WRONG = Detection(2, 0.9, 0.2, 0.2, 0.4, 0.4), Detection(0, 0.8, 0.6, 0.6, 0.8, 0.8)


def account() -> tuple[FrameAccount, list[FrameRecord]]:
    records: list[FrameRecord] = []
    return FrameAccount("robot", 0.05, Timeline(10.0, 1e9), records.append, JUDGE), records


def served(began_s: float, done_s: float, *found: Detection) -> Served:
    return Served(began_s, done_s, "w025e1-192", "local", Answer(found))


def test_an_answer_is_recorded_at_once_when_the_cloud_is_not_asked() -> None:
    books, records = account()
    books.captured(0, 11.0, [CAR])
    books.answered(0, served(11.001, 11.011, SEEN, WRONG), offered=False)
    (record,) = records
    assert (record.outcome, record.reason, record.captured_s) == (Outcome.ON_TIME, None, 1.0)
    assert (record.wait_ms, record.execute_ms, record.e2e_ms) == (1.0, 10.0, 11.0)
    assert (record.tp, record.fp, record.fn) == (1, 1, 0)
    assert (record.cloud, record.bytes) == (None, None)


def test_a_frame_that_is_offered_waits_for_the_end_of_that() -> None:
    books, records = account()
    books.captured(0, 11.0, None)
    books.answered(0, served(11.0, 11.01), offered=True)
    books.sent(0, 448, 40_000, PlanMessage(448, "w100e2-448", True, 500.0))
    books.heard(0, 11.2)
    assert records == []
    books.cloud_ended(0, Fate.USED, lag=4)
    (record,) = records
    assert (record.resolution, record.bytes, record.cloud, record.cloud_lag) == (448, 40_000, "used", 4)
    assert (record.planned_variant, record.planned_resolution) == ("w100e2-448", 448)
    assert (record.captured_s, record.captured_unix_s, record.deadline_s) == (1.0, 1e9 + 1.0, 1.05)
    assert record.cloud_ms == 200.0
    assert record.tp is None


def test_a_late_answer_says_so_and_a_failure_counts_its_objects_as_missed() -> None:
    books, records = account()
    books.captured(0, 11.0, [CAR])
    books.answered(0, served(11.0, 11.051), offered=False)
    books.captured(1, 11.1, [CAR])
    books.failed(1)
    assert [(record.outcome, record.reason) for record in records] == [
        (Outcome.LATE, Reason.SLOW),
        (Outcome.DROPPED, Reason.DEVICE_ERROR),
    ]
    assert (records[1].tp, records[1].fp, records[1].fn) == (0, 0, 1)


@given(st.lists(st.sampled_from(["answered", "offered", "skipped", "failed", "open"]), max_size=20))
def test_every_frame_has_one_record_in_the_end(ends: list[str]) -> None:
    books, records = account()
    for frame, end in enumerate(ends):
        books.captured(frame, 11.0 + frame, None)
        if end in ("answered", "offered"):
            books.answered(frame, served(11.0 + frame, 11.01 + frame), offered=end == "offered")
        elif end == "skipped":
            books.skipped(frame, Reason.REPLACED)
        elif end == "failed":
            books.failed(frame)
    for frame in (frame for frame, end in enumerate(ends) if end == "offered"):
        books.cloud_ended(frame, Fate.LOST)
    books.finish()
    assert sorted(record.frame for record in records) == list(range(len(ends)))
    assert (books.open, books.frames) == (0, len(ends))


def test_scores_tell_what_the_cloud_is_good_for() -> None:
    score = FusionScore(JUDGE)
    seen, wrong = Answer((SEEN,)), Answer((WRONG,))
    score.answered([CAR], local=wrong, fused=wrong)
    score.asked(0, [CAR])
    score.heard(0, seen)
    score.used(seen)
    score.ended(0)
    score.answered([CAR], local=wrong, fused=seen)
    f1 = score.f1()
    assert (f1.local, f1.cloud_instant, f1.cloud_arrived) == (0.0, 1.0, pytest.approx(2 / 3))
    assert f1.fused == pytest.approx(0.5)  # one right, one wrong, one missed


def test_of_a_classifier_the_score_is_the_share_of_frames_that_it_is_right_about() -> None:
    score = FusionScore(Judge(JUDGED, task=Task.CLASSIFICATION))
    right, wrong = (Answer(scores=(ClassScore(label, 0.9),)) for label in (CAR.label, 0))
    for local, fused in ((wrong, right), (right, right), (wrong, wrong), (wrong, right)):
        score.answered([CAR], local, fused)
    score.answered([], right, right)  # nothing is there to be right about
    score.asked(3, [CAR])
    score.heard(3, right)
    f1 = score.f1()
    assert (f1.local, f1.fused, f1.cloud_instant, f1.cloud_arrived) == (0.25, 0.75, 1.0, 0.0)


def test_without_labels_nothing_is_claimed() -> None:
    score = FusionScore(JUDGE)
    score.answered(None, Answer((SEEN,)), Answer((SEEN,)))
    score.asked(0, None)
    score.heard(0, Answer((SEEN,)))
    assert set(vars_of(score)) == {None}


def vars_of(score: FusionScore) -> list[float | None]:
    f1 = score.f1()
    return [f1.local, f1.cloud_instant, f1.cloud_arrived, f1.fused]


def test_figures_of_the_cloud() -> None:
    tally = FusionTally()
    common = {"client": "robot", "captured_s": 0.0, "outcome": Outcome.ON_TIME, "slo_ms": 50.0, "deadline_s": 0.05}
    for frame in range(3):
        tally.add(FrameRecord(frame=frame, **common))
    tally.add(FrameRecord(frame=3, bytes=1000, cloud="used", cloud_lag=2, cloud_ms=100.0, **common))
    tally.add(FrameRecord(frame=4, bytes=1500, cloud="lost", **common))
    told = tally.figures(2.0, FusionScore(JUDGE).f1())
    assert (told.sent, told.sent_share, told.bytes, told.kbps) == (2, 0.4, 2500, 10.0)
    assert told.fates == {"used": 1, "lost": 1}
    assert told.lag_frames is not None and told.lag_frames.p50 == told.lag_frames.max == 2
