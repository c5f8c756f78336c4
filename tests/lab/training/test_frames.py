"""The cache of rendered frames."""

from pathlib import Path

import numpy as np

from jellyfish.lab.street import StreetScene
from jellyfish.lab.training.frames import render


def test_frames_are_rendered_once_and_read_back(tmp_path: Path):
    told: list[int] = []
    cache = render(tmp_path, range(20_000, 20_001), frames_per_scene=2, processes=1, advance=told.append)
    assert len(cache) == 2
    assert told == [1]
    image, objects = cache[0]
    expected_image, expected_objects = StreetScene(20_000).frame(0)
    assert list(objects) == list(expected_objects)
    assert np.abs(image.astype(int) - expected_image).mean() < 4  # JPEG of high quality
    again = render(tmp_path, range(20_000, 20_001), frames_per_scene=2, processes=1, advance=told.append)
    assert told == [1]
    np.testing.assert_array_equal(again[1][0], cache[1][0])
