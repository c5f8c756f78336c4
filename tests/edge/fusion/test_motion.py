"""Optical flow and boxes carried along it."""

import cv2
import numpy as np
import pytest

from jellyfish.edge.fusion.motion import PATCH_PIXELS, Motion, carried, likeness, patches

WIDTH, HEIGHT = 640, 360


def texture(seed=0, width=WIDTH, height=HEIGHT):
    coarse = np.random.default_rng(seed).integers(0, 255, (height // 20, width // 20, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def boxes(*sides):
    return np.array(sides, np.float32).reshape(-1, 4)


BOX = boxes((0.3, 0.3, 0.5, 0.6))


def test_the_first_frame_has_no_motion():
    view = Motion().see(texture())
    assert view.grey.dtype == np.uint8
    assert not view.flow.any()


def test_a_moving_picture_carries_boxes_along():
    motion, image = Motion(), texture()
    motion.see(image)
    view = motion.see(np.roll(image, (6, 12), axis=(0, 1)))
    moved = carried(BOX, view.flow) - BOX
    np.testing.assert_allclose(moved, [[12 / WIDTH, 6 / HEIGHT] * 2], atol=0.002)


def test_a_picture_that_comes_closer_makes_boxes_grow():
    motion, image = Motion(), texture()
    closer = cv2.getRotationMatrix2D((0.4 * WIDTH, 0.45 * HEIGHT), 0, 1.03)
    motion.see(image)
    view = motion.see(cv2.warpAffine(image, closer, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT))
    there = carried(BOX, view.flow)
    growth = (there[:, 2:] - there[:, :2]) / (BOX[:, 2:] - BOX[:, :2])
    np.testing.assert_allclose(growth, 1.03, atol=0.01)


def test_a_box_is_moved_by_most_of_it():
    flow = np.zeros((45, 80, 2), np.float32)
    flow[:, :30] = (0.05, 0)
    np.testing.assert_array_equal(carried(boxes((0.3, 0.3, 0.7, 0.6)), flow), boxes((0.3, 0.3, 0.7, 0.6)))
    np.testing.assert_allclose(carried(boxes((0.1, 0.3, 0.3, 0.6)), flow), boxes((0.15, 0.3, 0.35, 0.6)), atol=1e-6)


def test_a_wild_flow_does_not_blow_a_box_up():
    flow = np.zeros((45, 80, 2), np.float32)
    flow[..., 0] = np.linspace(-1, 1, 80)
    there = carried(BOX, flow)
    assert (there[:, 2:] - there[:, :2] <= 1.06 * (BOX[:, 2:] - BOX[:, :2])).all()


@pytest.mark.parametrize("size", [(1080, 1920), (480, 480), (3, 5)])
def test_frames_of_any_size_are_seen(size):
    motion = Motion()
    image = texture(width=1920, height=1080)[: size[0], : size[1]]
    motion.see(image)
    view = motion.see(image)
    assert view.grey.shape == (180, 320)
    assert np.abs(view.flow).max() < 0.01


def test_no_boxes_are_carried_to_no_boxes():
    flow = np.zeros((45, 80, 2), np.float32)
    assert carried(boxes(), flow).shape == (0, 4)
    assert patches(np.zeros((180, 320), np.uint8), boxes()).shape == (0, PATCH_PIXELS)


def test_a_patch_is_like_itself_in_other_light_and_unlike_another():
    motion = Motion()
    here = patches(motion.see(texture()).grey, BOX)
    darker = patches(motion.see((texture() * 0.6).astype(np.uint8)).grey, BOX)
    other = patches(motion.see(texture(seed=1)).grey, BOX)
    assert likeness(here, here)[0] == pytest.approx(1)
    assert likeness(here, darker)[0] > 0.98
    assert abs(likeness(here, other)[0]) < 0.5


def test_a_flat_patch_is_known_by_nothing():
    flat = patches(np.full((180, 320), 90, np.uint8), BOX)
    assert likeness(flat, flat)[0] == 0
