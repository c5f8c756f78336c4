"""A whole Jellyfish client: sends one JPEG file 15 times a second and prints what is found in it.

python docs/examples/client.py ws://127.0.0.1:8765/v1/stream photo.jpg
"""

import asyncio
import json
import struct
import sys
import time
import zlib

import aiohttp

HELLO, WELCOME, FRAME, RESULT, PLAN, PING, PONG, BYE, FAREWELL, ERROR = range(1, 11)


def pack(kind: int, body: bytes) -> bytes:
    prefix = struct.pack("<2sBBI", b"JF", 1, kind, len(body))
    return prefix + struct.pack("<I", zlib.crc32(prefix + body)) + body


async def main(url: str, jpeg: bytes, frames: int = 30) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await socket.send_bytes(pack(HELLO, json.dumps({"client": "example", "fps": 15, "slo_ms": 200}).encode()))
        sender = None
        async for message in socket:
            kind, body = message.data[3], message.data[12:]
            received_s = time.monotonic()
            fields = json.loads(body)
            if kind == PING:
                pong = {"server_s": fields["server_s"], "received_s": received_s, "sent_s": time.monotonic()}
                await socket.send_bytes(pack(PONG, json.dumps(pong).encode()))
            elif kind == WELCOME:
                sender = asyncio.create_task(send(socket, jpeg, frames))
            elif kind == RESULT:
                print(fields["frame"], fields.get("reason") or fields.get("detections", []))
            elif kind in (FAREWELL, ERROR):
                print(fields)
        await (sender or asyncio.sleep(0))


async def send(socket: aiohttp.ClientWebSocketResponse, jpeg: bytes, frames: int) -> None:
    for frame in range(frames):
        now = time.monotonic()  # a real camera says here when the picture was taken
        await socket.send_bytes(pack(FRAME, struct.pack("<IHdd", frame, 320, now, now) + jpeg))
        await asyncio.sleep(1 / 15)
    await socket.send_bytes(pack(BYE, b"{}"))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], open(sys.argv[2], "rb").read()))
