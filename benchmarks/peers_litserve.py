"""LitServe as a peer of `benchmarks/peers.py`: two workers of one thread, the fast queue, one process for HTTP.

Run in the environment that holds it: `python -m benchmarks.peers_litserve PORT LARGEST_BATCH WAIT_MS`. Frames come as
they are in the body of a POST to /predict, and a worker makes the whole answer: LitServe wraps neither in JSON of its
own.
"""

import sys
from typing import Annotated

import litserve
import msgspec
from fastapi import Body, Response

from jellyfish.core import Detection


class DetectorApi(litserve.LitAPI):
    def setup(self, device: str) -> None:
        from benchmarks.peers_network import open_network  # torch, in the workers alone

        self.network = open_network()

    def decode_request(self, request: Annotated[bytes, Body()]) -> bytes:
        return request

    def predict(self, x: bytes | list[bytes]) -> list[Detection] | list[list[Detection]]:
        return self.network.answer(x) if isinstance(x, list) else self.network.answer([x])[0]

    def encode_response(self, output: list[Detection]) -> Response:
        return Response(msgspec.json.encode(output), media_type="application/json")


if __name__ == "__main__":
    port, largest_batch, wait_ms = sys.argv[1:]
    api = DetectorApi(max_batch_size=int(largest_batch), batch_timeout=float(wait_ms) / 1000)
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=2, fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(port), num_api_servers=1, log_level="warning", generate_client_file=False,
        access_log=False,
    )  # fmt: skip
