"""Sources that several threads know: nothing is freed while it is read."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from jellyfish.camera.sources.file import VideoSource
from jellyfish.media.video_writer import write_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "grey.mp4"
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
