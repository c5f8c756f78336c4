"""HTTP requests that no browser sends, as bytes; and what came of one.

    python -m benchmarks.odd_requests [--only NAME ...]

Each is sent to a server like the one in service (`benchmarks/timed_server.py`), one after the other, each over a
connection of its own. The exit code is 1 when one is answered with 500 or as if it were good, when a connection is not
closed in time, or when the server writes more than one line about it, an error or a traceback.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.misbehaving import address
from benchmarks.timed_server import Settings, TimedServer
from jellyfish.config import Limits

CLOSED_WITHIN_S = 5.0
IMPATIENT = Limits(hello_timeout_s=0.5, request_timeout_s=0.5, keep_alive_s=1.0)
"""Of the servers here: what comes before a stream is waited for no longer than that."""
MAY_BE_KEPT = {*range(100, 400), 404, 405, 406, 415, 417, 426}
"""Answers after which a connection may stay open: there was nothing wrong with how the request was written."""
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@dataclass(frozen=True)
class Odd:
    """A request, and whether a server may take it all the same."""

    data: bytes
    good_too: bool = False
    """Whether it is odd but legal: 1xx, 2xx and 3xx are right answers, too."""


def lines(*parts: str | bytes, body: bytes = b"") -> bytes:
    """A request of these lines."""
    return b"\r\n".join([*(part.encode("latin-1") if isinstance(part, str) else part for part in parts), b"", body])


def get(*headers: str | bytes, path: str = "/livez", body: bytes = b"") -> bytes:
    """A request of HTTP/1.1 with a host, and these headers."""
    return lines(f"GET {path} HTTP/1.1", "Host: server", *headers, body=body)


def post(*headers: str | bytes, body: bytes = b"") -> bytes:
    return lines("POST /livez HTTP/1.1", "Host: server", *headers, body=body)


def infer(*headers: str | bytes, body: bytes = b"") -> bytes:
    """A request for inference, which may have a body."""
    return lines("POST /v2/models/tested/infer HTTP/1.1", "Host: server", *headers, body=body)


def camera(method: str, *headers: str, body: bytes = b"") -> bytes:
    """A request about a camera: some of them may have a body, a small one."""
    return lines(f"{method} /v1/cameras/gate HTTP/1.1", "Host: server", *headers, body=body)


def chunked(body: bytes) -> bytes:
    return post("Transfer-Encoding: chunked", body=body)


def upgrading(**changed: str | None) -> bytes:
    """The request of a stream, with some headers changed (`_` stands for `-`) or left out (None)."""
    headers: dict[str, str | None] = {
        "Host": "server", "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13",
    }  # fmt: skip
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    kept = (f"{name}: {value}" for name, value in headers.items() if value is not None)
    return lines("GET /v1/stream HTTP/1.1", *kept)


FIRST_LINES: Mapping[str, bytes] = {
    "nothing but line ends": b"\r\n\r\n\r\n\r\n",
    "no version": lines("GET /livez", "Host: server"),
    "no path": lines("GET HTTP/1.1", "Host: server"),
    "a method alone": lines("GET", "Host: server"),
    "four words": lines("GET /livez extra HTTP/1.1", "Host: server"),
    "HTTP/9.9": lines("GET /livez HTTP/9.9", "Host: server"),
    "HTTP/2.0": lines("GET /livez HTTP/2.0", "Host: server"),
    "HTTP/1.10": lines("GET /livez HTTP/1.10", "Host: server"),
    "HTTP/1": lines("GET /livez HTTP/1", "Host: server"),
    "HTTP/-1.1": lines("GET /livez HTTP/-1.1", "Host: server"),
    "HTTP/x.y": lines("GET /livez HTTP/x.y", "Host: server"),
    "HTPP/1.1": lines("GET /livez HTPP/1.1", "Host: server"),
    "http/1.1 in small letters": lines("GET /livez http/1.1", "Host: server"),
    "PRI * HTTP/2.0": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)) + b"\r\n\r\n",
    "an SSH banner": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "an RTSP request": lines("OPTIONS rtsp://server/media RTSP/1.0", "CSeq: 1"),
    "a SMTP greeting": b"EHLO server\r\n\r\n",
    "binary zeros": bytes(64) + b"\r\n\r\n",
    "a NUL in the method": lines(b"G\0T /livez HTTP/1.1", "Host: server"),
    "a method of 10,000 letters": lines("G" * 10_000 + " /livez HTTP/1.1", "Host: server"),
    "a method with brackets": lines("G[E]T /livez HTTP/1.1", "Host: server"),
    "a blank before the method": lines(" GET /livez HTTP/1.1", "Host: server"),
    "a tab between the words": lines("GET\t/livez\tHTTP/1.1", "Host: server"),
}
"""Name -> what is odd in the first line."""

URLS: Mapping[str, bytes] = {
    "a URL over 8 kB": get(path="/" + "a" * 9000),
    "a URL of 1 MB": get(path="/" + "a" * 10**6),
    "a query over 8 kB": get(path="/livez?" + "a=1&" * 2500),
    "a NUL in the URL": lines(b"GET /li\0vez HTTP/1.1", "Host: server"),
    "a URL without slash": get(path="livez"),
    "a URL with bad escapes": get(path="/%zz%"),
    "a URL with an escaped NUL": get(path="/%00"),
    "a URL with bad UTF-8": get(path="/%ff%fe"),
    "a URL with raw bytes": lines(b"GET /\xff\xfe\x80 HTTP/1.1", "Host: server"),
    "a URL with a fragment": get(path="/livez/#part"),
    "a URL that climbs": get(path="/../../../../etc/passwd"),
    "a URL with a bad port": get(path="http://server:port/livez"),
    "a URL with a port too large": get(path="http://server:99999999/livez"),
    "a URL with half an IPv6 address": get(path="http://[::1/livez"),
    "a URL with a bad IPv6 address": get(path="http://[::zz]/livez"),
    "a URL of another scheme": get(path="ftp://server/livez"),
    "a URL of a scheme alone": get(path="http://"),
    "two slashes": get(path="//livez"),
    "a star": get(path="*"),
    "CONNECT": lines("CONNECT server:443 HTTP/1.1", "Host: server"),
    "CONNECT without port": lines("CONNECT / HTTP/1.1", "Host: server"),
}

HEADERS: Mapping[str, bytes] = {
    "no host": lines("GET /livez HTTP/1.1"),
    "two hosts": get("Host: other"),
    "a host with a blank": lines("GET /livez HTTP/1.1", "Host: ser ver"),
    "a host with a bad port": lines("GET /livez HTTP/1.1", "Host: server:port"),
    "a host that is half an IPv6 address": lines("GET /livez HTTP/1.1", "Host: [::1"),
    "a line without colon": get("this is no header"),
    "a line that begins with a colon": get(": value"),
    "a blank before the colon": get("Name : value"),
    "a folded line": get("Name: value", " continued"),
    "a folded line first": lines("GET /livez HTTP/1.1", " Host: server"),
    "a NUL in a header": get(b"Name: va\0lue"),
    "a NUL in a header's name": get(b"Na\0me: value"),
    "a bare line feed": b"GET /livez HTTP/1.1\nHost: server\nName: value\n\n",
    "a bare carriage return": get(b"Name: va\rlue"),
    "raw bytes in a header": get(b"Name: \xff\xfe\x80"),
    "raw bytes in a header's name": get(b"N\xff\xfe: value"),
    "a header over 8 kB": get("Name: " + "a" * 9000),
    "a header of 1 MB": get("Name: " + "a" * 10**6),
    "a header's name over 8 kB": get("a" * 9000 + ": value"),
    "5,000 headers": get(*(f"Name-{number}: {number}" for number in range(5000))),
    "5,000 headers of one name": get(*("Name: value" for _ in range(5000))),
    "a header that never ends": get("Name: value")[:-2],
    "brackets in a header's name": get("[Name]: value"),
    "an expectation unknown": post("Content-Length: 0", "Expect: miracles"),
    "two connections": get("Connection: close", "Connection: keep-alive"),
    "cookies of 6 kB without names": get("Cookie: " + ";=" * 3000),
    "an authorisation that is none": get("Authorization: " + "\\" * 50),
    "a range that is none": get("Range: bytes=9-1,zz"),
    "a date that is none": get("If-Modified-Since: yesterday at noon"),
}

BODIES: Mapping[str, bytes] = {
    "a camera of 1 MB": camera("PATCH", "Content-Length: 1000000"),
    "a camera of two lengths": camera("PATCH", "Content-Length: 2", "Content-Length: 3", body=b"{}"),
    "a camera in chunks": camera("PATCH", "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "a body of a DELETE": camera("DELETE", "Content-Length: 2", body=b"{}"),
    "Content-Length: -1": post("Content-Length: -1"),
    "Content-Length: +5": post("Content-Length: +5", body=b"12345"),
    "Content-Length: 0x5": post("Content-Length: 0x5", body=b"12345"),
    "Content-Length: 5, 6": post("Content-Length: 5, 6", body=b"12345"),
    "Content-Length: nothing": post("Content-Length:"),
    "Content-Length: words": post("Content-Length: many"),
    "Content-Length with an underscore": post("Content-Length: 1_0", body=b"1234567890"),
    "Content-Length of 30 digits": post("Content-Length: " + "9" * 30),
    "Content-Length of 5,000 digits": post("Content-Length: " + "9" * 5000),
    "two Content-Lengths": post("Content-Length: 5", "Content-Length: 6", body=b"12345"),
    "a body that does not come": post("Content-Length: 1000", body=b"12345"),
    "a body of 1 MB that does not come": post("Content-Length: 1000000"),
    "a body of a GET": get("Content-Length: 5", body=b"12345"),
    "Transfer-Encoding with Content-Length": post(
        "Transfer-Encoding: chunked", "Content-Length: 5", body=b"0\r\n\r\n12345"
    ),
    "Transfer-Encoding: nonsense": post("Transfer-Encoding: nonsense", body=b"12345"),
    "Transfer-Encoding: chunked, chunked": post("Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "Transfer-Encoding: chunked, gzip": post("Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "Transfer-Encoding twice": post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    "Transfer-Encoding in HTTP/1.0": lines(
        "POST /livez HTTP/1.0", "Host: server", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "a chunk size that is none": chunked(b"zz\r\n12345\r\n0\r\n\r\n"),
    "a negative chunk size": chunked(b"-5\r\n12345\r\n0\r\n\r\n"),
    "a chunk size of 5,000 digits": chunked(b"f" * 5000 + b"\r\n12345"),
    "a chunk longer than it says": chunked(b"3\r\n12345\r\n0\r\n\r\n"),
    "a chunk without an end": chunked(b"5\r\n12345"),
    "a chunk extension of 100 kB": chunked(b"5;" + b"a" * 100_000 + b"\r\n12345\r\n0\r\n\r\n"),
    "a chunk extension with a line feed": chunked(b"5;a\nb\r\n12345\r\n0\r\n\r\n"),
    "trailers of 100 kB": chunked(b"0\r\n" + b"Name: value\r\n" * 8000 + b"\r\n"),
    "trailers that are none": chunked(b"0\r\nno colon\r\n\r\n"),
    "bad gzip": post("Content-Encoding: gzip", "Content-Length: 20", body=bytes(20)),
    "half a gzip": post("Content-Encoding: gzip", "Content-Length: 20", body=gzip.compress(bytes(range(256)) * 9)[:20]),
    "gzip with rubbish behind": post(
        "Content-Encoding: gzip", "Transfer-Encoding: chunked",
        body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(gzip.compress(b"a")) + 5, gzip.compress(b"a") + b"12345"),
    ),
    "deflate that is none": post("Content-Encoding: deflate", "Content-Length: 20", body=b"\xff" * 20),
    "40 MB of zeros in deflate": post(
        "Content-Encoding: deflate", f"Content-Length: {len(zlib.compress(bytes(40 * 10**6)))}",
        body=zlib.compress(bytes(40 * 10**6)),
    ),
    "an encoding unknown": post("Content-Encoding: nonsense", "Content-Length: 5", body=b"12345"),
    "a form without a boundary": post("Content-Type: multipart/form-data", "Content-Length: 5", body=b"12345"),
    "a content type that is none": post("Content-Type: ///;;==", "Content-Length: 5", body=b"12345"),
}  # fmt: skip

UPGRADES: Mapping[str, bytes] = {
    "a key that is no base64": upgrading(Sec_WebSocket_Key="!!! no base64 !!!"),
    "a key too short": upgrading(Sec_WebSocket_Key="c2hvcnQ="),
    "a key of odd length": upgrading(Sec_WebSocket_Key="abc"),
    "a key of 5 kB": upgrading(Sec_WebSocket_Key="A" * 5000),
    "a key with raw bytes": upgrading(Sec_WebSocket_Key="\xff\xfe\xfd"),
    "no key": upgrading(Sec_WebSocket_Key=None),
    "an empty key": upgrading(Sec_WebSocket_Key=""),
    "no WebSocket version": upgrading(Sec_WebSocket_Version=None),
    "WebSocket version 99": upgrading(Sec_WebSocket_Version="99"),
    "a WebSocket version that is none": upgrading(Sec_WebSocket_Version="thirteen"),
    "an upgrade to something else": upgrading(Upgrade="h2c"),
    "an upgrade without connection": upgrading(Connection=None),
    "a connection without upgrade": upgrading(Upgrade=None),
    "no upgrade at all": get(path="/v1/stream"),
    "an upgrade by POST": lines(
        "POST /v1/stream HTTP/1.1", "Host: server", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", "Content-Length: 0",
    ),
    "an upgrade in HTTP/1.0": upgrading().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "watching without cameras that there can be": get(path="/v1/watch?camera=" + "a" * 200),
    "watching what there is not": get(path="/v1/watch?camera=a&nothing=1"),
    "watching at a rate that is none": get(path="/v1/watch?pictures_fps=-1e999"),
    "watching by an upgrade that is no WebSocket's": get("Upgrade: h2c", "Connection: Upgrade", path="/v1/watch"),
    "watching by a WebSocket without key": upgrading(Sec_WebSocket_Key=None).replace(b"/v1/stream", b"/v1/watch"),
    "the picture of a camera that is not here": get(path="/v1/cameras/%00%ff/picture"),
    "an upgrade of the wrong path": upgrading().replace(b"/v1/stream", b"/v9/stream"),
}  # fmt: skip

INFERENCES: Mapping[str, bytes] = {
    "an inference of nothing": infer("Content-Length: 0"),
    "an inference without length": infer(),
    "an inference in chunks": infer("Transfer-Encoding: chunked", body=b"5\r\n12345\r\n0\r\n\r\n"),
    "an inference of two lengths": infer("Content-Length: 2", "Content-Length: 5", body=b"{}345"),
    "an inference of chunks and a length": infer("Content-Length: 5", "Transfer-Encoding: chunked", body=b"12345"),
    "an inference that does not come whole": infer("Content-Length: 1000", body=b"12345"),
    "an inference of a terabyte": infer("Content-Length: 1000000000000", body=b"12345"),
    "an inference that is no JSON": infer("Content-Length: 5", body=b"12345"),
    "an inference of 900 kB of brackets": infer("Content-Length: 900000", body=b"[" * 900_000),
    "an inference whose JSON is longer than it": infer(
        "Inference-Header-Content-Length: 9", "Content-Length: 5", body=b"12345"
    ),
    "an inference of a file that is none": infer(
        "Inference-Header-Content-Length: 0", "Content-Length: 5", body=b"12345"
    ),
    "an inference in gzip": infer("Content-Encoding: gzip", "Content-Length: 20", body=gzip.compress(b"")[:20]),
}
"""Name -> what is odd in a request that may have a body."""

LEGAL = {
    "nothing but line ends", "HTTP/1.10", "a tab between the words", "a URL with a fragment", "a query over 8 kB",
    "a bare line feed", "a host with a blank", "a host with a bad port", "a host that is half an IPv6 address",
    "raw bytes in a header", "two connections", "cookies of 6 kB without names", "an authorisation that is none",
    "a range that is none", "a date that is none", "a body of a GET", "a URL of a scheme alone", "two slashes",
    "a URL of another scheme", "a URL with a bad port", "a URL with a port too large", "a URL with a bad IPv6 address",
    "a folded line", "an expectation unknown", "a blank before the method", "no version", "HTTP/2.0",
    "an upgrade in HTTP/1.0",
}  # fmt: skip
"""Those that a server may take: what is odd in them is legal, allowed to be ignored, or of no concern to it."""

ODD: Mapping[str, Odd] = {
    name: Odd(data, name in LEGAL)
    for name, data in {**FIRST_LINES, **URLS, **HEADERS, **BODIES, **UPGRADES, **INFERENCES}.items()
}


@dataclass(frozen=True)
class Reply:
    """What came of a request."""

    status: int | None
    """None: the connection was closed without one."""
    closed_s: float | None
    """After so long the server closed the connection; None: it did not, or need not have."""


async def reply_to(data: bytes, where: tuple[str, int], limit_s: float = CLOSED_WITHIN_S) -> Reply:
    """Send it and wait for the end of the connection, or for an answer after which that need not end."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    reader, writer = await asyncio.open_connection(*where)
    received = b""
    try:
        async with asyncio.timeout(limit_s):
            writer.write(data)
            while more := await reader.read(2**16):
                received += more
                if (status := status_of(received)) in MAY_BE_KEPT:
                    return Reply(status, None)
        closed_s: float | None = loop.time() - began_s
    except ConnectionError:
        closed_s = loop.time() - began_s
    except TimeoutError:
        closed_s = None
    finally:
        writer.transport.abort()
    return Reply(status_of(received), closed_s)


def status_of(received: bytes) -> int | None:
    """Of the first line of an answer; None where it is none."""
    words = received.split(b"\r\n", 1)[0].split(b" ")
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit() else None


def faults(odd: Odd, reply: Reply) -> list[str]:
    """What is wrong with such a reply."""
    found = []
    if reply.status is not None and (reply.status == 500 or (reply.status < 400 and not odd.good_too)):
        found.append(f"answered {reply.status}")
    if reply.closed_s is None and reply.status not in MAY_BE_KEPT:
        found.append("not closed")
    return found


async def ask_all(server: TimedServer, names: list[str], console: Console) -> Table:
    """Each in turn, and what the server logged meanwhile."""
    shown = Table("request", "answer", "closed after s", "lines logged", "fault")
    for name in names:
        reply = await reply_to(ODD[name].data, address(server.url))
        logged = server.look().logged
        written = sum(each.lines for each in logged)
        found = faults(ODD[name], reply)
        found += [f"logged {each.text.splitlines()[0]}" for each in logged if each.bad][:1]
        found += [f"{written} lines"] if written > 1 else []
        closed = "-" if reply.closed_s is None else f"{reply.closed_s:.1f}"
        shown.add_row(name, str(reply.status or "-"), closed, str(written), "; ".join(found))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=tuple(ODD), metavar="NAME")
    arguments, console = parser.parse_args(), Console(width=150)
    with TimedServer(Settings(IMPATIENT)) as server:
        shown = asyncio.run(ask_all(server, arguments.only or list(ODD), console))
    console.print(shown)
    wrong = sum(bool(fault) for fault in shown.columns[-1].cells)
    console.print(f"{wrong} of {shown.row_count} requests had a fault")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
