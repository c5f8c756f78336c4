"""Every frame that decodes is seen once, at its time, as a person sees it, whatever file it is in."""

from __future__ import annotations

import os
import socket
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from jellyfish.camera.sources.file import VideoSource
from jellyfish.errors import InputError
from jellyfish.media.footage import open_footage, seen
from jellyfish.media.picture import is_picture, read_picture
from tests.media.films import FPS, HEIGHT, IN_ORDER, WIDTH, copied, film, number_of, numbers, shade


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_footage(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ending", ["ts", "m2ts", "mpg", "vob", "avi", "mkv", "mp4", "mov", "flv", "webm"])
def test_all_frames_are_seen_in_every_container(tmp_path: Path, ending: str) -> None:
    codecs = {"mpg": "mpeg1video", "vob": "mpeg2video", "avi": "mpeg4", "webm": "libvpx"}
    options = {"crf": "4", "b": "2000000"} if ending == "webm" else {"b": "2000000"}
    path = film(tmp_path / f"cam.{ending}", 24, codecs.get(ending, "libx264"), 25, **options)
    told, contents = numbers(path)
    assert told == list(range(24))
    assert (contents.timeline.frames, contents.timeline.fps, contents.losses) == (24, 25.0, "")


def test_a_transport_stream_shows_what_the_same_packets_show_as_mp4(tmp_path: Path) -> None:
    packets = film(tmp_path / "cam.mp4", 36)
    stream = copied(packets, tmp_path / "cam.ts", shift_s=7.0)
    with VideoSource(packets) as one, VideoSource(stream) as other:
        for number in [*range(0, 150, 4), 3, 30, 3]:
            assert one.frame_at(number / FPS)[0] == number % 36 == other.frame_at(number / FPS)[0]
            assert np.array_equal(one.frame(number % 36), other.frame(number % 36))


def test_a_stream_may_begin_before_zero(tmp_path: Path) -> None:
    path = copied(film(tmp_path / "a.mp4"), tmp_path / "early.mkv", -1.5, {"avoid_negative_ts": "disabled"})
    told, contents = numbers(path)
    assert told == list(range(24))
    assert (contents.timeline.duration_s, contents.losses) == (2.4, "")


def test_what_an_edit_list_cuts_off_is_not_shown(tmp_path: Path) -> None:
    path = copied(film(tmp_path / "a.mp4", **{"x264-params": IN_ORDER}), tmp_path / "trimmed.mp4", -1.5)
    told, contents = numbers(path)
    assert told == list(range(15, 24))
    assert (contents.timeline.frames, contents.timeline.duration_s, contents.losses) == (9, 0.9, "")


def test_what_is_cut_off_is_said_and_not_played(tmp_path: Path) -> None:
    path = film(tmp_path / "half.mp4", mux={"movflags": "+faststart"}, crf="4")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2])
    told, contents = numbers(path)
    assert 3 < contents.timeline.frames < 24
    assert told == [number for number in range(contents.timeline.frames) if number not in contents.missing]
    assert len(contents.missing) <= 1  # the packet that was cut in two
    assert "it is cut off" in contents.losses and "of 2.4 s are there" in contents.losses


def test_a_matroska_file_that_is_cut_off_says_so(tmp_path: Path) -> None:
    path = film(tmp_path / "half.mkv", 36, crf="4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    told, contents = numbers(path)
    assert 3 < len(told) == contents.timeline.frames < 36
    assert told[:-2] == list(range(len(told) - 2))
    assert "of 3.6 s are there" in contents.losses


def test_damaged_frames_are_counted_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    path = film(tmp_path / "damaged.mp4", crf="4", g="6", **{"x264-params": IN_ORDER})
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    for number in (7, 8):
        start = packets[number].pos or 0
        data[start : start + packets[number].size] = b"\xff" * packets[number].size
    path.write_bytes(data)
    told, contents = numbers(path)
    assert len(told) == 24 - len(contents.missing)
    assert {7, 8} <= contents.missing <= set(range(7, 12))
    assert told[-12:] == list(range(12, 24))
    assert f"{len(contents.missing)} of 24 frames cannot be decoded" in contents.losses
    with VideoSource(path) as source:
        assert number_of(source.frame(8)) == number_of(source.frame(6)) == 6
        assert "cannot be decoded" in source.losses[str(path)]


def test_sound_that_goes_on_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "long-sound.mkv"
    with av.open(str(path), "w") as output:
        video, sound = output.add_stream("libx264", rate=FPS), output.add_stream("pcm_s16le", rate=8000)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(10):
            output.mux(video.encode(av.VideoFrame.from_ndarray(shade(number), format="rgb24")))
        output.mux(video.encode())
        noise = av.AudioFrame.from_ndarray(np.zeros((1, 40_000), np.int16), layout="mono")
        noise.sample_rate = 8000
        output.mux(sound.encode(noise))
        output.mux(sound.encode())
    told, contents = numbers(path)
    assert told == list(range(10))
    assert (contents.timeline.duration_s, contents.losses) == (1.0, "")


def test_a_clock_that_jumps_back_or_ahead_does_not_stop_the_video(tmp_path: Path) -> None:
    clip = film(tmp_path / "a.mp4", 12)
    parts = [copied(clip, tmp_path / f"{shift}.ts", shift).read_bytes() for shift in (500.0, 1.0, 900.0)]
    path = tmp_path / "jumps.ts"
    path.write_bytes(b"".join(parts))
    told, contents = numbers(path)
    assert told == [*range(12)] * 3
    assert (contents.timeline.fps, contents.timeline.duration_s) == (FPS, 3.6)


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [("live.mkv", "libx264", None), ("raw.h264", "libx264", "h264"), ("raw.m2v", "mpeg2video", "mpeg2video"),
     ("cam.mjpeg", "mjpeg", "mjpeg"), ("cam", "mjpeg", "mjpeg"), ("raw.hevc", "libx265", "hevc"),
     ("order.avi", "libx264", None)],
)  # fmt: skip
def test_no_length_is_needed(tmp_path: Path, name: str, codec: str, form: str | None) -> None:
    mux = {"live": "1"} if name == "live.mkv" else {}
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    extra = {"x265-params": "log-level=none"} if codec == "libx265" else {"b": "2000000"}
    path = film(tmp_path / name, 24, codec, 25, mux=mux, form=form, pixels=pixels, **extra)
    assert not is_picture(path)
    told, contents = numbers(path)
    assert told == list(range(24))
    assert (contents.timeline.fps, contents.losses) == (25.0, "")


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("backwards", [False, True])
def test_frames_are_shown_when_their_times_say(tmp_path: Path, ending: str, backwards: bool) -> None:
    steps = [1000] * 4 + [100] * 8
    stamps = [0, *np.cumsum(steps[::-1] if backwards else steps).tolist()]
    path = film(tmp_path / f"varies.{ending}", len(stamps), stamps_ms=stamps)
    with VideoSource(path) as source:
        assert source.frames == len(stamps)
        for number, stamp in enumerate(stamps):
            assert number_of(source.frame_at(stamp / 1000 + 0.001)[1]) == number
            assert number_of(source.frame_at(stamp / 1000 + 0.09)[1]) == number
        assert stamps[-1] / 1000 < source.duration_s < stamps[-1] / 1000 + 1.1


def test_a_rate_that_is_declared_but_not_kept_costs_nothing(tmp_path: Path) -> None:
    stamps = [100 * number for number in range(12)]
    path = film(tmp_path / "declared.mkv", 12, rate=90_000, stamps_ms=stamps)
    told, contents = numbers(path)
    assert told == list(range(12))
    assert contents.timeline.fps == pytest.approx(FPS, rel=0.05)


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_a_phone_held_upright_is_seen_so(tmp_path: Path, rotation: int, turns: int) -> None:
    path = film(tmp_path / "phone.mp4", 3, rotation=rotation)
    with VideoSource(path) as source:
        seen = source.frame(0)
        raw = source.decoded(0).to_ndarray(format="rgb24")
    assert np.array_equal(seen, np.rot90(raw, turns))
    assert (source.width, source.height) == (seen.shape[1], seen.shape[0])
    assert seen.shape[:2] == ((WIDTH, HEIGHT) if turns % 2 else (HEIGHT, WIDTH))


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    for aspect, width in ((Fraction(3, 2), 96), (Fraction(2, 3), 43), (Fraction(101, 100), WIDTH)):
        path = film(tmp_path / f"{width}.ts", 3, aspect=aspect)
        with VideoSource(path) as source:
            assert (source.width, source.height) == (width, HEIGHT)
            assert source.frame(1).shape == (HEIGHT, width, 3)
            assert number_of(source.frame(1)) == 1


def test_pictures_of_a_camera_that_lies_on_its_side_are_turned(tmp_path: Path) -> None:
    exif, path = Image.Exif(), tmp_path / "cam.mjpeg"
    exif[0x0112] = 6
    with path.open("wb") as file:
        for number in range(3):
            Image.fromarray(shade(number)).save(file, "JPEG", exif=exif)
    told, contents = numbers(path)
    assert told == [0, 1, 2]
    assert (contents.orientation, contents.width, contents.height) == (6, HEIGHT, WIDTH)


@pytest.mark.parametrize("form", ["mp4", "mkv", "ts", "avi", "flv", "webm", "mpg", "mjpeg", "png"])
def test_a_jump_shows_the_frame_that_reading_on_would(tmp_path: Path, form: str) -> None:
    path, codecs = tmp_path / f"a.{form}", {"webm": "libvpx", "mpg": "mpeg2video", "mjpeg": "mjpeg"}
    if form == "png":
        pictures = [Image.fromarray(shade(number)) for number in range(24)]
        pictures[0].save(path, save_all=True, append_images=pictures[1:])
    else:
        pixels = "yuvj420p" if form == "mjpeg" else "yuv420p"
        film(path, 24, codecs.get(form, "libx264"), 25, pixels=pixels, b="2000000")
    with VideoSource(path) as steady:
        in_order = [steady.frame(index) for index in range(24)]
        footage = open_footage(path, steady.contents)
        for wanted in np.random.default_rng(0).integers(0, 24, 30).tolist():
            for number, frame in footage.read_from(wanted):
                if number == wanted:
                    assert np.array_equal(seen(frame, footage.contents), in_order[wanted])
                    break
            else:
                raise AssertionError(f"frame {wanted} was not met")
        footage.close()


@pytest.mark.parametrize("name", ["two.png", "two.webp", "two.gif", "two.tiff", "two.avif"])
def test_pictures_that_move_are_played(tmp_path: Path, name: str) -> None:
    path, times = tmp_path / name, [] if name.endswith("tiff") else [200, 400, 600]
    pictures = [Image.fromarray(shade(number)) for number in (1, 9, 17)]
    more = {"duration": times} if times else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **more)
    assert not is_picture(path)
    told, contents = numbers(path)
    assert told == [1, 9, 17]
    assert (contents.width, contents.height) == (WIDTH, HEIGHT)
    assert contents.timeline.duration_s == pytest.approx(sum(times) / 1000 if times else 0.3)
    if times:
        assert [contents.timeline.index_at(time_s) for time_s in (0.1, 0.3, 0.7, 1.3)] == [0, 1, 2, 0]


@pytest.mark.parametrize("name", ["cut.png", "cut.gif", "cut.tiff"])
def test_an_animation_that_is_cut_off_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    pictures = [Image.fromarray(shade(number)) for number in range(6)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    told, contents = numbers(path)
    assert 1 < len(told) < 6 and told == list(range(len(told)))
    assert f"behind picture {len(told)}" in contents.losses


def test_an_animation_that_does_not_say_how_long_its_pictures_last_is_played(tmp_path: Path) -> None:
    pictures = [Image.fromarray(shade(number)) for number in (1, 9)]
    pictures[0].save(tmp_path / "two.png", save_all=True, append_images=pictures[1:])
    assert numbers(tmp_path / "two.png")[0] == [1, 9]


def test_a_photograph_with_previews_or_thumbnails_is_one_picture(tmp_path: Path) -> None:
    picture = Image.fromarray(shade(3))
    small = picture.resize((16, 12))
    picture.save(tmp_path / "a.jpg"), small.save(tmp_path / "b.jpg")
    (tmp_path / "preview.jpg").write_bytes((tmp_path / "a.jpg").read_bytes() + (tmp_path / "b.jpg").read_bytes())
    assert is_picture(tmp_path / "preview.jpg")
    picture.save(tmp_path / "mpo.jpg", format="MPO", save_all=True, append_images=[picture])
    assert is_picture(tmp_path / "mpo.jpg")
    thumbnail = Image.fromarray(shade(3)[::4, ::4])
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    Image.fromarray(shade(3)).save(tmp_path / "thumbnail.tiff", save_all=True, append_images=[thumbnail])
    assert is_picture(tmp_path / "thumbnail.tiff")


def test_a_picture_is_a_video_of_one_frame(tmp_path: Path) -> None:
    Image.fromarray(shade(5)).save(tmp_path / "still.png")
    with VideoSource(tmp_path / "still.png") as source:
        assert source.frames == 1
        assert {number_of(source.frame_at(time_s)[1]) for time_s in (0.0, 0.15, 99.0)} == {5}


@pytest.mark.parametrize("name", ["deep.png", "deep.tiff", "deep.pgm"])
def test_grey_of_16_bits_is_as_bright_as_it_is(tmp_path: Path, name: str) -> None:
    grey = np.linspace(0, 255, 64).astype(np.uint16).reshape(1, 64).repeat(48, axis=0)
    Image.fromarray(grey * 257).save(tmp_path / name)
    assert np.array_equal(read_picture(tmp_path / name), grey[..., None].repeat(3, axis=2))


def test_values_of_which_nothing_says_how_bright_they_are_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(InputError, match="32 bits"):
        read_picture(tmp_path / "float.tiff")


def test_another_source_of_a_file_need_not_look_through_it_again(tmp_path: Path) -> None:
    with VideoSource(film(tmp_path / "a.mp4")) as first, VideoSource(first.path, first) as second:
        assert second.contents is first.contents
        assert np.array_equal(first.frame(20), second.frame(20))


def test_odd_names_are_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where a path begins with the name
    for name in (b"12:30.mp4", b"http:name.mp4", b"name\xff.mp4", b"-o.mp4", b"100%d.mp4", b"a b#c?.mp4"):
        assert numbers(film(Path(os.fsdecode(name)), 3))[0] == [0, 1, 2]


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "it is a pipe" in refusal(tmp_path / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert "it is a socket" in refusal(tmp_path / "s")
    assert "it is a device" in refusal(Path("/dev/null"))
    assert "it is a folder" in refusal(tmp_path)
    assert "there is no video file" in refusal(tmp_path / "none.mp4")
    assert "cannot read" in refusal(tmp_path / ("x" * 300))


def test_what_cannot_be_decoded_is_refused_in_a_line(tmp_path: Path) -> None:
    path = film(tmp_path / "unknown.mp4", 3)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    assert "FFmpeg cannot decode" in refusal(path)
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    assert "HEIC" in refusal(tmp_path / "photo.heic")
    (tmp_path / "empty.mp4").write_bytes(b"")
    assert "not a video" in refusal(tmp_path / "empty.mp4")
    Image.fromarray(shade(0)).save(tmp_path / "half.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "half.png").read_bytes()[:60])
    assert "half.png" in refusal(tmp_path / "half.png")


def test_a_song_with_a_cover_holds_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as output:
        sound, cover = output.add_stream("aac", rate=8000), output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        output.mux(cover.encode(av.VideoFrame.from_ndarray(shade(1), format="rgb24")))
        output.mux(cover.encode())
        noise = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        noise.sample_rate = 8000
        output.mux(sound.encode(noise))
        output.mux(sound.encode())
    assert "holds no video but a cover picture" in refusal(path)


def test_damage_is_counted_where_frames_have_no_times(tmp_path: Path) -> None:
    path = tmp_path / "raw.h264"
    packets = film(tmp_path / "a.mp4", 24, crf="4", g="6", **{"x264-params": IN_ORDER})
    with av.open(str(packets)) as container, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        for number, packet in enumerate(container.demux(video=0)):
            if packet.size:
                data = bytes(packet) if number != 10 else bytes(packet)[:5] + b"\xff" * (packet.size - 5)
                damaged = av.Packet(data)
                damaged.pts, damaged.dts, damaged.stream = packet.pts, packet.dts, stream
                damaged.time_base = packet.time_base
                output.mux(damaged)
    told, contents = numbers(path)
    assert len(told) == contents.timeline.frames == 24 - contents.uncounted < 24
    assert f"{contents.uncounted} of 24 frames cannot be decoded" in contents.losses


def test_a_stream_that_was_joined_late_begins_with_its_first_key_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "late.ts", 36, crf="4")
    data = path.read_bytes()
    path.write_bytes(data[len(data) // 4 // 188 * 188 :])
    told, contents = numbers(path)
    assert told == list(range(12, 36))
    assert (contents.timeline.frames, contents.timeline.duration_s, contents.losses) == (24, 2.4, "")
