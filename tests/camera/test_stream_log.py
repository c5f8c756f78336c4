"""When a stream was down, and what it was told, as records."""

from __future__ import annotations

from jellyfish.camera.stream_log import StreamLog
from jellyfish.protocol.wire import PlanMessage
from jellyfish.results.records import OutageRecord, PlanRecord, Timeline


class Log(StreamLog):
    """One whose records are kept. The run starts at 100 s of the loop, which is 1e9 s of the machine's clock."""

    def __init__(self) -> None:
        self.plans: list[PlanRecord] = []
        self.outages: list[OutageRecord] = []
        super().__init__("camera", Timeline(100.0, 1e9), self.plans.append, self.outages.append)


def test_a_stream_that_is_open_before_it_is_wanted_has_no_outage() -> None:
    log = Log()
    log.wanted(100.0)
    log.lost(99.2, "refused")
    assert log.away_s(99.5) is None
    log.opened(99.7)
    assert log.away_s(105.0) is None
    log.finish(110.0)
    assert log.outages == []


def test_an_outage_lasts_from_the_loss_to_the_next_welcome_and_is_told_meanwhile() -> None:
    log = Log()
    log.wanted(100.0)
    log.opened(99.0)
    log.lost(104.0, "closed by the server")
    log.lost(104.5, "refused")
    assert log.away_s(108.0) == 4.0
    log.opened(109.5)
    assert log.away_s(110.0) is None
    log.finish(120.0)
    assert log.outages == [
        OutageRecord(
            client="camera", began_s=4.0, began_unix_s=1e9 + 4, ended_s=9.5, lasted_s=5.5, why="closed by the server"
        )
    ]


def test_an_outage_that_never_ends_is_one_up_to_the_end() -> None:
    log = Log()
    log.wanted(101.0)
    log.lost(99.0, "nobody there")
    log.finish(111.0)
    log.finish(111.0)
    (outage,) = log.outages
    assert (outage.began_s, outage.ended_s, outage.lasted_s, outage.why) == (1.0, None, 10.0, "nobody there")


def test_a_server_that_says_nothing_for_long_is_an_outage_of_frames_that_are_wanted() -> None:
    log = Log()
    log.wanted(100.0)
    log.opened(95.0)
    log.silent(96.0, 99.0)  # nobody wanted anything
    log.silent(104.0, 107.0)
    assert log.away_s(107.5) is None
    log.lost(108.0, "closed by the server")
    log.silent(106.0, 109.0)  # no stream is open
    log.finish(110.0)
    assert [(out.began_s, out.ended_s, out.why) for out in log.outages] == [
        (4.0, 7.0, "the server said nothing"),
        (8.0, None, "closed by the server"),
    ]


def test_what_is_lost_after_the_end_is_no_outage() -> None:
    log = Log()
    log.wanted(100.0)
    log.opened(99.0)
    log.lost(110.4, "closed by the server")
    log.finish(110.0)
    assert log.outages == []


def test_plans_are_written_as_they_were_told() -> None:
    log = Log()
    log.planned(PlanMessage(320, "w075e2-320", True, 500.0, fps=7.5), 101.25)
    assert log.plans == [
        PlanRecord(
            client="camera", t_s=1.25, unix_s=1e9 + 1.25, mapped=True, variant="w075e2-320", resolution=320, fps=7.5,
            probe_interval_ms=500.0,
        )
    ]  # fmt: skip
