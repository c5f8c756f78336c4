"""How often each variant of a classifier tells what an image shows: the class of its largest labelled object."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from jellyfish.core import Task, Variant
from jellyfish.evaluation.judging import Judge
from jellyfish.lab.training.evaluate import Examinee, FrameSet, batched, require_objects


class VariantGuesses(msgspec.Struct, frozen=True):
    """Of one variant, on one set of images."""

    resolution: int
    network: str
    top1: float
    """Share of the images whose likeliest class is the right one."""

    @property
    def variant(self) -> Variant:
        """The variant this is about."""
        return Variant(self.resolution, self.network)


class GuessEvaluation(msgspec.Struct, frozen=True):
    """What was measured on one set of labelled images."""

    name: str
    images: int
    judged: int
    """Those of them that show an object to go by."""
    variants: tuple[VariantGuesses, ...]


def examine_guesses(
    subject: Examinee, frame_set: FrameSet, advance: Callable[[int], None] = lambda done: None
) -> GuessEvaluation:
    """Run each variant over a set. InputError for a set without a single object to go by."""
    judge = Judge(frame_set.classes, frame_set.classes, Task.CLASSIFICATION)
    objects, done = [], 0
    right: dict[Variant, list[bool]] = {variant: [] for variant in subject.sizes}
    for some in batched(frame_set.frames):
        for variant, told in subject.answers([image for image, _ in some]):
            worths = [judge.worth(answer, there).right for answer, (_, there) in zip(told, some, strict=True)]
            right[variant] += [worth for worth in worths if worth is not None]
        objects += [there for _, there in some]
        advance(done := done + len(some))
    require_objects(objects, frame_set.name)
    judged = len(next(iter(right.values())))
    lines = (VariantGuesses(v.resolution, v.network, round(sum(each) / judged, 4)) for v, each in right.items())
    return GuessEvaluation(frame_set.name, done, judged, tuple(lines))
