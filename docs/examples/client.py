"""A whole Jellyfish client: captures 15 frames a second, all of them one JPEG file, and prints what is found in each.

python docs/examples/client.py ws://127.0.0.1:8765/v1/stream photo.jpg
"""

import asyncio
import json
import struct
import sys
import time
import zlib

import aiohttp

HELLO, WELCOME, FRAME, RESULT, PLAN, PING, PONG, BYE, FAREWELL, ERROR, ARRIVED, REPORT = range(1, 13)
FPS, SLO_S = 15, 0.2


def pack(kind: int, body: bytes) -> bytes:
    prefix = struct.pack("<2sBBI", b"JF", 1, kind, len(body))
    return prefix + struct.pack("<I", zlib.crc32(prefix + body)) + body


class Account:
    """What a report tells: what became of the frames captured since the welcome."""

    def __init__(self) -> None:
        self.report = {"captured": 0, "on_time": 0, "missed": {}}
        self.captured_s: dict[int, float] = {}  # frames without an outcome

    def captured(self, frame: int, now: float) -> None:
        self.report["captured"] += 1
        self.captured_s[frame] = now

    def missed(self, frame: int, outcome: str, reason: str) -> None:
        del self.captured_s[frame]
        reasons = self.report["missed"].setdefault(outcome, {})
        reasons[reason] = reasons.get(reason, 0) + 1

    def ended(self, result: dict, now: float) -> None:
        if "reason" in result:
            self.missed(result["frame"], "dropped", result["reason"])
        elif now - self.captured_s[result["frame"]] > SLO_S:
            self.missed(result["frame"], "late", "network")  # or "server", if most of the time was its
        else:
            del self.captured_s[result["frame"]]
            self.report["on_time"] += 1


async def main(url: str, jpeg: bytes, frames: int = 30) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        hello = {"client": "example", "fps": FPS, "slo_ms": 1000 * SLO_S}
        await socket.send_bytes(pack(HELLO, json.dumps(hello).encode()))
        sender, account, terms = None, Account(), {}
        async for message in socket:
            kind, body = message.data[3], message.data[12:]
            received_s = time.monotonic()
            fields = json.loads(body)
            if kind == PING:
                pong = {"server_s": fields["server_s"], "received_s": received_s, "sent_s": time.monotonic()}
                await socket.send_bytes(pack(PONG, json.dumps(pong).encode()))
            elif kind == WELCOME:
                terms.update(fields)
                sender = asyncio.create_task(send(socket, jpeg, frames, terms, account))
            elif kind == PLAN:
                terms["plan"] = fields
            elif kind == RESULT:
                account.ended(fields, received_s)
                print(fields["frame"], fields.get("reason") or fields.get("detections", []))
            elif kind in (FAREWELL, ERROR):
                print(fields)
        await (sender or asyncio.sleep(0))


async def send(
    socket: aiohttp.ClientWebSocketResponse, jpeg: bytes, frames: int, terms: dict, account: Account
) -> None:
    due_s = 0.0
    for frame in range(frames):
        now = time.monotonic()  # a real camera says here when the picture was taken
        account.captured(frame, now)
        if now >= due_s:
            await socket.send_bytes(
                pack(FRAME, struct.pack("<IHdd", frame, terms["plan"]["resolution"], now, now) + jpeg)
            )
            due_s = now + 0.99 / terms["plan"].get("fps", 2 * FPS)  # a plan without `fps` takes every frame
        else:
            account.missed(frame, "skipped", "thinned")
        if terms.get("reports") and frame % FPS == FPS - 1:
            await socket.send_bytes(pack(REPORT, json.dumps(account.report).encode()))
        await asyncio.sleep(1 / FPS)
    await socket.send_bytes(pack(BYE, json.dumps({"report": account.report}).encode()))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], open(sys.argv[2], "rb").read()))
