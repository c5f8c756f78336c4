"""mosec as a peer of `benchmarks/peers.py`: two workers of one thread behind its own HTTP server.

Run in the environment that holds it: `python -m benchmarks.peers_mosec PORT LARGEST_BATCH WAIT_MS`. Frames come as
they are in the body of a POST to /inference.
"""

import os
import sys

import msgspec
from mosec import Server, Worker

from jellyfish.core import Detection


class DetectorWorker(Worker):
    def __init__(self) -> None:
        from benchmarks.peers_network import open_network  # torch, in the workers alone

        super().__init__()
        self.network = open_network()

    def deserialize(self, data: bytes) -> bytes:
        return bytes(data)

    def forward(self, data: bytes | list[bytes]) -> list:
        return self.network.answer(data) if isinstance(data, list) else self.network.answer([data])[0]

    def serialize(self, data: list[Detection]) -> bytes:
        return msgspec.json.encode(data)


if __name__ == "__main__":
    port, largest_batch, wait_ms = sys.argv[1:]
    os.environ["MOSEC_PORT"], os.environ["MOSEC_ADDRESS"], os.environ["MOSEC_LOG_LEVEL"] = port, "127.0.0.1", "warning"
    server = Server()
    server.append_worker(DetectorWorker, num=2, max_batch_size=int(largest_batch), max_wait_time=int(wait_ms))
    server.run()
