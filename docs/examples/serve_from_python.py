"""A server of one's own program (docs/api.md): python serve_from_python.py [MODEL [PORT]]"""

import asyncio
import contextlib
import sys

from jellyfish import InputError, Server


async def main(model: str = "slimmable", port: str = "8765") -> None:
    async with Server(model, devices=["cpu"], planner="shared", target=99.9, port=int(port)) as server:
        print(server.url, flush=True)
        await server.serve_forever()


if __name__ == "__main__":  # processes that run networks begin by importing this file
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(main(*sys.argv[1:]))
    except InputError as error:
        sys.exit(f"error: {error}")
