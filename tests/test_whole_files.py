"""Files that get their name when they are complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from jellyfish.link.files import save_trace
from jellyfish.link.trace import BandwidthTrace
from jellyfish.whole_files import written_whole


def test_a_file_that_is_there_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), written_whole(path) as place:
        place.write_text("ne")
        raise OSError("full")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.csv", "old")]
    with written_whole(path) as place:
        place.write_text("new")
        assert path.read_text() == "old"
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.csv", "new")]


def test_a_link_is_written_through_and_a_device_as_it_is(tmp_path: Path) -> None:
    path, link, device = tmp_path / "a.csv", tmp_path / "link.csv", tmp_path / "null.csv"
    link.symlink_to(path)
    device.symlink_to("/dev/null")
    for place in (link, device):
        save_trace(BandwidthTrace((0.0,), (1e6,), "one"), place)
    assert link.is_symlink()
    assert "0,1.0000" in path.read_text()
    assert device.is_char_device()
