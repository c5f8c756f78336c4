"""Sources that several threads know: nothing is freed while it is read."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from jellyfish.camera.sources.file import VideoSource
from jellyfish.errors import InputError
from jellyfish.media.labels import labels_path
from jellyfish.media.video_writer import write_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "grey.mp4"
    write_video(path, (np.full((48, 64, 3), 90, np.uint8) for _ in range(10)), 10, 64, 48)
    return path


def test_whoever_closes_a_source_waits_for_the_one_that_reads_it(clip: Path) -> None:
    class CloserComesMeanwhile(VideoSource):
        closers: list[threading.Thread]

        def _decode_to(self, wanted: int) -> None:
            self.closers = [threading.Thread(target=self.close)]
            self.closers[0].start()
            assert self._reading.locked(), "or the closer would be at it now"
            super()._decode_to(wanted)
            assert self.closers[0].is_alive()

    source = CloserComesMeanwhile(clip)
    assert source.frame(5).shape == (48, 64, 3)
    source.closers[0].join()
    with pytest.raises(ValueError, match="is closed"):
        source.frame(6)
    source.close()  # twice does no harm


def test_a_name_so_long_that_labels_could_not_have_it_is_no_fault(clip: Path) -> None:
    with VideoSource(clip.rename(clip.with_name("x" * 250 + ".mp4"))) as source:
        assert source.labels is None


def test_labels_beside_a_video_are_of_its_size_and_what_is_left_out_of_them_is_told(clip: Path) -> None:
    labels = labels_path(clip)
    annotation = {"image_id": 0, "category_id": 9, "bbox": [1, 1, 5, 5]}
    content = {
        "categories": [{"id": 1, "name": "car"}, {"id": 9, "name": "kite"}],
        "images": [{"id": frame, "frame": frame, "width": 64, "height": 48} for frame in range(10)],
        "annotations": [annotation, annotation | {"category_id": 1}],
    }
    labels.write_text(json.dumps(content))
    with VideoSource(clip) as source:
        assert source.labels is not None
        assert [len(frame) for frame in source.labels] == [2] + 9 * [0]
        assert source.classes == ("car", "kite")
        assert source.label_notes(("car",)) == [
            f"{labels}: left out 1 box of classes that the model does not know (kite)"
        ]
        assert source.label_notes(("kite", "car")) == source.label_notes(None) == []
    labels.write_text(json.dumps(content).replace("64", "128"))
    with pytest.raises(InputError, match=r"frame 0: labelled at 128 x 48 pixels, but grey\.mp4 is 64 x 48"):
        VideoSource(clip)
