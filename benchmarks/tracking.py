"""Objects that keep their numbers: labelled clips through a real server with `--track`, beside the library's own loop.

    python -m benchmarks.tracking [--variant w100e2-448] [--seconds 20] [CLIP ...]

Each clip is played by a camera at 15 frames a second, and watched (`/v1/watch`). Figures are CLEAR MOT's: how often an
object gets another number, and MOTA. Beside it, on the very detections that the server told: the library's loop as its
own documentation has it, at the same settings and at its defaults; and ByteTrack of the package `trackers`, where that
is installed (Apache-2.0; not into the same environment: it replaces OpenCV).

Then: how well boxes fit (mean IoU) where their objects are 67, 133 and 267 ms later, as they were and carried forward.
What following costs is time of the event loop, for each frame.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple

import aiohttp
import numpy as np
import uvloop
from rich.console import Console

from benchmarks.clear_mot import ClearMot, Followed, boxes, clear_mot
from jellyfish.api.camera import Camera
from jellyfish.camera.sources.file import VideoSource
from jellyfish.config import ServerConfig
from jellyfish.core import Detection, LabelledObject
from jellyfish.edge.fusion.association import overlap, paired
from jellyfish.modes.object_tracker import LEAST_OVERLAP, LOST_S, SURE, ByteTracker
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.serving import serving
from jellyfish.server.watching.following import Following
from jellyfish.server.watching.seen import Seen

FPS, SLO_MS = 15, 500.0
"""Much time: what is looked at is following, not being in time."""
CLIPS = Path(__file__).parents[1] / "videos"
AHEAD = (1, 2, 4)
"""Frames."""


class Answered(NamedTuple):
    """A frame as a watcher was told of it."""

    frame: int
    detections: list[Detection]
    tracks: list[int | None]


class Clip(NamedTuple):
    """What was told, and what is true."""

    name: str
    told: list[Answered]
    labels: list[list[LabelledObject]]
    """By frame."""


async def played(url: str, clip: Path, seconds: float) -> Clip:
    """A clip through the server at `url`."""
    told: dict[int, dict[str, Any]] = {}
    watch_url = url.removesuffix("stream") + f"watch?camera={clip.stem}"

    async def watch(http: aiohttp.ClientSession) -> None:
        async with http.ws_connect(watch_url) as socket:
            watching.set()
            async for message in socket:
                answer = json.loads(message.data)
                if "detections" in answer:
                    told[answer["frame"]] = answer

    with VideoSource(clip) as source:
        assert source.labels is not None, f"{clip} has no labels beside it"
        step, watching = round(source.fps / FPS), asyncio.Event()
        frames = range(0, min(source.frames, round(seconds * source.fps)), step)
        async with aiohttp.ClientSession() as http, Camera(url, fps=FPS, slo_ms=SLO_MS, name=clip.stem) as camera:
            watched = asyncio.create_task(watch(http))
            await watching.wait()
            asked, due_s = [], time.monotonic()
            for frame in frames:
                image = await asyncio.to_thread(source.frame, frame)
                due_s = max(due_s, time.monotonic()) + 1 / FPS
                asked.append(asyncio.create_task(camera.infer(image)))
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            await asyncio.gather(*asked)
            await asyncio.sleep(0.5)
            watched.cancel()
            classes = camera.model.classes
        labels = [source.labels[frame] for frame in frames]
    return Clip(clip.stem, [_answered(told[frame], classes) for frame in sorted(told)], labels)


def _answered(answer: dict[str, Any], classes: Sequence[str]) -> Answered:
    found = answer["detections"]
    detections = [Detection(classes.index(one["label"]), one["score"], *one["box"]) for one in found]
    return Answered(answer["frame"], detections, [one.get("track") for one in found])


def figures(clips: list[Clip], tracks_of: Callable[[Clip], list[list[int | None]]]) -> ClearMot:
    """Of all clips together; frames that were not answered are left out."""
    total = ClearMot(0, 0, 0, 0)
    for clip in clips:
        frames = [
            (
                clip.labels[answer.frame],
                [Followed(t, d) for t, d in zip(tracks, answer.detections, strict=True) if t is not None],
            )
            for answer, tracks in zip(clip.told, tracks_of(clip), strict=True)
        ]
        total = total.plus(clear_mot(frames))
    return total


def own_loop(clip: Clip, **settings: Any) -> list[list[int | None]]:
    """As the library's documentation has it: every detection that it gives a name has one."""
    from edgefirst.tracker import ByteTrack

    tracker, names, tracks = ByteTrack(**settings), dict[str, int](), []
    for answer in clip.told:
        scores = np.array([one.score for one in answer.detections], np.float32)
        labels = np.array([one.label for one in answer.detections], np.uint64)
        found = tracker.update(boxes(answer.detections), scores, labels, round(answer.frame / FPS * 1e9))
        tracks.append([None if one is None else names.setdefault(one.uuid, len(names)) for one in found])
    return tracks


def other_package(clip: Clip) -> list[list[int | None]]:
    """`trackers`, which has pixels for boxes, and the detections that it takes in another order."""
    import supervision
    from trackers import ByteTrackTracker

    tracker, tracks = (
        ByteTrackTracker(frame_rate=FPS, track_activation_threshold=SURE, high_conf_det_threshold=SURE),
        [],
    )
    for answer in clip.told:
        found = supervision.Detections(
            xyxy=1000.0 * boxes(answer.detections),
            confidence=np.array([one.score for one in answer.detections]),
            class_id=np.array([one.label for one in answer.detections], int),
            data={"index": np.arange(len(answer.detections))},
        )
        followed = tracker.update(found)
        mine: list[int | None] = [None] * len(answer.detections)
        for index, track in zip(followed.data.get("index", ()), followed.tracker_id, strict=True):
            mine[int(index)] = int(track) if track >= 0 else None
        tracks.append(mine)
    return tracks


def carried_forward(clips: list[Clip]) -> tuple[dict[int, tuple[float, float]], list[float]]:
    """Frames ahead -> mean IoU as boxes were, and carried; and what following took for each frame, in milliseconds."""
    fits: dict[int, list[tuple[float, float]]] = {ahead: [] for ahead in AHEAD}
    took_ms: list[float] = []
    for clip in clips:
        following = Following(ByteTracker)
        for answer in clip.told:
            moment_s = answer.frame / FPS
            plain = Seen(clip.name, "", answer.frame, moment_s, 0, 0, 1, detections=tuple(answer.detections))
            began_s = time.perf_counter()
            seen = following.followed(plain)
            took_ms.append(1000 * (time.perf_counter() - began_s))
            for ahead in AHEAD:
                if answer.frame + ahead < len(clip.labels):
                    fits[ahead] += _fits(
                        seen, clip.labels[answer.frame], clip.labels[answer.frame + ahead], ahead / FPS
                    )
    return {
        ahead: (mean(one for one, _ in each), mean(one for _, one in each)) for ahead, each in fits.items()
    }, took_ms


def _fits(
    seen: Seen, now: list[LabelledObject], later: list[LabelledObject], ahead_s: float
) -> list[tuple[float, float]]:
    """IoU of each box that found an object with where that is later: as it was, and carried."""
    asked, there = [thing for thing in now if not thing.ignore], {thing.track: thing for thing in later}
    if not asked or not seen.detections:
        return []
    labels = [np.array([one.label for one in each], np.intp) for each in (seen.detections, asked)]
    i, j = paired(boxes(seen.detections), labels[0], boxes(asked), labels[1])
    moved = seen.carried_to(seen.captured_s + ahead_s).detections
    pairs = [(a, there[asked[b].track]) for a, b in zip(i, j, strict=True) if asked[b].track in there]
    return [(_share(seen.detections[a], thing), _share(moved[a], thing)) for a, thing in pairs]


def _share(one: Detection, thing: LabelledObject) -> float:
    return float(overlap(boxes([one]), boxes([thing]))[0, 0])


async def measured(clips: list[Path], variant: str, seconds: float) -> list[Clip]:
    with ProgressReport(Console(stderr=True)) as progress:
        config = ServerConfig(port=0, variant=variant, track=True)
        async with serving(config, lambda record, service: None, progress) as server:
            return [await played(server.url, clip, seconds) for clip in clips]


def show(clips: list[Clip]) -> None:
    frames, answered = sum(len(clip.labels) for clip in clips), sum(len(clip.told) for clip in clips)
    print(f"{len(clips)} clips, {answered} of {frames} frames answered")
    same = {"high_conf": SURE, "iou": LEAST_OVERLAP, "update": 1.0, "lifespan_ns": round(LOST_S * 1e9)}
    rows: dict[str, Callable[[Clip], list[list[int | None]]]] = {
        "serve --track": lambda clip: [answer.tracks for answer in clip.told],
        "edgefirst-tracker, the same settings": lambda clip: own_loop(clip, **same),
        "edgefirst-tracker, its defaults": own_loop,
    }
    if importlib.util.find_spec("trackers") is not None:
        rows["trackers (ByteTrack)"] = other_package
    for name, tracks_of in rows.items():
        of_it = figures(clips, tracks_of)
        print(
            f"{name:38} MOTA {of_it.mota:.3f}, {of_it.switches} switches of identity, {of_it.missed} missed and "
            f"{of_it.wrong} wrong of {of_it.objects} objects"
        )
    fits, took_ms = carried_forward(clips)
    for ahead, (as_it_was, carried) in fits.items():
        print(
            f"{1000 * ahead / FPS:.0f} ms later boxes fit with an IoU of {as_it_was:.3f}, carried forward {carried:.3f}"
        )
    print(f"following a frame took {median(took_ms):.3f} ms (99th percentile {np.percentile(took_ms, 99):.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "clips", nargs="*", type=Path, metavar="CLIP", help="with labels beside it; default: those that ship"
    )
    parser.add_argument("--variant", default="w100e2-448")
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    clips = arguments.clips or sorted(CLIPS.glob("*.mp4"))
    show(uvloop.run(measured(clips, arguments.variant, arguments.seconds)))


if __name__ == "__main__":
    main()
