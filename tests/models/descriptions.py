"""Descriptions of models that there are not, for tests of what goes by them alone."""

from __future__ import annotations

from jellyfish.core import Task, Variant
from jellyfish.models.model import Description, Size
from jellyfish.models.slimmable.street import CLASSES, input_size


def described(*variants: Variant) -> Description:
    """A detector with these sizes, all as accurate."""
    sizes = tuple(Size(each, input_size(each.resolution), 0.5) for each in variants)
    return Description("tested", "1", Task.DETECTION, CLASSES, sizes, "abc")
