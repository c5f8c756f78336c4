"""Where another than the person at this machine names sources, each opening is bounded anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jellyfish.camera.sources.live.messages import OpenSource
from jellyfish.camera.sources.live.pictures import pictures
from jellyfish.errors import InputError
from jellyfish.media.jpeg import encode_jpeg

JPEG = encode_jpeg(np.zeros((72, 128, 3), np.uint8))


def opened(url: Path, *folders: Path) -> str:
    """What is said of a source that could be opened."""
    said: list[str] = []
    next(pictures(OpenSource(str(url), folders=tuple(map(str, folders))), said.append))
    return said[0]


def test_a_link_that_leads_elsewhere_since_it_was_added_is_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "clips", tmp_path / "outside.jpg"
    folder.mkdir()
    for path in (folder / "a.jpg", outside):
        path.write_bytes(JPEG)
    link = folder / "link.jpg"
    link.symlink_to(folder / "a.jpg")
    assert opened(link, folder) == "1 picture"
    link.unlink()
    link.symlink_to(outside)
    with pytest.raises(InputError, match="may not be opened here"):
        opened(link, folder)
    assert opened(folder, folder) == "1 picture", "of the folder, without what leads out of it"


def test_without_folders_no_file_is_opened_and_without_bounds_any_is(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    with pytest.raises(InputError, match="--camera-files"):
        opened(tmp_path / "a.jpg")
    said: list[str] = []
    next(pictures(OpenSource(str(tmp_path / "a.jpg")), said.append))
    assert said == ["1 picture"]
