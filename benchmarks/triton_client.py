"""Triton's own client, as it comes from PyPI, against a server: does it work, and what becomes of a load?

    python -m benchmarks.triton_client [--seconds 10] [--loads 30 150]

Starts `jellyfish serve --variant w100e1-320 --grpc-port ...` and calls it, from an environment of its own that holds
`tritonclient` (`benchmarks/triton_client_calls.py`): health, metadata, configuration, the index, inference with files
and pixels, binary and JSON, one image and several; how errors come out; whether boxes, scores and labels are those that
a stream gets for the same JPEG, number for number, over HTTP and gRPC. Then a load of requests at random times with a
timeout, from its asynchronous clients: answered, refused, and answered later than the timeout allows by the client's
clock, on which the way there and back and the client's own time come on top. The exit code is 1 where something is not
as it must be.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from benchmarks.peers import ROOT, System, environment, free_port

PACKAGES = ("tritonclient[http,grpc]==2.73.0",)
VARIANT = "w100e1-320"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="of each load")
    parser.add_argument("--loads", type=float, nargs="+", default=[30, 150], help="requests a second")
    cache = platformdirs.user_cache_path("jellyfish")
    parser.add_argument("--environment", type=Path, default=cache, help="folder to make the client's environment in")
    arguments = parser.parse_args(words)
    python, grpc_port = environment(arguments.environment, "triton-client-environment", PACKAGES), str(free_port())
    command = ("cli.py", "serve", "--variant", VARIANT, "--port", "PORT", "--grpc-port", grpc_port)
    server = System("jellyfish", ROOT, (sys.executable, *command), "127.0.0.1:PORT", ("ready", 1), {})
    with server.serving() as (address, _):
        module = ("-m", "benchmarks.triton_client_calls")
        what = (address, f"127.0.0.1:{grpc_port}", str(arguments.seconds), *map(str, arguments.loads))
        call = [str(python), *module, *what]
        done = subprocess.run(call, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
