"""What is posted at a broker: topics, what is retained, counts and tracked objects."""

from __future__ import annotations

import json
from typing import Any

from jellyfish.server.publishing.bulletin import MOST_CAMERAS, Bulletin, Notice
from jellyfish.server.publishing.counts import MOST_KINDS, CameraCounts
from jellyfish.server.publishing.objects import CameraObjects
from tests.server.publishing.frames import UNIX_S, box, missed, seen


def told(posts: list[Notice]) -> dict[str, str]:
    """Topic below `home` -> payload, `!` before what is retained."""
    assert len({post.topic for post in posts}) == len(posts)
    return {("!" if post.retain else "") + post.topic.removeprefix("home/"): post.payload.decode() for post in posts}


def counts(posts: list[Notice]) -> dict[str, str]:
    return {topic: payload for topic, payload in told(posts).items() if not topic.endswith(("answers", "events"))}


def test_whether_the_server_is_there_is_retained_and_its_last_will_is_that_it_is_not() -> None:
    bulletin = Bulletin("home")
    assert bulletin.will == Notice("home/available", b"offline", retain=True)
    assert told(bulletin.begin()) == {"!available": "online"}
    assert told(bulletin.end()) == {"!available": "offline"}


def test_states_are_retained_posted_when_they_change_and_all_again_over_a_new_connection() -> None:
    bulletin = Bulletin("home")
    posts = told(bulletin.look({"gate": "live", "yard": "silent"}))
    assert posts == {"!gate/state": "live", "!yard/state": "silent"}
    assert told(bulletin.look({"gate": "live", "yard": "silent"})) == {}
    assert told(bulletin.look({"gate": "silent"})) == {"!gate/state": "silent", "!yard/state": "offline"}
    assert told(bulletin.begin()) == {
        "!available": "online", "!gate/state": "silent", "!yard/state": "offline"
    }  # fmt: skip
    assert told(bulletin.end()) == {"!gate/state": "offline", "!available": "offline"}


def test_what_the_broker_keeps_wrongly_is_put_right() -> None:
    bulletin = Bulletin("home")
    bulletin.look({"gate": "live"})
    assert bulletin.found(Notice("home/old/state", b"live", retain=True)) == [
        Notice("home/old/state", b"offline", True)
    ]
    assert bulletin.found(Notice("home/old/state", b"offline", retain=True)) == []
    assert bulletin.found(Notice("home/old/state", b"live")) == []  # somebody says so now: that is not kept
    assert bulletin.found(Notice("home/gate/state", b"silent", retain=True)) == [
        Notice("home/gate/state", b"live", True)
    ]
    assert bulletin.found(Notice("home/gate/state", b"live", retain=True)) == []
    late_will = bulletin.will._replace(retain=False)
    assert told(bulletin.found(late_will)) == {"!available": "online"}
    assert bulletin.found(Notice("home/available", b"online", retain=True)) == []
    bulletin.end()
    assert bulletin.found(late_will) == []


def test_an_answer_is_posted_as_watchers_have_it_with_the_counts_that_changed() -> None:
    bulletin = Bulletin("home")
    frame = seen(1.0, box("car"), box("car"), box("person"))
    posts = bulletin.saw(frame)
    assert posts[0] == Notice("home/gate/answers", frame.json)
    assert counts(posts) == {"gate/car": "2", "gate/person": "1", "gate/all": "3"}
    assert not any(post.retain for post in posts)
    assert counts(bulletin.saw(seen(1.1, box("car"), box("car"), box("person")))) == {}
    assert counts(bulletin.saw(seen(1.2, box("car"), box("car"), box("car")))) == {"gate/car": "3"}
    (miss,) = bulletin.saw(missed(1.3))
    assert json.loads(miss.payload)["missed"] == "overload"


def test_a_count_falls_when_it_has_been_lower_for_a_second() -> None:
    bulletin = Bulletin("home")
    bulletin.saw(seen(1.0, box("car"), box("car")))
    assert counts(bulletin.saw(seen(1.5, box("car")))) == {}
    assert counts(bulletin.saw(seen(2.0))) == {}
    assert counts(bulletin.saw(seen(2.1))) == {"gate/car": "1", "gate/all": "1"}
    assert counts(bulletin.saw(seen(2.4, box("car"), box("car")))) == {"gate/car": "2", "gate/all": "2"}
    assert counts(bulletin.saw(seen(4.0))) == {"gate/car": "0", "gate/all": "0"}


def test_zones_have_counts_of_their_own() -> None:
    frame = seen(1.0, box("car"), box("person"), zones=(("drive", "road"), ()))
    assert counts(Bulletin("home").saw(frame)) == {
        "gate/car": "1", "gate/person": "1", "gate/all": "2", "gate/drive/car": "1", "gate/drive/all": "1",
        "gate/road/car": "1", "gate/road/all": "1",
    }  # fmt: skip


def test_a_camera_that_is_not_live_sees_nothing_and_counts_are_said_again_now_and_then() -> None:
    bulletin = Bulletin("home")
    bulletin.look({"gate": "live"})
    bulletin.saw(seen(1.0, box("car")))
    assert bulletin.is_due(0.0)
    assert counts(bulletin.figures(b"{}", 0.0)) == {"stats": "{}", "gate/car": "1", "gate/all": "1"}
    assert [now for now in (1.0, 59.0, 60.0) if bulletin.is_due(now)] == [60.0]
    bulletin.begin()
    assert bulletin.is_due(1.0)  # a broker that has come back knows nothing
    gone = counts(bulletin.look({}))
    assert gone == {"!gate/state": "offline", "gate/car": "0", "gate/all": "0"}


def test_names_that_mean_something_in_topics_are_made_harmless_and_not_too_many() -> None:
    bulletin = Bulletin("home")
    answer, *_ = bulletin.saw(seen(1.0, camera="a/b+c#2"))
    assert answer.topic == "home/a_b_c_2/answers"
    for number in range(MOST_CAMERAS):
        bulletin.saw(seen(1.0, camera=f"camera-{number}"))
    assert bulletin.saw(seen(1.0, camera="one more")) == []
    assert not any("one more" in post.topic for post in bulletin.look({"one more": "live"}))


def test_not_too_many_kinds_are_counted() -> None:
    counted = CameraCounts()
    zones = tuple(f"zone-{number}" for number in range(2 * MOST_KINDS))
    assert len(counted.saw(seen(1.0, box("car"), zones=(zones,)))) == MOST_KINDS
    assert counted.saw(seen(1.1, box("car"), zones=(zones,))) == {}


# --- tracked objects -----------------------------------------------------------------------------------------


def events(messages: list[dict[str, Any]]) -> list[tuple[str, str, list[str], list[str]]]:
    return [
        (each["type"], each["after"]["label"], each["before"]["current_zones"], each["after"]["current_zones"])
        for each in messages
    ]


def test_an_object_comes_changes_its_zone_and_goes() -> None:
    objects = CameraObjects("gate")
    assert objects.saw(seen(1.0, box("car", 0.7), tracks=(17,))) == []
    assert objects.saw(seen(1.1, box("car", 0.7), tracks=(17,))) == []  # it may be a mistake
    (new,) = objects.saw(seen(1.2, box("car", 0.6), tracks=(17,)))
    assert new["type"] == "new"
    assert new["after"] == {
        "id": f"{UNIX_S + 1:.3f}-17", "camera": "gate", "label": "car", "frame_time": UNIX_S + 1.2,
        "start_time": UNIX_S + 1, "end_time": None, "score": 0.6, "top_score": 0.7, "box": [0.1, 0.2, 0.2, 0.4],
        "current_zones": [], "entered_zones": [],
    }  # fmt: skip
    assert objects.saw(seen(1.3, box("car", 0.9), tracks=(17,))) == []
    came = objects.saw(seen(1.4, box("car", 0.8), tracks=(17,), zones=(("drive",),)))
    assert events(came) == [("update", "car", [], ["drive"])]
    assert (came[0]["after"]["top_score"], came[0]["after"]["entered_zones"]) == (0.9, ["drive"])
    assert events(objects.saw(seen(1.5, box("car"), tracks=(17,)))) == [("update", "car", ["drive"], [])]
    assert objects.saw(seen(3.4)) == []
    (end,) = objects.saw(seen(3.6))
    assert (end["type"], end["after"]["id"], end["after"]["end_time"]) == ("end", new["after"]["id"], UNIX_S + 1.5)
    assert objects.saw(seen(3.7)) == []


def test_what_is_not_followed_or_was_seen_but_twice_makes_no_event_and_a_camera_that_goes_ends_all() -> None:
    bulletin = Bulletin("home")
    bulletin.look({"gate": "live"})
    posts = []
    for time_s in (1.0, 1.1, 1.2):
        tracks = (None, 3, 4) if time_s < 1.2 else (None, 3)
        posts += bulletin.saw(seen(time_s, box("car"), box("person"), box("car"), tracks=tracks))
    assert sum(post.topic == "home/events" for post in posts) == 1
    ended = [json.loads(post.payload) for post in bulletin.end() if post.topic == "home/events"]
    assert [(each["type"], each["after"]["label"]) for each in ended] == [("end", "person")]
