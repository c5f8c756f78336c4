"""The street generator: determinism, exact labels, variety."""

from __future__ import annotations

import numpy as np
import pytest

from jellyfish.errors import InputError
from jellyfish.lab.street import StreetScene, random_street_frame
from jellyfish.lab.street.camera import NEAR_M, StreetCamera, clip_near
from jellyfish.lab.street.layouts import LAYOUTS
from jellyfish.lab.street.traffic import Path, Traffic
from jellyfish.models.slimmable.street import CLASSES

LAYOUT_NAMES = sorted(LAYOUTS)


@pytest.fixture(scope="module")
def scenes() -> dict[str, StreetScene]:
    return {name: StreetScene(7, layout=name) for name in LAYOUT_NAMES}


def test_same_seed_gives_the_same_bytes_and_labels_in_any_order() -> None:
    first, second = StreetScene(3), StreetScene(3)
    forward = [first.frame(index) for index in (0, 40, 90)]
    backward = [second.frame(index) for index in (90, 40, 0)][::-1]
    for (image, labels), (same_image, same_labels) in zip(forward, backward, strict=True):
        assert image.tobytes() == same_image.tobytes()
        assert labels == same_labels


def test_seeds_and_times_give_different_images() -> None:
    scene = StreetScene(3)
    assert not np.array_equal(scene.frame(0)[0], scene.frame(1)[0])
    assert not np.array_equal(scene.frame(0)[0], StreetScene(4, layout=scene.layout).frame(0)[0])


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
def test_labels_lie_inside_the_frame_and_name_known_classes(scenes: dict[str, StreetScene], layout: str) -> None:
    image, labels = scenes[layout].frame(30)
    assert image.shape == (360, 640, 3)
    assert image.dtype == np.uint8
    assert labels
    for thing in labels:
        assert 0 <= thing.left < thing.right <= 1
        assert 0 <= thing.top < thing.bottom <= 1
        assert 0 <= thing.label < len(CLASSES)
        assert 0 < thing.visible <= 1
    assert len({thing.track for thing in labels}) == len(labels)


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
def test_boxes_are_the_extents_in_the_id_buffer(scenes: dict[str, StreetScene], layout: str) -> None:
    scene = scenes[layout]
    picture, seen = scene.picture(1.0)
    numbers = picture[..., 3]
    extents = set()
    for number in np.unique(numbers[numbers > 0]):
        rows, columns = np.nonzero(numbers == number)
        extents.add((int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1))
    assert {thing.box for thing in seen} == extents
    _, labels = scene.frame(30)
    height, width = numbers.shape
    sides = [(t.left * width, t.top * height, t.right * width, t.bottom * height) for t in labels]
    assert {tuple(map(round, box)) for box in sides} == extents


def test_small_or_hidden_objects_are_to_be_ignored(scenes: dict[str, StreetScene]) -> None:
    labels = [thing for scene in scenes.values() for index in (0, 60) for thing in scene.frame(index)[1]]
    for thing in labels:
        small = (thing.bottom - thing.top) * 360 < 8
        if thing.visible < 0.299 or small:
            assert thing.ignore
        elif thing.visible > 0.301:
            assert not thing.ignore
    assert {thing.ignore for thing in labels} == {True, False}


def test_an_object_keeps_its_track_and_class_while_it_moves(scenes: dict[str, StreetScene]) -> None:
    for scene in scenes.values():
        before = {thing.track: thing for thing in scene.frame(10)[1]}
        after = {thing.track: thing for thing in scene.frame(11)[1]}
        common = before.keys() & after.keys()
        assert len(common) > 0.8 * len(before)
        assert all(before[track].label == after[track].label for track in common)


def test_all_classes_and_a_wide_range_of_sizes_occur() -> None:
    kept = [
        thing
        for seed in range(20, 26)
        for layout in ("avenue", "town")
        for thing in StreetScene(seed, layout=layout).frame(0)[1]
        if not thing.ignore
    ]
    heights = np.array([(thing.bottom - thing.top) * 360 for thing in kept])
    assert {thing.label for thing in kept} == set(range(len(CLASSES)))
    assert heights.min() < 12
    assert heights.max() > 120
    assert np.mean((heights >= 10) & (heights <= 60)) > 0.5


def test_other_frame_sizes_show_the_same_scene() -> None:
    large, small = StreetScene(5, 640, 360), StreetScene(5, 320, 180)
    image, labels = small.frame(0)
    assert image.shape == (180, 320, 3)
    wanted = {
        thing.track: thing for thing in large.frame(0)[1] if thing.visible > 0.9 and thing.bottom - thing.top > 0.1
    }
    got = {thing.track: thing for thing in labels}
    assert wanted
    for track, thing in wanted.items():
        assert got[track].left == pytest.approx(thing.left, abs=0.02)
        assert got[track].bottom == pytest.approx(thing.bottom, abs=0.03)


def test_training_frames_share_a_scene_and_repeat() -> None:
    image, labels = random_street_frame(25)
    again, same = random_street_frame(25)
    other, _ = random_street_frame(26)
    assert np.array_equal(image, again)
    assert labels == same
    assert not np.array_equal(image, other)


def test_an_unknown_layout_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'canal'.*avenue"):
        StreetScene(1, layout="canal")


def test_vehicles_of_crossing_lanes_do_not_meet() -> None:
    scene = StreetScene(11, layout="junction")
    for index in range(0, 600, 20):
        places = [(*here[1:3], mover) for mover in scene.movers if (here := mover.at(index / 30)) and mover.speed > 3]
        across = [(x, y) for x, y, mover in places if abs(mover.path.directions[0][0]) > 0.9]
        along = [(x, y) for x, y, mover in places if abs(mover.path.directions[0][1]) > 0.9]
        for x, y in across:
            assert all(abs(x - other_x) + abs(y - other_y) > 2.0 for other_x, other_y in along)


def test_the_camera_sees_a_point_where_the_pinhole_says() -> None:
    camera = StreetCamera(0, 0, 2, 0, 0, 100, 200, 100)
    seen = camera.to_camera(np.array([[1, 10, 2], [0, 10, 0]], np.float32))
    assert camera.to_pixels(seen) == pytest.approx(np.array([[110, 50], [100, 70]]))
    assert camera.horizon_row() == pytest.approx(50)


def test_ground_points_project_back_onto_their_pixels() -> None:
    camera = StreetCamera(1, -2, 4, 0.3, 0.2, 300, 320, 180)
    first, x, y = camera.ground_points(step=1)
    points = np.stack([x, y, np.zeros_like(x)], axis=-1)[40:]
    pixels = camera.to_pixels(camera.to_camera(points))
    rows, columns = np.mgrid[first + 40 : 180, 0:320]
    assert np.abs(pixels[..., 0] - columns - 0.5).max() < 0.05
    assert np.abs(pixels[..., 1] - rows - 0.5).max() < 0.05


def test_polygons_are_cut_at_the_near_plane() -> None:
    square = np.array([(0, 0, -1), (1, 0, -1), (1, 0, 2), (0, 0, 2)], np.float32)
    assert clip_near(square)[:, 2].min() == pytest.approx(NEAR_M)
    assert len(clip_near(square - np.array([0, 0, 5], np.float32))) == 0


def test_a_mover_comes_round_again_as_someone_else() -> None:
    traffic = Traffic(np.random.default_rng(0))
    body = StreetScene(1).movers[0].bodies[0]
    traffic.walker(body, Path([(0, 0), (0, 10)]), 1.0, 0.0)
    mover = traffic.movers[0]
    first, second = mover.at(0.0), mover.at(10.0)
    assert first is not None
    assert second is not None
    assert second[0] == first[0] + 1
    assert second[2] == pytest.approx(first[2])
