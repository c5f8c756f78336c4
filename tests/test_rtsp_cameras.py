"""The cameras of `benchmarks/rtsp`: what they show, and what is known of when. No RTSP is spoken here."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.rtsp import numbers, units
from benchmarks.rtsp.camera import Truth
from benchmarks.rtsp.clips import Making, captures_s, coded, in_order
from benchmarks.rtsp.units import Coded, Unit

SCENE = Path(__file__).parents[1] / "videos" / "street-town.mp4"


def picture(width: int = 640, height: int = 360) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, numbers.MOST - 1), st.sampled_from([(640, 360), (320, 192), (108, 192), (357, 201)]))
def test_a_number_is_read_from_what_coding_and_scaling_leave(number: int, size: tuple[int, int]) -> None:
    drawn = picture()
    numbers.draw(drawn, number)
    _, jpeg = cv2.imencode(
        ".jpg", cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), [cv2.IMWRITE_JPEG_QUALITY, 70]
    )
    assert numbers.read(cv2.imdecode(jpeg, cv2.IMREAD_COLOR).astype(np.uint8)) == number


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_none_is_read_from_a_picture_that_is_not_upright_or_has_none(turns: int) -> None:
    drawn = picture()
    numbers.draw(drawn, 1365)
    assert numbers.read(np.ascontiguousarray(np.rot90(drawn, turns))) is None
    assert numbers.read(picture()) is None


def test_units_are_read_as_they_were_written(tmp_path: Path) -> None:
    clip = Coded(2.5, (Unit(0.0, 0.01, True, b"first"), Unit(0.5, 1.0, False, b""), Unit(0.25, 1.0, False, b"\0third")))
    units.write(tmp_path / "clip", clip)
    assert units.read(tmp_path / "clip") == clip


def decoded(clip: Coded) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [frame for unit in clip.units for frame in decoder.decode(av.Packet(unit.data))]
    return [*frames, *decoder.decode(None)]


@pytest.mark.parametrize(
    "making",
    [
        Making(SCENE, seconds=1.2),
        Making(SCENE, seconds=1.2, fps=21, declared_fps=25),
        Making(SCENE, seconds=1.2, uneven=True, between=2),
        Making(SCENE, seconds=1.2, width=320, height=192, turned=True),
    ],
)
def test_each_picture_has_its_number_and_is_sent_when_it_can_be(making: Making) -> None:
    clip = coded(making)
    frames = decoded(clip)
    upright = [np.rot90(each.to_ndarray(format="rgb24"), making.turned) for each in frames]
    assert [numbers.read(np.ascontiguousarray(each)) for each in upright] == list(range(len(captures_s(making))))
    assert sorted(unit.captured_s for unit in clip.units) == captures_s(making)
    assert all(unit.sent_s > unit.captured_s for unit in clip.units)
    assert all(one.sent_s <= other.sent_s for one, other in itertools.pairwise(clip.units))
    assert {frame.rotation for frame in frames if frame.key_frame} == {90 if making.turned else 0}


def test_uneven_times_have_the_mean_rate() -> None:
    times_s = captures_s(Making(SCENE, fps=10, seconds=16, uneven=True))
    gaps_s = np.diff([*times_s, 16])
    assert len(times_s) == 160 and min(gaps_s) > 0
    assert max(gaps_s) == pytest.approx(4 * min(gaps_s))


def test_what_is_said_of_a_picture_goes_before_it() -> None:
    start = b"\0\0\1"
    parameters, slice_, said = b"\x67p", b"\x65s", b"\x06t"
    mended = in_order(start + parameters + start + slice_ + start + said)
    assert [piece[:1] for piece in mended.split(b"\0\0\0\1")[1:]] == [b"\x67", b"\x06", b"\x65"]
    untouched = start + parameters + start + slice_
    assert in_order(untouched) is untouched


CLIP = Coded(2.0, tuple(Unit(number / 10, number / 10 + 0.01, number % 10 == 0, b"") for number in range(20)))


def test_the_truth_goes_by_the_lap_in_which_a_picture_was_seen() -> None:
    truth = Truth(CLIP, [(100.0, 100.0)])
    assert truth.captured_s(5, 100.6) == pytest.approx(100.5)
    assert truth.captured_s(5, 102.4) == pytest.approx(100.5)  # its next showing is yet to come
    assert truth.captured_s(5, 102.6) == pytest.approx(102.5)
    assert truth.captured_s(5, 99.0) is None
    assert truth.captured_s(20, 101.0) is None


def test_a_freeze_moves_what_comes_after_it_and_nothing_before() -> None:
    truth = Truth(CLIP, [(100.0, 100.0), (110.8, 105.0)])  # frozen from 105.8 to 110.8
    assert truth.captured_s(17, 105.75) == pytest.approx(105.7)
    assert truth.captured_s(17, 107.0) == pytest.approx(105.7)
    assert truth.captured_s(19, 110.95) == pytest.approx(110.9)
