"""How far accounts were compared, and what is said of outages."""

from __future__ import annotations

import pytest

from jellyfish.results.records import OutageRecord
from jellyfish.results.streams import (
    OutageTally,
    StreamAccount,
    agreement,
    agreement_in_words,
    outages_in_words,
)


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ([("a", 30, 30), ("b", 20, 20)], "Client and server agree on every frame that was sent (50)."),
        ([("a", 30, 30), ("b", 20, 5)], "35 of the 50 frames that were sent. The other 15 could not be compared (b)"),
        ([("a", 30, 0)], "None of the 30 frames that were sent could be compared (a)"),
        ([("a", 0, 0)], "No frame was sent"),
        ([(f"c{number}", 2, 1) for number in range(6)], "(c0, c1, c2, c3 and 2 more)"),
    ],
)  # fmt: skip
def test_what_was_compared_is_said_and_what_could_not_be(accounts: list[tuple[str, int, int]], said: str) -> None:
    assert said in agreement_in_words(agreement([StreamAccount(*account) for account in accounts]))


def test_outages_are_added_up_over_clients() -> None:
    tally = OutageTally()
    assert (tally.figures(), outages_in_words(tally.figures())) == (None, [])
    for client, lasted_s in (("a", 1.5), ("a", 4.0), ("b", 2.0)):
        tally.add(OutageRecord(client=client, began_s=0.0, lasted_s=lasted_s, why="closed"))
    figures = tally.figures()
    assert figures is not None
    assert (figures.outages, figures.clients, figures.total_s, figures.longest_s) == (3, 2, 7.5, 4.0)
    assert outages_in_words(figures) == [
        "No server: 2 clients, 3 times in all, for 4.0 s at the longest (outages.jsonl)."
    ]
    assert outages_in_words(figures, written=False)[0].endswith("for 4.0 s at the longest.")


def test_what_a_camera_takes_to_connect_is_no_outage_to_people() -> None:
    tally = OutageTally()
    tally.add(OutageRecord(client="a", began_s=0.0, lasted_s=0.007, why="no server has answered yet"))
    assert tally.figures() is not None
    assert outages_in_words(tally.figures()) == []
