"""What sources may be opened, and what FFmpeg opens when it is told so: real files, and a server of the test's own."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
import pytest

from jellyfish.camera.sources.allowed import holds_secret, scheme_of, terms, without_credentials
from jellyfish.config import Allowance
from jellyfish.errors import InputError

STRANGERS = Allowance()


def as_it_is(path: str) -> str:
    return path


@pytest.mark.parametrize(
    ("url", "scheme", "format_"),
    [
        ("rtsp://10.0.0.7/stream", "rtsp", "rtsp"),
        ("RTSPS://name:pass@camera.example:322/a?b=c", "rtsps", "rtsp"),
        ("http://10.0.0.7:8080/video.mjpg", "http", None),
        ("https://camera.example/live.m3u8", "https", None),
        ("v4l2:///dev/video0", "v4l2", "v4l2"),
        ("/dev/video12", "v4l2", "v4l2"),
    ],
)
def test_streams_of_the_network_and_webcams_may_be_opened_by_strangers(
    url: str, scheme: str, format_: str | None
) -> None:
    told = terms(url, STRANGERS, as_it_is)
    assert (told.scheme, told.format) == (scheme, format_)
    assert "file" not in told.options["protocol_whitelist"].split(",")
    assert not {"concat", "sdp", "dash", "image2", "lavfi"} & set(told.options["format_whitelist"].split(","))


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "/etc/passwd", "file:/etc/passwd", "../secret.mp4", "file://localhost/etc/passwd"),
        *("concat:/etc/passwd|/etc/shadow", "subfile,,start,0,end,0,,:/etc/passwd", "data:text/plain;base64,AAAA"),
        *("crypto:/etc/passwd", "async:file:/etc/passwd", "cache:http://x/", "pipe:0", "fd:0", "unix:/run/x.sock"),
        *("udp://0.0.0.0:5000", "rtp://0.0.0.0:5000", "tcp://10.0.0.1:22", "ftp://10.0.0.1/x", "srt://10.0.0.1:9"),
        *("gopher://10.0.0.1/", "tee:a|b", "lavfi:testsrc", "hls+http://10.0.0.1/x", "rtmp://10.0.0.1/x", "smb://a/b"),
        *("rtsp:///etc/passwd", "rtsp://:554/", "http://host:0/", "http://host:70000/", "http://[::1/", "rtsp://"),
        *("rtsp://host/a\r\nX: y", "http://host/a b", "http://host\\@other/", "", "file:", "/srv/\x00"),
        *("v4l2:///etc/passwd", "/dev/sda", "v4l2:///dev/../etc/passwd", "v4l2://host/dev/video0", "/dev/stdin"),
    ],
)
def test_all_else_may_not_and_the_error_has_no_password(url: str) -> None:
    with pytest.raises(InputError):
        terms(url, STRANGERS)
    with pytest.raises(InputError) as refused:
        terms(f"gopher://name:geheim@{url}", STRANGERS)
    assert "geheim" not in str(refused.value)


def test_files_are_taken_below_named_folders_alone_links_and_dots_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "clips", tmp_path / "outside.mp4"
    (folder / "deep").mkdir(parents=True)
    outside.write_bytes(b"")
    (folder / "deep" / "a b.mp4").write_bytes(b"")
    (folder / "link.mp4").symlink_to(outside)
    (tmp_path / "clips-too").mkdir()
    mine = Allowance((folder,))
    for url in (f"{folder}/deep/a b.mp4", f"file://{folder}/deep/a%20b.mp4", f"{folder}/../clips/deep/a b.mp4"):
        assert terms(url, mine).address == f"file:{(folder / 'deep' / 'a b.mp4').resolve()}"
    for url in (f"{folder}/link.mp4", f"{folder}/../outside.mp4", f"{tmp_path}/clips-too/x.mp4", f"file://{outside}"):
        with pytest.raises(InputError, match=str(folder)):
            terms(url, mine)
    assert terms(str(outside)).path == outside.resolve(), "the person at this machine may open any"


def test_a_webcam_by_another_name_is_the_one_that_it_leads_to() -> None:
    def real(path: str) -> str:
        return {"/dev/v4l/by-id/cam": "/dev/video2", "/dev/video9": "/etc/passwd"}[path]

    assert terms("v4l2:///dev/v4l/by-id/cam", STRANGERS, real).address == "/dev/video2"
    with pytest.raises(InputError, match="no webcam"):
        terms("/dev/video9", STRANGERS, real)


def test_a_drives_letter_is_no_scheme() -> None:
    assert scheme_of("C:\\clips\\a.mp4") == scheme_of("clips/a:b.mp4") == "file"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://name:pa@ss@10.0.0.7:554/live?key=1", "rtsp://10.0.0.7:554/live"),
        ("rtsp://name:pa/ss@10.0.0.7/live#x", "rtsp://10.0.0.7/live"),
        ("http://10.0.0.7?token=1", "http://10.0.0.7"),
        ("https://name@camera.example/a/b", "https://camera.example/a/b"),
        ("/srv/clips/a@b?c.mp4", "/srv/clips/a@b?c.mp4"),
        ("rtsp://name:12?geheim@10.0.0.7/live?a#b", "rtsp://10.0.0.7/live"),
        ("rtsp://name:12#ge?heim@10.0.0.7", "rtsp://10.0.0.7"),
        ("rtsp://10.0.0.7/a/user=admin_password=geheim_channel=1/b.sdp", "rtsp://10.0.0.7/a/..."),
        ("http://10.0.0.7/&Password=ge/heim", "http://10.0.0.7/..."),
    ],
)
def test_people_are_shown_no_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        *("rtsp//name:geheim@10.0.0.7/live", "'rtsp://name:geheim@10.0.0.7/live'", "//name:geheim@10.0.0.7/live"),
        *(
            "na_me:geheim@10.0.0.7/live",
            "na_me:ge/heim@10.0.0.7",
            "rtsp;//name:geheim@h",
            "\ufeffrtsp://name:geheim@h/",
        ),
        *("rtsp://name:12?geheim@10.0.0.7/live", "http://name:12#geheim@10.0.0.7/live"),
    ],
)
@pytest.mark.parametrize("allowance", [None, STRANGERS])
def test_a_mistyped_url_is_no_file_and_its_password_is_not_repeated(url: str, allowance: Allowance | None) -> None:
    with pytest.raises(InputError, match="URL") as refused:
        terms(url, allowance, as_it_is)
    assert "heim" not in str(refused.value)


@pytest.mark.parametrize("path", ["clips/a@b:c.mp4", "./a:b@c.mp4", "http/a.mp4", "C:\\clips\\a@b.mp4", "rtsp.mp4"])
def test_files_of_odd_names_are_files(path: str) -> None:
    assert terms(path, None, as_it_is).scheme == "file"


def test_a_secret_may_stand_in_a_path() -> None:
    assert holds_secret("rtsp://10.0.0.7/user=admin&password=&channel=1")
    assert not holds_secret("rtsp://10.0.0.7/channel=1/live?fps=5")


# --- what FFmpeg does with it ----------------------------------------------------------------------------------------


class Camera(http.server.BaseHTTPRequestHandler):
    """Answers by its class's `pages`: path -> (status, headers, body)."""

    pages: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, headers, body = self.pages.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not to the test's output."""


Site = Callable[[dict[str, tuple[int, dict[str, str], bytes]]], str]


@pytest.fixture
def site() -> Iterator[Site]:
    """Serves pages; the address of its root."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def serving(pages: dict[str, tuple[int, dict[str, str], bytes]]) -> str:
        Camera.pages, Camera.asked = pages, []
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serving
    server.shutdown()
    thread.join()
    server.server_close()


def frames_of(url: str, allowance: Allowance | None = STRANGERS) -> int:
    """Frames that FFmpeg finds behind a URL within its bounds, of the first few."""
    told = terms(url, allowance)
    with av.open(told.address, format=told.format, options=dict(told.options), timeout=5) as container:
        return sum(1 for _, _ in zip(container.decode(video=0), range(3), strict=False))


def is_refused(url: str, allowance: Allowance | None = STRANGERS) -> bool:
    """Whether FFmpeg finds nothing to show behind a URL."""
    try:
        return frames_of(url, allowance) == 0
    except av.FFmpegError:
        return True


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Some frames as a part of an HLS stream."""
    path = tmp_path_factory.mktemp("hls") / "part.ts"
    with av.open(str(path), "w", format="mpegts") as out:
        stream = out.add_stream("mpeg2video", rate=15)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for shade in range(10):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((96, 160, 3), 20 * shade, np.uint8))))
        out.mux(stream.encode(None))
    return path.read_bytes()


def playlist(*parts: str, key: str = "") -> tuple[int, dict[str, str], bytes]:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", key]
    lines += [f"#EXTINF:0.6,\n{part}" for part in parts] + ["#EXT-X-ENDLIST", ""]
    return 200, {"Content-Type": "application/vnd.apple.mpegurl"}, "\n".join(filter(None, lines)).encode() + b"\n"


def test_a_playlist_of_the_network_and_a_redirect_within_it_are_played(site: Site, segment: bytes) -> None:
    root = site(
        {
            "/live.m3u8": playlist("part.ts"),
            "/part.ts": (200, {"Content-Type": "video/mp2t"}, segment),
            "/moved": (302, {"Location": "/live.m3u8"}, b""),
        }
    )
    assert frames_of(f"{root}/live.m3u8") == frames_of(f"{root}/moved") == 3


@pytest.mark.parametrize(
    "form", ["{}", "file:{}", "file://{}", "concat:{}", "subfile,,start,0,end,0,,:{}", "crypto:{}"]
)
def test_a_playlist_opens_no_file(site: Site, segment: bytes, tmp_path: Path, form: str) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(segment)
    assert frames_of(str(secret), None) == 3, "it could be played"
    root = site({"/live.m3u8": playlist(form.format(secret))})
    assert is_refused(f"{root}/live.m3u8")
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{form.format(secret)}"'
    root = site({"/live.m3u8": playlist("part.ts", key=key), "/part.ts": (200, {}, segment)})
    assert is_refused(f"{root}/live.m3u8")


@pytest.mark.parametrize("place", ["file://{}", "file:{}", "concat:{}", "tcp://127.0.0.1:{port}", "data:,x"])
def test_a_redirect_leads_to_no_file_and_no_other_protocol(
    site: Site, segment: bytes, tmp_path: Path, place: str
) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(segment)
    root = site({"/moved": (302, {"Location": place.format(secret, port=9)}, b"")})
    assert is_refused(f"{root}/moved")


def list_of_files(path: Path) -> bytes:
    return f"ffconcat version 1.0\nfile '{path.name}'\n".encode()


def description(_: Path) -> bytes:
    return b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 5004 RTP/AVP 96\r\n" + (
        b"a=rtpmap:96 H264/90000\r\n"
    )


@pytest.mark.parametrize("written", [list_of_files, description])
def test_what_names_other_places_is_not_taken_for_a_video(
    site: Site, segment: bytes, tmp_path: Path, written: Callable[[Path], bytes]
) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(segment)
    body = written(secret)
    root = site({"/x": (200, {"Content-Type": "text/plain"}, body), "/secret.ts": (200, {}, segment)})
    assert is_refused(f"{root}/x")
    assert Camera.asked == ["/x"] * len(Camera.asked)
    (tmp_path / "x.ffconcat").write_bytes(body)
    assert is_refused(str(tmp_path / "x.ffconcat"), Allowance((tmp_path,)))


def test_a_playlist_among_allowed_files_opens_nothing(segment: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (tmp_path / "secret.ts").write_bytes(segment)
    (folder / "a.ts").write_bytes(segment)
    (folder / "a.m3u8").write_bytes(playlist("../secret.ts")[2])
    assert frames_of(str(folder / "a.ts"), Allowance((folder,))) == 3
    assert is_refused(str(folder / "a.m3u8"), Allowance((folder,)))


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("rtsp://name:pass@10.0.0.7/main", True),
        ("rtsp://10.0.0.7/main?channel=1", False),
        ("http://10.0.0.7/image?user=admin&pwd=", True),
        ("http://10.0.0.7/live.m3u8?token=1", True),
        ("folder/name:pass@x", False),
        ("dshow:video=Camera", False),
    ],
)
def test_whether_a_password_may_be_in_it(url: str, secret: bool) -> None:
    assert holds_secret(url) == secret


def test_webcams_of_other_systems_are_for_whoever_sits_at_one() -> None:
    told = terms("dshow:video=Integrated Camera")
    assert (told.address, told.format) == ("video=Integrated Camera", "dshow")
    assert terms("avfoundation:0").address == "0"
    for url, allowance in (("avfoundation:0", STRANGERS), ("dshow:", None)):
        with pytest.raises(InputError):
            terms(url, allowance)
