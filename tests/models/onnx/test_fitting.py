"""Frames get into a network's input as its manifest says, and boxes back."""

from __future__ import annotations

import numpy as np
import pytest

from jellyfish.core import InputSize
from jellyfish.errors import InputError
from jellyfish.models.onnx.fitting import Fitting, Where
from jellyfish.models.onnx.manifest import ColourOrder, Fit, InputSpec, Layout

WIDE = np.full((8, 16, 3), (10, 20, 30), np.uint8)
CANVAS = InputSize(32, 32)


def spec(**given: object) -> InputSpec:
    return InputSpec(**{"scale": 1.0, "fit": Fit.TOP_LEFT} | given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fit", "where"),
    [
        (Fit.TOP_LEFT, Where(0, 0, 32, 16)),
        (Fit.CENTRE, Where(0, 8, 32, 16)),
        (Fit.STRETCH, Where(0, 0, 32, 32)),
    ],
)
def test_where_a_frame_lies(fit: Fit, where: Where) -> None:
    tensor, (found,) = Fitting(spec(fit=fit, padding=(114, 115, 116)), CANVAS, np.float32)([WIDE])
    assert found == where
    inside = tensor[0, :, where.top : where.top + where.height, where.left : where.left + where.width]
    assert np.unique(inside.reshape(3, -1), axis=1).ravel().tolist() == [10, 20, 30]
    assert tensor.sum() == 32 * (60 * where.height + 345 * (32 - where.height))
    corners = np.array([[where.left, where.top, where.left + where.width, where.top + where.height]], np.float32)
    assert found.on_frame(corners).tolist() == [[0, 0, 1, 1]]


def test_an_upright_frame() -> None:
    _, (where,) = Fitting(spec(fit=Fit.CENTRE), CANVAS, np.float32)([np.zeros((64, 16, 3), np.uint8)])
    assert where == Where(12, 0, 8, 32)


def test_scale_mean_and_deviation_are_in_the_order_of_the_networks_colours() -> None:
    given = spec(scale=0.5, mean=(1.0, 2.0, 3.0), std=(1.0, 2.0, 4.0), colour=ColourOrder.BGR)
    tensor, _ = Fitting(given, CANVAS, np.float32)([WIDE])
    assert tensor[0, :, 0, 0].tolist() == [15 - 1, (10 - 2) / 2, (5 - 3) / 4]


@pytest.mark.parametrize(("layout", "shape"), [(Layout.NCHW, (2, 3, 32, 32)), (Layout.NHWC, (2, 32, 32, 3))])
def test_layouts_and_types(layout: Layout, shape: tuple[int, ...]) -> None:
    for dtype in (np.float32, np.float16, np.uint8):
        tensor, places = Fitting(spec(layout=layout), CANVAS, dtype)([WIDE, WIDE])
        assert (tensor.shape, tensor.dtype, len(places)) == (shape, dtype, 2)
        first = tensor[0, :, 0, 0] if layout is Layout.NCHW else tensor[0, 0, 0]
        assert first.tolist() == [10, 20, 30]


def test_bytes_cannot_be_scaled() -> None:
    with pytest.raises(InputError, match="takes bytes as they are"):
        Fitting(spec(scale=1 / 255), CANVAS, np.uint8)
