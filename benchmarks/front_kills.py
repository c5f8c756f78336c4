"""Kill a server (a front) in mid-stream, again and again: how soon are its cameras answered in time by another, and
what do the others' cameras notice? On this machine, over real sockets: a worker, two fronts that share it, cameras.

python -m benchmarks.front_kills --kills 20
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median

from benchmarks.small_site import Program, Site, SiteCamera, free_port, site, streaming
from jellyfish.api.camera import FrameAnswer

FPS, SLO_MS, EACH_S = 10.0, 200.0, 0.002
BEFORE_S, AFTER_S = 3.0, 3.0
"""How long things are looked at."""


class Kills:
    """What was seen."""

    def __init__(self) -> None:
        self.first_s: list[float] = []
        """From the kill to the first answer in time, of each camera of the front that was killed."""
        self.lost = self.captured = 0
        """Of frames of these cameras, those without an outcome; and all."""
        self.others: tuple[list[FrameAnswer], list[FrameAnswer]] = [], []
        """What became of frames of the other front's cameras before kills, and after them."""

    def told(self) -> str:
        """In words."""
        before, after = map(_missed, self.others)
        return (
            f"first answer in time after the kill: {median(self.first_s):.2f} s (median), {max(self.first_s):.2f} s "
            f"(worst) of {len(self.first_s)} cameras; frames without an outcome: {self.lost} of {self.captured}; "
            f"others missed {before} before, {after} after"
        )


async def kill_once(here: Site, victim: Program, cameras: int, others: list[SiteCamera], kills: Kills) -> None:
    """Cameras come to a front, it is killed, and they go on."""
    now = asyncio.get_running_loop().time
    theirs = [SiteCamera(f"theirs-{number}", victim.address, FPS, SLO_MS) for number in range(cameras)]
    async with streaming(*theirs):
        await asyncio.gather(*(camera.first_on_time_s(0.0) for camera in theirs))
        await asyncio.sleep(BEFORE_S)
        killed_s = now()
        await victim.kill()
        first_s = await asyncio.gather(*(camera.first_on_time_s(killed_s) for camera in theirs))
        await asyncio.sleep(AFTER_S)
    kills.first_s += [each_s - killed_s for each_s in first_s]
    kills.captured += sum(camera.captured for camera in theirs)
    kills.lost += sum(camera.captured - len(camera.ended) for camera in theirs)
    for seen, from_s in zip(kills.others, (killed_s - BEFORE_S, killed_s), strict=True):
        for camera in others:
            seen += camera.between(from_s, from_s + AFTER_S)


def _missed(answers: list[FrameAnswer]) -> str:
    """How many, and why."""
    why = Counter(str(answer.reason) for answer in answers if not answer.on_time)
    reasons = ", ".join(f"{reason} {many}" for reason, many in why.most_common(4))
    return f"{100 * why.total() / max(len(answers), 1):.2f} % of {len(answers)} frames ({reasons or 'none'})"


async def main(kills: int, cameras: int) -> None:
    seen = Kills()
    with tempfile.TemporaryDirectory() as folder:
        async with site(Path(folder), EACH_S) as here:
            worker, port = await here.worker(), free_port()
            stays = await here.front(free_port(), worker)
            others = [SiteCamera(f"others-{number}", stays.address, FPS, SLO_MS) for number in range(cameras)]
            async with streaming(*others):
                for number in range(kills):
                    await kill_once(here, await here.front(port, worker), cameras, others, seen)
                    print(f"{number + 1}: {seen.told()}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--cameras", type=int, default=4, help="of each front")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.kills, arguments.cameras))
