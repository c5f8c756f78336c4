"""What sources are called, and what of that is shown."""

from __future__ import annotations

import pytest

from jellyfish.camera.sources.live.address import SourceKind, address_of, holds_secret, shown
from jellyfish.errors import InputError


@pytest.mark.parametrize(
    ("text", "kind", "scheme", "place"),
    [
        ("rtsp://gate:554/main", SourceKind.RTSP, "rtsp", "rtsp://gate:554/main"),
        ("RTSPS://gate/main", SourceKind.RTSP, "rtsps", "RTSPS://gate/main"),
        ("rtsp://user:pass@[::1]:8554/x", SourceKind.RTSP, "rtsp", "rtsp://user:pass@[::1]:8554/x"),
        ("https://gate/live.m3u8?token=1", SourceKind.HTTP, "https", "https://gate/live.m3u8?token=1"),
        ("v4l2:/dev/video1", SourceKind.WEBCAM, "v4l2", "/dev/video1"),
        ("v4l2:///dev/video1", SourceKind.WEBCAM, "v4l2", "/dev/video1"),
        ("/dev/video0", SourceKind.WEBCAM, "v4l2", "/dev/video0"),
        ("dshow:video=Integrated Camera", SourceKind.WEBCAM, "dshow", "video=Integrated Camera"),
        ("avfoundation:0", SourceKind.WEBCAM, "avfoundation", "0"),
        ("videos/clip.mp4", SourceKind.FILE, "file", "videos/clip.mp4"),
        ("C:\\videos\\clip.mp4", SourceKind.FILE, "file", "C:\\videos\\clip.mp4"),
        ("file:///videos/a clip.mp4", SourceKind.FILE, "file", "/videos/a clip.mp4"),
    ],
)
def test_what_a_text_means(text: str, kind: SourceKind, scheme: str, place: str) -> None:
    address = address_of(text)
    assert (address.kind, address.scheme, address.place) == (kind, scheme, place)


@pytest.mark.parametrize(
    "text",
    ["", "ftp://gate/x", "concat:a|b", "rtsp://", "rtsp://:554/x", "http://gate:port/x", "rtsp://ga te/x", "v4l2:"],
)
def test_what_means_nothing_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError, match="give rtsp://") as refused:
        address_of(text)
    assert len(text) < 10 or text not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("rtsp://user:pass@gate:554/main?password=x#y", "rtsp://gate:554/main"),
        ("rtsp://user:p@ss@gate/main", "rtsp://gate/main"),
        ("rtsp://user:p/a@gate/main", "rtsp://gate/main"),
        ("HTTPS://gate/a?key=x", "https://gate/a"),
        ("videos/clip.mp4", "videos/clip.mp4"),
        ("v4l2:/dev/video0", "v4l2:/dev/video0"),
        ("unknown://user:pass@gate", "unknown:..."),
    ],
)
def test_what_people_see_of_it(text: str, visible: str) -> None:
    assert shown(text) == visible


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("rtsp://user:pass@gate/main", True),
        ("rtsp://gate/main?channel=1", False),
        ("http://gate/image?user=admin&pwd=", True),
        ("http://gate/live.m3u8?token=1", True),
        ("folder/user:pass@x", False),
        ("rtsp://gate/main", False),
    ],
)
def test_whether_a_password_may_be_in_it(text: str, secret: bool) -> None:
    assert holds_secret(text) == secret
