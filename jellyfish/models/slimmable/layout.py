"""What the detector is whatever runs it: the form of its predictions, and how boxes are chosen from them."""

from __future__ import annotations

from jellyfish.models.slimmable.street import CLASSES

BOX_PARAMETERS = 4
PREDICTIONS = len(CLASSES) + BOX_PARAMETERS
"""Numbers per grid point: a logit per class, then centre offset x, y and log size x, y in strides."""

STRIDES: tuple[int, ...] = (8, 16, 32)
"""Pixels per grid point of the three levels, finest first."""

SHARED_CHANNELS = 40
"""Channels of what the stem hands on, at stride 8."""

EPSILON = 1e-3
"""Of every batch norm; the backbone's initial weights were trained with it."""

MAXIMUM_DETECTIONS = 100
"""Most boxes kept per image."""

CANDIDATES = 200
"""Most boxes per image that enter non-maximum suppression: twice what may leave it."""

SUPPRESSION_IOU = 0.5

MAXIMUM_LOG_SIZE = 5.0
