"""Class scores of a small network here and a large one far away, fused over time: what late answers are worth.

    python -m benchmarks.score_fusion [--video FILE ...] [--weights FILE] [--mbps 5 1] [--orders 3] [--track-steps 60]

The task is made of labelled tracks: each is followed for up to `--track-steps` steps, 15 a second, and what is around
it is cut out at every step. The tracks of a clip, at most 8 per class, are strung together in a random order, so that
the label changes at cuts. The question at each step is the object's class. Both networks are sizes of the classifier
that ships: the local one the narrow one at 64 pixels, the cloud's the wide one at 224, which gets the cut-out as JPEG.
SiMiNet learns from the tracks of the other clips.

Answers come a number of steps after they were sent, or over a link of so many Mbit/s with 20 ms each way, where JPEGs
queue. `newest answer` is what fusion has to beat: hold what the cloud said last, whatever is seen here. With a constant
similarity nothing ever rises: its filter `transition` is `periodic`, and has no line. Figures are over all steps of all
clips and orders; the F1 is the mean over the classes (macro F1), and so is the share of the gap between local and cloud
only. One thread.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jellyfish.camera.sources.file import VideoSource
from jellyfish.core import LabelledObject, Variant
from jellyfish.edge.fusion.filters import Filter, Periodic, Transition
from jellyfish.edge.fusion.requests import Requests
from jellyfish.edge.fusion.scores import ScoreFusion, softmax
from jellyfish.edge.fusion.similarity import Constant, Cosine, LocalScores, Similarity
from jellyfish.errors import InputError
from jellyfish.lab.classification.crops import square_around
from jellyfish.lab.score_fusion.siminet import LabelledScores, train_siminet
from jellyfish.link.shaper import Shaper
from jellyfish.link.synthetic import constant
from jellyfish.media.jpeg import decode_jpeg, encode_jpeg
from jellyfish.media.resize import fit
from jellyfish.models.classification.model import open_classifier
from jellyfish.models.classification.sizes import VARIANTS, input_size
from jellyfish.models.model import Engine, EngineOptions, Image, answers
from jellyfish.models.slimmable.street import CLASSES

LOCAL, CLOUD = VARIANTS[0], VARIANTS[-1]
STEPS_PER_S = 15.0
LEAST_STEPS, TRACKS_PER_CLASS = 20, 8
LEAST_HEIGHT, LEAST_VISIBLE = 0.04, 0.5
DELAYS_STEPS = (0, 2, 5, 30, math.inf)
ONE_WAY_S = 0.02
FILTERS: dict[str, type[Periodic] | type[Transition]] = {"periodic": Periodic, "transition": Transition}

Raw = NDArray[np.float64]
Arrival = Callable[[int, int], float]
"""(step at which it is sent, bytes) -> step at which the answer is there."""


class Scored(NamedTuple):
    """A track, or several strung together, step by step."""

    labels: NDArray[np.int64]
    local: Raw
    """[steps, classes] raw scores of the local network."""
    cloud: Raw
    size_bytes: NDArray[np.int64]
    """[steps] of the JPEGs."""


class Network:
    """One variant as a source of class scores."""

    def __init__(self, engine: Engine, variant: Variant) -> None:
        self._engine, self._variant = engine, variant

    def scores(self, image: Image) -> Raw:
        """[classes] before softmax, but for a constant."""
        (answer,) = answers(self._engine, [image], [self._variant])
        probabilities = np.zeros(len(answer.scores))
        probabilities[[one.label for one in answer.scores]] = [one.score for one in answer.scores]
        return LocalScores.of_probabilities(probabilities).raw


def through_link(seen: Image) -> tuple[Image, int]:
    """What the cloud gets, and its bytes."""
    width, height = input_size(CLOUD.resolution).fitted(seen.shape[1], seen.shape[0])
    data = encode_jpeg(fit(seen, width, height))
    return decode_jpeg(data, width, height), len(data)


def chosen_tracks(
    labels: Sequence[Sequence[LabelledObject]], stride: int, most_steps: int
) -> dict[int, list[tuple[int, LabelledObject]]]:
    """(frame, object) of each track that is long and large enough, every `stride` frames; the longest of each class."""
    seen: dict[int, list[tuple[int, LabelledObject]]] = defaultdict(list)
    for frame in range(0, len(labels), stride):
        for thing in labels[frame]:
            if not thing.ignore and thing.visible >= LEAST_VISIBLE and thing.bottom - thing.top >= LEAST_HEIGHT:
                seen[thing.track].append((frame, thing))
    by_class: dict[int, list[int]] = defaultdict(list)
    for track in sorted(seen, key=lambda track: -len(seen[track])):
        if len(seen[track]) >= LEAST_STEPS:
            by_class[seen[track][0][1].label].append(track)
    kept = [track for tracks in by_class.values() for track in tracks[:TRACKS_PER_CLASS]]
    return {track: seen[track][:most_steps] for track in kept}


def look(path: Path, local: Network, cloud: Network, most_steps: int) -> list[Scored]:
    """Both networks' scores of the clip's tracks. InputError for a video without labels."""
    rows: dict[int, list[tuple[Raw, Raw, int]]] = defaultdict(list)
    with VideoSource(path) as source:
        if source.labels is None:
            raise InputError(f"{path} has no label file beside it")
        chosen = chosen_tracks(source.labels, max(1, round(source.fps / STEPS_PER_S)), most_steps)
        wanted = [(frame, track, thing) for track, steps in chosen.items() for frame, thing in steps]
        for frame, track, thing in sorted(wanted, key=lambda one: one[0]):
            seen = square_around(thing, source.width, source.height).cut(source.frame(frame))
            sent, size_bytes = through_link(seen)
            rows[track].append((local.scores(seen), cloud.scores(sent), size_bytes))
    tracks = []
    for track, steps in chosen.items():
        here, there, sizes = zip(*rows[track], strict=True)
        labels = np.array([thing.label for _, thing in steps])
        tracks.append(Scored(labels, np.stack(here), np.stack(there), np.array(sizes)))
    return tracks


def strung(tracks: Sequence[Scored], seed: int) -> Scored:
    """The tracks one after the other, in a random order."""
    order = np.random.default_rng(seed).permutation(len(tracks))
    return Scored(*(np.concatenate(parts) for parts in zip(*(tracks[i] for i in order), strict=True)))


def similarities(sequence: Scored, similarity: Similarity) -> list[float]:
    """Of each step to the one before; of the first to itself."""
    steps = [LocalScores.of(raw) for raw in sequence.local]
    return [similarity.between(steps[max(i - 1, 0)], step) for i, step in enumerate(steps)]


class Run(NamedTuple):
    """The classes answered at each step, by fusion and by the newest answer alone; and how many steps were sent."""

    fused: list[int]
    newest: list[int]
    sent: int


def run(sequence: Scored, alike: Sequence[float], chosen: Filter, arrival: Arrival) -> Run:
    """One sequence, step by step: the answers that have come, the request that goes out, the answer that is given."""
    fusion, requests = ScoreFusion(), Requests[NDArray[np.float64]]()
    local, cloud = softmax(sequence.local), softmax(sequence.cloud)
    due: dict[int, float] = {}
    fused, newest, held = [], [], None
    for now, similarity in enumerate(alike):
        fusion.advance(local[now], similarity)
        arrived(due, requests, cloud, now)
        if chosen.wants(now, similarity, 0.0):
            requests.offer(now)
        while (step := requests.send()) is not None:
            chosen.sent(step)
            due[step] = arrival(now, int(sequence.size_bytes[step]))
            arrived(due, requests, cloud, now)
        if (taken := requests.take()) is not None:
            fusion.reinforce(*taken)
            held = taken[1]
        fused.append(int(fusion.steps[-1].fused.argmax()))
        newest.append(int((local[now] if held is None else held).argmax()))
    return Run(fused, newest, requests.counts.sent)


def arrived(due: dict[int, float], requests: Requests[NDArray[np.float64]], cloud: Raw, now: int) -> None:
    """Hand over the answers that are there by now."""
    for step in [step for step, when in due.items() if when <= now]:
        del due[step]
        requests.answered(step, cloud[step])


def fixed(delay_steps: float) -> Arrival:
    """Every answer takes so many steps."""
    return lambda now, _: now + delay_steps


def shaped(mbps: float) -> Arrival:
    """JPEGs share an uplink; the answer is small."""
    shaper = Shaper(constant(mbps), ONE_WAY_S)
    return lambda now, size_bytes: math.ceil((shaper.send(size_bytes, now / STEPS_PER_S) + ONE_WAY_S) * STEPS_PER_S)


class Figures(NamedTuple):
    """What was answered rightly."""

    accuracy: float
    f1: float

    @classmethod
    def of(cls, said: NDArray[np.int64], labels: NDArray[np.int64]) -> Figures:
        """Accuracy, and the mean F1 over the classes that are there."""
        each = [
            2 * np.sum((said == label) & (labels == label)) / (np.sum(said == label) + np.sum(labels == label))
            for label in np.unique(labels)
        ]
        return cls(float(np.mean(said == labels)), float(np.mean(each)))


class Line(NamedTuple):
    """A row of the table."""

    link: str
    filter: str
    answer: str
    sent: float
    figures: Figures


def measured(
    sequences: Sequence[Scored],
    alike: Mapping[str, Sequence[Sequence[float]]],
    links: Mapping[str, Callable[[], Arrival]],
) -> Iterator[Line]:
    """Every combination of link, filter and similarity."""
    labels = np.concatenate([sequence.labels for sequence in sequences])
    for (link, begin), name, similarity in itertools.product(links.items(), FILTERS, alike):
        if (name, similarity) == ("transition", "constant"):
            continue
        runs = [run(one, rho, FILTERS[name](), begin()) for one, rho in zip(sequences, alike[similarity], strict=True)]
        sent = sum(one.sent for one in runs) / len(labels)
        if similarity == "constant":
            newest = np.concatenate([one.newest for one in runs])
            yield Line(link, name, "newest answer", sent, Figures.of(newest, labels))
        fused = np.concatenate([one.fused for one in runs])
        yield Line(link, name, similarity, sent, Figures.of(fused, labels))


def compared(clips: Sequence[Sequence[Scored]], orders: int, rates_mbps: Sequence[float]) -> Iterator[Line]:
    """Both networks alone, then every way to fuse them. Each clip meets the SiMiNet that learned from the others."""
    sequences: list[Scored] = []
    alike: dict[str, list[list[float]]] = defaultdict(list)
    for held_out, tracks in enumerate(clips):
        others = [strung(other, 0) for number, other in enumerate(clips) if number != held_out]
        learned = train_siminet([LabelledScores(other.local, other.labels) for other in others])
        for order in range(orders):
            sequences.append(strung(tracks, order))
            ways: dict[str, Similarity] = {"constant": Constant(), "cosine": Cosine(), "SiMiNet": learned}
            for name, similarity in ways.items():
                alike[name].append(similarities(sequences[-1], similarity))
    every = Scored(*(np.concatenate(parts) for parts in zip(*sequences, strict=True)))
    yield Line("", "", "local only", 0.0, Figures.of(every.local.argmax(axis=1), every.labels))
    yield Line("0 steps", "every step", "cloud only", 1.0, Figures.of(every.cloud.argmax(axis=1), every.labels))
    links = {"never" if d == math.inf else f"{d} steps": partial(fixed, d) for d in DELAYS_STEPS}
    yield from measured(sequences, alike, links | {f"{mbps:g} Mbit/s": partial(shaped, mbps) for mbps in rates_mbps})


def table(lines: Sequence[Line]) -> str:
    """The lines in Markdown; the first two are the ends of the gap."""
    low, high = lines[0].figures.f1, lines[1].figures.f1
    rows = ["| answers come after | sent | answer | share sent | accuracy | macro F1 | share of the gap |"]
    rows.append("|---|---|---|---:|---:|---:|---:|")
    for link, name, answer, sent, (accuracy, f1) in lines:
        gap = (f1 - low) / (high - low)
        rows.append(f"| {link} | {name} | {answer} | {sent:.1%} | {accuracy:.3f} | {f1:.3f} | {gap:.0%} |")
    return "\n".join(rows)


def main() -> None:
    """Look at the clips, fuse in every way, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, nargs="+", default=sorted(Path("videos").glob("*.mp4")))
    parser.add_argument("--weights", type=Path, help="Of a classifier; by default those that ship.")
    parser.add_argument("--mbps", type=float, nargs="+", default=[5.0, 1.0])
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--track-steps", type=int, default=60)
    options = parser.parse_args()
    if len(options.video) < 2:
        parser.error("SiMiNet learns from the other clips: give at least two videos")
    engine = open_classifier(weights=options.weights).engine(EngineOptions(threads=1))
    local, cloud = Network(engine, LOCAL), Network(engine, CLOUD)
    clips = [look(path, local, cloud, options.track_steps) for path in options.video]
    for path, tracks in zip(options.video, clips, strict=True):
        counts = Counter(CLASSES[track.labels[0]] for track in tracks)
        steps = sum(len(track.labels) for track in tracks)
        size = np.concatenate([track.size_bytes for track in tracks]).mean() / 1000
        named = ", ".join(f"{count} {name}" for name, count in counts.most_common())
        print(f"{path.stem}: {len(tracks)} tracks ({named}), {steps} steps, {size:.1f} kB each")
    print(f"\n{table(list(compared(clips, options.orders, options.mbps)))}")


if __name__ == "__main__":
    main()
