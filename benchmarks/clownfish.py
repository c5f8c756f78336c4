"""What is a far cloud worth to a device? F1 of the small network, the large one, and both fused.

    python -m benchmarks.clownfish [--video FILE ...] [--lte FILE] [--links none 5mbps ...] [--filters gain periodic]
                                   [--period 5 20] [--draw FOLDER]

Clips x links x filters, in virtual time: the networks look at every frame once (kept in --cache; a minute per clip of
20 s), after that a run takes a few seconds and is the same every time. Clips without labels beside them are scored
against what the large network finds in every frame. The share of the gap is (fused - local) / (cloud - local), with the
cloud as if its answers took no time. `held`: its newest answer at hand, as it is. Fusion's processor time is per frame,
the taking in of an answer included. `--draw` writes frames of the first clip over 5 Mbit/s: local, held and fused side
by side.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from benchmarks.clownfish_replay import Link, Played, Seen, look, play
from jellyfish.camera.sources.file import VideoSource
from jellyfish.config import DEFAULT_LOCAL, DEFAULT_PERIOD
from jellyfish.core import Variant
from jellyfish.devices.naming import parse_variant
from jellyfish.link.synthetic import constant, resolve_trace
from jellyfish.link.trace import BandwidthTrace
from jellyfish.media.draw import draw
from jellyfish.models.slimmable.street import CLASSES
from jellyfish.models.slimmable.weights import Weights, load_weights
from jellyfish.modes.edge_fleet import FILTERS
from jellyfish.modes.progress import ProgressReport

CLIPS = sorted(Path("videos").glob("*.mp4"))
LINKS = ("none", "150ms", "500ms", "5mbps", "2mbps", "lte", "flapping", "dead")
NEAR_S, USUAL_S = 0.005, 0.02
"""One-way delays: of an edge server next door, and of the shaped links."""


def links(names: Iterable[str], lte: str) -> list[Link]:
    """By name. Delays are one-way, of each way."""
    flapping = BandwidthTrace((0.0, 2.0), (20e6, 0.0), "flapping")  # two seconds each
    known = {
        "none": Link("none", NEAR_S),
        "150ms": Link("150 ms each way", 0.15),
        "500ms": Link("500 ms each way", 0.5),
        "5mbps": Link("5 Mbit/s", USUAL_S, constant(5)),
        "2mbps": Link("2 Mbit/s", USUAL_S, constant(2)),
        "lte": Link("LTE", USUAL_S, resolve_trace(lte, 0)),
        "flapping": Link("flapping", USUAL_S, flapping),
        "dead": Link("dead", NEAR_S, None, alive=False),
    }
    return [known[name] for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, nargs="+", default=CLIPS)
    parser.add_argument("--local", default=DEFAULT_LOCAL, help="The small network.")
    parser.add_argument("--links", nargs="+", default=LINKS, choices=LINKS)
    parser.add_argument("--lte", default="lte", help="A trace for the LTE uplink.")
    parser.add_argument("--filters", nargs="+", default=["periodic"], choices=list(FILTERS))
    parser.add_argument("--period", type=int, nargs="+", default=[DEFAULT_PERIOD])
    parser.add_argument("--cache", type=Path, default=Path("results/clownfish-cache"))
    parser.add_argument("--draw", type=Path, help="A folder for annotated frames.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    weights = load_weights(None)
    local = parse_variant(arguments.local, weights.variants())
    console = Console(width=140)
    with ProgressReport(console) as progress:
        clips = {video: _looked(video, local, weights, arguments.cache, progress) for video in arguments.video}
    columns = ("clip", "link", "filter", "local", "cloud", "held", "fused", "gap", "sent", "MB")
    titles = (*columns, "lag(p50/p95)", "fusion-ms(p50/p99)")
    print(f"| {' | '.join(titles)} |\n|---|---|---|{'--:|' * (len(titles) - 3)}")
    played: dict[tuple[str, str], list[Played]] = {}
    for video, seen in clips.items():
        for link in links(arguments.links, arguments.lte):
            for name in arguments.filters:
                for period in arguments.period:
                    run = play(video, seen, local, weights, link, FILTERS[name](period), seen.fps / period)
                    played.setdefault((link.name, f"{name}, 1 in {period}"), []).append(run)
                    print(row(video.stem, link.name, f"{name}, 1 in {period}", [run]), flush=True)
    for (link_name, filter_name), runs in played.items():
        print(row("**mean**", link_name, filter_name, runs))
    if arguments.draw:
        video, seen = next(iter(clips.items()))
        chosen = FILTERS[arguments.filters[0]](arguments.period[0])
        (link,) = links(["5mbps"], arguments.lte)
        draw_frames(arguments.draw, video, play(video, seen, local, weights, link, chosen, seen.fps / 5))


def _looked(video: Path, local: Variant, weights: Weights, cache: Path, progress: ProgressReport) -> Seen:
    return look(video, local, weights, cache, lambda done, total: progress(f"looking at {video.name}", done, total))


def row(clip: str, link: str, filter_name: str, runs: Sequence[Played]) -> str:
    """One line of the table; of several runs, their means."""
    f1 = [[run.figures.f1.local, run.cloud_f1, run.figures.f1.cloud_arrived, run.figures.f1.fused] for run in runs]
    local, cloud, held, fused = np.array(f1, float).mean(axis=0)
    gap = (fused - local) / (cloud - local)
    sent = np.mean([run.figures.sent_share for run in runs])
    megabytes = np.mean([run.figures.bytes for run in runs]) / 1e6
    lags = [run.figures.lag_frames for run in runs if run.figures.lag_frames is not None]
    lag = f"{np.mean([each.p50 for each in lags]):.0f}/{np.mean([each.p95 for each in lags]):.0f}" if lags else "-"
    median_ms, slow_ms = np.mean([run.fusion_ms for run in runs], axis=0)
    return (
        f"| {clip} | {link} | {filter_name} | {local:.3f} | {cloud:.3f} | {held:.3f} | **{fused:.3f}** "
        f"| {100 * gap:.0f} % | {100 * sent:.1f} % | {megabytes:.2f} | {lag} "
        f"| {median_ms:.1f}/{slow_ms:.1f} |"
    )


def draw_frames(folder: Path, video: Path, played: Played) -> None:
    """A few frames, each as three panes."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    count = len(played.answers)
    with VideoSource(video) as source:
        for number, frame in enumerate(range(count // 4, count, count // 4), 1):
            image = source.frame(frame)
            panes = [draw(image, detections, CLASSES) for detections in played.answers[frame]]
            Image.fromarray(np.concatenate(panes, axis=1)).save(folder / f"clownfish-{number}.jpg", quality=85)


if __name__ == "__main__":
    main()
