"""Which cameras something is said about, as it changes."""

from __future__ import annotations

import pytest

from jellyfish.config import CameraSettings, ServedCamera, SourceConfig
from jellyfish.errors import InputError
from jellyfish.server.cameras.roster import CameraKnownError, CameraUnknownError, Roster

GATE, DOOR = ServedCamera("gate", CameraSettings(min_score=0.5)), ServedCamera("door")
YARD = ServedCamera("yard", source=SourceConfig("yard", "rtsp://10.0.0.7/"))


def test_cameras_are_added_changed_and_removed_and_only_what_was_added_is_kept() -> None:
    roster = Roster.beginning([GATE]).adding(YARD)
    assert (roster.kept, roster.sources, set(roster.settings)) == ((YARD,), {"yard": YARD.source}, {"gate", "yard"})
    strict = ServedCamera("yard", CameraSettings(min_score=0.9))
    assert roster.changing(strict).kept == (strict,) and roster.changing(strict).sources == {}
    assert roster.removing("yard") == Roster.beginning([GATE])
    assert roster.removing("gate").cameras == {"yard": YARD}
    for change in (lambda: roster.of("door"), lambda: roster.changing(DOOR), lambda: roster.removing("door")):
        with pytest.raises(CameraUnknownError):
            change()
    with pytest.raises(CameraKnownError):
        roster.adding(GATE)


def test_the_configuration_read_anew_takes_back_changes_of_its_own_cameras_and_leaves_added_ones() -> None:
    roster = Roster.beginning([GATE, DOOR]).adding(YARD).changing(ServedCamera("gate")).removing("door")
    assert roster.configured_as([GATE, DOOR]) == Roster.beginning([GATE, DOOR], [YARD])
    assert set(roster.configured_as([]).cameras) == {"yard"}
    with pytest.raises(CameraKnownError, match="yard"):
        roster.configured_as([GATE, YARD])


def test_a_camera_in_both_the_configuration_and_the_kept_ones_is_refused() -> None:
    with pytest.raises(InputError, match="added at run time, too"):
        Roster.beginning([GATE], [GATE])
