"""The client's account: whatever happens in whatever order, every captured frame ends exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.camera.ledger import LATE_S, MOST_FREED, Captured, Ledger
from jellyfish.core import Answer, Detection, LabelledObject, Outcome, Reason, Task
from jellyfish.protocol.served_model import ServedModel
from jellyfish.protocol.wire import FIRST_IN_TIME, Farewell, Report, Result
from jellyfish.results.emulation import BUSY_SHARE
from jellyfish.results.records import FrameRecord, Timeline

IMAGE = np.zeros((9, 16, 3), np.uint8)
BOX = (0.1, 0.1, 0.3, 0.3)
NAMES = ("person",)
MODEL = ServedModel("street", "1", Task.DETECTION, NAMES, {})
PERSON = LabelledObject(1, 0, *BOX)
SLO_S = 0.125  # a binary fraction, so that a deadline can be hit exactly


class Book:
    """A ledger and all that it has emitted."""

    def __init__(self, max_in_flight: int = 3, hears_arrivals: bool = False) -> None:
        self.records: list[FrameRecord] = []
        self.detections: list[Sequence[Detection]] = []
        self.ledger = Ledger("camera", SLO_S, max_in_flight, Timeline(100.0, 1e9), self._emit, hears_arrivals, NAMES)

    def _emit(self, record: FrameRecord, answer: Answer) -> None:
        self.records.append(record)
        self.detections.append(answer.detections)

    def capture(self, frame: int, captured_s: float, objects: Sequence[LabelledObject] | None = None) -> None:
        self.ledger.captured(Captured(frame, captured_s, IMAGE, objects))

    def send(self, frame: int, captured_s: float, objects: Sequence[LabelledObject] | None = None) -> None:
        """Capture and send a frame in the same moment."""
        self.capture(frame, captured_s, objects)
        assert self.ledger.take() is not None
        self.ledger.sent(captured_s, 128, 1000)

    def ends(self) -> dict[int, tuple[Outcome, Reason | None]]:
        return {record.frame: (record.outcome, record.reason) for record in self.records}


def test_an_answer_at_the_deadline_is_on_time_and_one_just_after_it_late() -> None:
    book = Book()
    book.send(0, 100.0)
    book.send(1, 100.0)
    book.ledger.answered(100.0 + SLO_S, Result(0))
    book.ledger.answered(np.nextafter(100.0 + SLO_S, 200.0), Result(1))
    assert book.ends() == {0: (Outcome.ON_TIME, None), 1: (Outcome.LATE, Reason.NETWORK)}


@pytest.mark.parametrize(("server_ms", "reason"), [(20.0, Reason.NETWORK), (180.0, Reason.SERVER)])
def test_a_late_frame_names_where_most_of_its_time_went(server_ms: float, reason: Reason) -> None:
    book = Book()
    book.send(0, 100.0)
    book.ledger.answered(100.2, Result(0, server_ms=server_ms))
    assert book.ends() == {0: (Outcome.LATE, reason)}


@given(
    wait_s=st.floats(0, 1),
    elapsed_s=st.floats(0, 10),
    uplink_ms=st.floats(-1e4, 1e5),
    server_share=st.floats(0, 1),
    execute_share=st.floats(0, 1),
)
def test_the_parts_of_the_latency_add_up_to_it(
    wait_s: float, elapsed_s: float, uplink_ms: float, server_share: float, execute_share: float
) -> None:
    book = Book()
    book.capture(0, 100.0)
    book.ledger.take()
    book.ledger.sent(100.0 + wait_s, 128, 1000)
    server_ms = server_share * elapsed_s * 1000
    result = Result(0, uplink_ms=uplink_ms, server_ms=server_ms, execute_ms=execute_share * server_ms)
    book.ledger.answered(100.0 + wait_s + elapsed_s, result)
    (record,) = book.records
    parts = (record.wait_ms, record.uplink_ms, record.queue_ms, record.execute_ms, record.downlink_ms)
    known = [part for part in parts if part is not None]
    assert len(known) == 5
    assert sum(known) == pytest.approx(record.e2e_ms, abs=0.004)
    assert min(known) >= -0.001


def test_a_newer_frame_takes_the_place_of_the_one_that_waits() -> None:
    book = Book()
    book.capture(0, 100.0)
    book.capture(1, 100.1)
    taken = book.ledger.take()
    assert taken is not None
    assert taken.frame == 1
    assert book.ends() == {0: (Outcome.SKIPPED, Reason.REPLACED)}


def test_no_more_frames_are_on_their_way_than_either_side_allows() -> None:
    book = Book(max_in_flight=3)
    book.ledger.welcomed(2, MODEL)
    book.send(0, 100.0)
    book.send(1, 100.1)
    book.capture(2, 100.2)
    assert book.ledger.take() is None
    book.ledger.answered(100.2, Result(0))
    assert book.ledger.take() is not None
    book.ledger.welcomed(100, MODEL)
    book.ledger.sent(100.3, 128, 1000)
    book.send(3, 100.3)
    book.capture(4, 100.4)
    assert book.ledger.take() is None


def test_only_one_frame_is_taken_up_at_a_time() -> None:
    book = Book()
    book.capture(0, 100.0)
    assert book.ledger.take() is not None
    book.capture(1, 100.1)
    assert book.ledger.take() is None


def test_nothing_can_be_sent_that_was_not_taken_up() -> None:
    book = Book()
    with pytest.raises(RuntimeError):
        book.ledger.sent(100.0, 128, 1000)


def test_a_lost_connection_loses_what_was_sent_and_skips_what_was_not() -> None:
    book = Book()
    book.send(0, 100.0)
    book.capture(1, 100.1)
    book.ledger.take()
    book.capture(2, 100.2)
    book.ledger.disconnected()
    assert book.ledger.settled
    assert book.ends() == {
        0: (Outcome.LOST, Reason.DISCONNECTED),
        1: (Outcome.SKIPPED, Reason.DISCONNECTED),
        2: (Outcome.SKIPPED, Reason.DISCONNECTED),
    }


@pytest.mark.parametrize(("connected", "reason"), [(True, Reason.STALE), (False, Reason.DISCONNECTED)])
def test_the_end_of_the_run_ends_every_frame(connected: bool, reason: Reason) -> None:
    book = Book()
    book.send(0, 100.0)
    book.capture(1, 100.1)
    book.ledger.finish(connected)
    assert book.ends() == {0: (Outcome.LOST, Reason.NO_ANSWER), 1: (Outcome.SKIPPED, reason)}


def test_answers_to_frames_of_another_connection_or_twice_change_nothing() -> None:
    book = Book()
    book.send(0, 100.0)
    book.ledger.disconnected()
    assert book.ledger.answered(100.1, Result(0)) is None
    book.send(1, 100.1)
    assert book.ledger.answered(100.2, Result(1)) is not None
    assert book.ledger.answered(100.2, Result(1, Reason.EXPIRED)) is None
    assert len(book.records) == 2
    assert book.ledger.agrees(Farewell(1, 1, {}))


@pytest.mark.parametrize(
    "farewell",
    [Farewell(2, 2, {}), Farewell(2, 1, {"overload": 1}), Farewell(3, 1, {"expired": 1}), Farewell(1, 1, {})],
)
def test_an_account_of_the_servers_that_differs_is_noticed(farewell: Farewell) -> None:
    book = Book()
    for frame in range(2):
        book.send(frame, 100.0 + frame)
    book.ledger.answered(100.1, Result(0))
    book.ledger.answered(101.1, Result(1, Reason.EXPIRED))
    assert book.ledger.agrees(Farewell(2, 1, {"expired": 1}))
    assert not book.ledger.agrees(farewell)


def test_labelled_frames_are_scored_also_without_an_answer() -> None:
    book = Book()
    found = Detection(0, 0.9, *BOX)
    for frame in range(3):
        book.send(frame, 100.0, [PERSON])
    book.ledger.answered(100.05, Result(0, detections=(found,)))
    book.ledger.answered(100.06, Result(1, Reason.OVERLOAD))
    book.ledger.finish(connected=True)
    assert {r.frame: (r.tp, r.fp, r.fn) for r in book.records} == {0: (1, 0, 0), 1: (0, 0, 1), 2: (0, 0, 1)}
    assert book.detections == [(found,), (), ()]
    assert book.ledger.streaming is not None
    assert book.ledger.streaming.counts == (3, 0, 0)  # the answer to frame 0 was at hand at every deadline


def test_capture_times_are_told_from_the_runs_start() -> None:
    book = Book()
    book.send(0, 100.25)
    book.ledger.answered(100.3, Result(0))
    assert book.records[0].captured_s == 0.25


STEPS = st.one_of(
    st.just(("capture",)),
    st.just(("take",)),
    st.tuples(st.just("skip"), st.sampled_from([Reason.STALE, Reason.PAUSED])),
    st.just(("sent",)),
    st.tuples(st.just("answer"), st.integers(0, 20), st.sampled_from([None, Reason.EXPIRED, Reason.OVERLOAD])),
    st.tuples(st.just("arrive"), st.integers(0, 20)),
    st.tuples(st.just("time"), st.floats(0, 2)),
    st.just(("disconnected",)),
)


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEPS, max_size=60), connected=st.booleans(), labelled=st.booleans())
def test_any_history_gives_every_frame_one_outcome_and_agrees_with_the_servers_count(
    steps: list[tuple[object, ...]], connected: bool, labelled: bool
) -> None:
    book = Book()
    server = _ServerCount()
    frames, taken, now = 0, False, 100.0
    unanswered, in_hand = list[int](), list[int]()
    opened_frames = opened_records = 0
    for step in steps:
        now += 0.03
        match step:
            case ("capture",):
                book.capture(frames, now, [PERSON] if labelled else None)
                frames += 1
            case ("take",):
                taken = take(book.ledger, in_hand) or taken
            case ("skip", Reason() as reason):
                book.ledger.skip(reason)
                taken = False
            case ("sent",) if taken:
                book.ledger.sent(now, 128, 1000)
                taken = False
                unanswered.append(in_hand[-1])
            case ("answer", int(number), reason) if unanswered:
                server.answer(book.ledger, unanswered.pop(number % len(unanswered)), reason, now)
            case ("arrive", int(number)) if unanswered:
                book.ledger.arrived(now, unanswered[number % len(unanswered)])
            case ("time", float(passed_s)):
                now += passed_s
                pass_time(book.ledger, now)
            case ("disconnected",):
                book.ledger.disconnected()
                server, taken = _ServerCount(), False
                unanswered.clear()
                book.ledger.welcomed(3, MODEL)
                opened_frames, opened_records = frames, len(book.records)
        assert book.ledger.agrees(server.farewell())
        assert len(book.ledger.unanswered) <= 3
        assert len(unanswered) <= 3 + MOST_FREED
        open_frames = frames - len(book.records)
        check_report(book.ledger.report, frames - opened_frames, open_frames, book.records[opened_records:])
    book.ledger.finish(connected)
    check_report(book.ledger.report, frames - opened_frames, 0, book.records[opened_records:])
    assert book.ledger.settled
    assert sorted(record.frame for record in book.records) == list(range(frames))
    assert book.ledger.frames == frames
    assert all((record.reason is None) == (record.outcome is Outcome.ON_TIME) for record in book.records)


def take(ledger: Ledger, in_hand: list[int]) -> bool:
    """Take a frame up, if there is one to be had; its number is the last of `in_hand` then."""
    frame = ledger.take()
    in_hand += [] if frame is None else [frame.frame]
    return frame is not None


def pass_time(ledger: Ledger, now: float) -> None:
    ledger.expire(now)
    due_s = ledger.next_deadline_s
    assert due_s is None or due_s > now, "a deadline that has passed is dealt with"


def check_report(report: Report, captured: int, open_frames: int, records: Sequence[FrameRecord]) -> None:
    """It says what the records of this stream say."""
    told = {(outcome, reason): count for outcome, reasons in report.missed.items() for reason, count in reasons.items()}
    on_time = sum(record.outcome is Outcome.ON_TIME for record in records)
    assert (report.captured, report.on_time) == (captured, on_time)
    assert told == Counter((record.outcome.value, record.reason) for record in records if record.reason is not None)
    assert report.captured == report.on_time + sum(told.values()) + open_frames
    assert sum(report.slack) == sum(record.e2e_ms is not None for record in records)
    assert sum(report.slack[FIRST_IN_TIME:]) == on_time


class _ServerCount:
    """What a server would say of one connection whose every frame it has answered so far."""

    def __init__(self) -> None:
        self.answered, self.dropped = 0, Counter[str]()

    def answer(self, ledger: Ledger, frame: int, reason: object, now: float) -> None:
        if isinstance(reason, Reason):
            ledger.answered(now, Result(frame, reason))
            self.dropped[reason.value] += 1
        else:
            ledger.answered(now, Result(frame, server_ms=5.0, execute_ms=3.0))
            self.answered += 1

    def farewell(self) -> Farewell:
        return Farewell(self.answered + self.dropped.total(), self.answered, dict(self.dropped))


DEADLINE_S = 100.0 + SLO_S


def full(book: Book) -> bool:
    """Whether a new frame would have to wait for room."""
    book.capture(99, 100.0)
    if book.ledger.take() is None:
        return True
    book.ledger.skip(Reason.STALE)
    return False


def test_a_frame_that_has_arrived_gives_up_its_place_at_its_deadline() -> None:
    """Whatever holds it up there, its successors need not wait for it."""
    book = Book(max_in_flight=1)
    book.send(0, 100.0)
    book.ledger.arrived(100.05, 0)
    assert book.ledger.next_deadline_s == DEADLINE_S
    assert not book.ledger.expire(np.nextafter(DEADLINE_S, 0.0))
    assert full(book)
    assert book.ledger.expire(DEADLINE_S)
    assert not full(book)
    assert book.ends().keys() == {99}, "what kind of a miss it is, its answer may still tell"


def test_a_frame_that_may_still_be_on_the_link_keeps_its_place_until_it_is_known_to_have_arrived() -> None:
    """Or else a dead link would be filled with frames that nobody wants any more."""
    book = Book(max_in_flight=1)
    book.send(0, 100.0)
    book.ledger.expire(DEADLINE_S)
    book.ledger.expire(DEADLINE_S + 10 * LATE_S)
    assert full(book)
    sent = book.ledger.arrived(DEADLINE_S + 11 * LATE_S, 0)
    assert sent is not None
    assert sent.freed
    assert not full(book)


def test_what_was_sent_before_a_frame_that_has_arrived_has_arrived_too() -> None:
    book = Book(max_in_flight=2)
    book.send(0, 100.0)
    book.send(1, 100.05)
    book.ledger.expire(DEADLINE_S)
    book.ledger.answered(DEADLINE_S + 0.01, Result(1))
    assert [sent.captured.frame for sent in book.ledger.unanswered] == []
    assert book.ledger.arrived(DEADLINE_S + 0.02, 1) is None


def test_a_place_that_was_given_up_is_not_given_back_twice() -> None:
    book = Book(max_in_flight=1)
    book.send(0, 100.0)
    book.ledger.arrived(100.05, 0)
    book.ledger.expire(DEADLINE_S)
    book.send(1, DEADLINE_S)
    book.ledger.answered(DEADLINE_S + 0.01, Result(0))
    assert full(book)
    assert book.ledger.answered(DEADLINE_S + 0.02, Result(1)) is not None
    assert not full(book)


@pytest.mark.parametrize(
    ("hears_arrivals", "arrived", "reason"),
    [(True, True, Reason.SERVER), (True, False, Reason.NETWORK), (False, False, Reason.NO_ANSWER)],
)
def test_a_frame_without_an_answer_a_second_after_its_deadline_is_lost_where_it_was_last_known_to_be(
    hears_arrivals: bool, arrived: bool, reason: Reason
) -> None:
    book = Book(hears_arrivals=hears_arrivals)
    book.send(0, 100.0)
    if arrived:
        book.ledger.arrived(100.05, 0)
    book.ledger.expire(DEADLINE_S)
    assert book.ledger.next_deadline_s == DEADLINE_S + LATE_S
    assert not book.ledger.settled
    assert book.ledger.expire(DEADLINE_S + LATE_S)
    assert book.ledger.settled
    assert book.ledger.next_deadline_s is None
    assert book.ends() == {0: (Outcome.LOST, reason)}


@pytest.mark.parametrize("reason", [None, Reason.EXPIRED])
def test_an_answer_to_a_lost_frame_is_counted_and_taken_for_what_is_seen_then_and_changes_nothing_else(
    reason: Reason | None,
) -> None:
    book = Book()
    book.send(0, 100.0, [PERSON])
    book.capture(1, DEADLINE_S + LATE_S, [PERSON])
    book.ledger.expire(DEADLINE_S + LATE_S)
    report = book.ledger.report
    found = () if reason else (Detection(0, 0.9, *BOX),)
    assert book.ledger.answered(DEADLINE_S + LATE_S + 0.01, Result(0, reason, detections=found)) is not None
    assert book.ends() == {0: (Outcome.LOST, Reason.NO_ANSWER)}
    assert book.ledger.report == report
    assert book.ledger.agrees(Farewell(1, int(not reason), {reason: 1} if reason else {}))
    book.ledger.finish(connected=True)
    assert book.ledger.streaming is not None
    assert book.ledger.streaming.counts == ((0, 0, 2) if reason else (1, 0, 1))  # seen at the deadline of frame 1


def test_a_server_that_never_answers_is_sent_no_more_than_can_be_kept_account_of() -> None:
    book = Book(max_in_flight=2)
    sent, now = 0, 100.0
    for frame in range(100):
        book.capture(frame, now)
        if book.ledger.take() is not None:
            book.ledger.sent(now, 128, 1000)
            book.ledger.arrived(now, frame)
            sent += 1
        now += SLO_S
        book.ledger.expire(now)
    assert sent == 2 + MOST_FREED


def test_a_frame_replaced_while_the_camera_works_on_the_one_before_is_the_cameras_miss() -> None:
    book = Book()
    book.capture(0, 100.0)
    assert book.ledger.take() is not None  # and is being encoded
    book.capture(1, 100.05)
    book.capture(2, 100.1)
    assert book.ends() == {1: (Outcome.SKIPPED, Reason.CAMERA_BUSY)}


def test_a_frame_replaced_while_earlier_ones_are_unanswered_is_not_the_cameras_miss() -> None:
    book = Book(max_in_flight=1)
    book.send(0, 100.0)
    book.capture(1, 100.05)
    book.capture(2, 100.1)
    assert book.ends() == {1: (Outcome.SKIPPED, Reason.REPLACED)}


def test_what_the_camera_took_leaves_out_the_wait_for_an_answer() -> None:
    book = Book(max_in_flight=1)
    book.send(0, 100.0)
    book.capture(1, 100.02)
    book.ledger.answered(100.05, Result(0))
    assert book.ledger.take() is not None
    book.ledger.sent(100.053, 128, 1000)
    book.ledger.answered(100.08, Result(1))
    record = book.records[-1]
    assert record.wait_ms == pytest.approx(33)
    assert record.camera_ms == pytest.approx(3)


@pytest.mark.parametrize(
    ("encoding_s", "result", "answered_s", "ended"),
    [
        (0.012, Result(0, server_ms=5.0), 100.13, (Outcome.LATE, Reason.NETWORK)),
        (0.013, Result(0, server_ms=5.0), 100.13, (Outcome.LATE, Reason.CAMERA_BUSY)),
        (0.013, Result(0, server_ms=120.0), 100.15, (Outcome.LATE, Reason.SERVER)),
        (0.013, Result(0, reason=Reason.EXPIRED), 100.05, (Outcome.DROPPED, Reason.CAMERA_BUSY)),
        (0.012, Result(0, reason=Reason.EXPIRED), 100.05, (Outcome.DROPPED, Reason.EXPIRED)),
        (0.013, Result(0, reason=Reason.DEVICE_ERROR), 100.05, (Outcome.DROPPED, Reason.DEVICE_ERROR)),
    ],
)
def test_a_miss_is_the_cameras_where_it_took_a_tenth_of_the_slo_and_that_was_missing(
    encoding_s: float, result: Result, answered_s: float, ended: tuple[Outcome, Reason]
) -> None:
    book = Book()
    assert 0.012 < BUSY_SHARE * SLO_S < 0.013
    book.capture(0, 100.0)
    assert book.ledger.take() is not None
    book.ledger.sent(100.0 + encoding_s, 128, 1000)
    book.ledger.answered(answered_s, result)
    assert book.ends() == {0: ended}
    assert book.ledger.agrees(
        Farewell(1, int(result.reason is None), {} if result.reason is None else {result.reason: 1})
    )


@pytest.mark.parametrize(("after_s", "reason"), [(0.012, Reason.STALE), (0.013, Reason.CAMERA_BUSY)])
def test_a_stale_frame_is_the_cameras_miss_where_it_had_it_too_long(after_s: float, reason: Reason) -> None:
    book = Book()
    book.capture(0, 100.0)
    assert book.ledger.take() is not None
    book.ledger.skip_stale(100.0 + after_s)
    assert book.ends() == {0: (Outcome.SKIPPED, reason)}


def test_a_frame_left_out_is_counted_and_leaves_the_waiting_one_alone() -> None:
    book = Book()
    book.capture(0, 100.0)
    frame = Captured(1, 100.05, None, [LabelledObject(1, 0, 0.1, 0.1, 0.3, 0.3)])
    book.ledger.left_out(frame, Reason.CAMERA_BUSY)
    assert book.ends() == {1: (Outcome.SKIPPED, Reason.CAMERA_BUSY)}
    assert book.records[0].fn == 1
    assert book.ledger.frames == 2
    assert book.ledger.take() is not None
