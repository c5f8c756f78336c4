"""Which errors a device does not come back from."""

from __future__ import annotations

import pytest

from jellyfish.core import Answer, Variant
from jellyfish.errors import DeviceLostError, RunError
from jellyfish.models.lost import is_lost
from jellyfish.models.model import Image, WholeBatches, answers


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: an illegal instruction was encountered",
        "CUDA error: unspecified launch failure",
        "CUDA error: misaligned address",
        "CUDA error: uncorrectable ECC error encountered",
        "[ONNXRuntimeError] : 1 : FAIL : CUDA failure 700: an illegal memory access was encountered",
    ],
)
def test_errors_that_cuda_keeps_lose_the_device(words: str) -> None:
    assert is_lost(words)


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: operation not permitted when stream is capturing",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "an illegal instruction in line 3 of the recipe",
        "",
    ],
)
def test_others_may_be_over_by_the_next_batch(words: str) -> None:
    assert not is_lost(words)


@pytest.mark.parametrize(
    ("words", "kind"),
    [("CUDA error: device-side assert triggered", DeviceLostError), ("CUDA out of memory", RunError)],
)
def test_what_an_engine_raises_is_told_as_what_it_is(words: str, kind: type[RunError]) -> None:
    def fail(images: list[Image], variant: Variant) -> list[Answer]:
        raise RuntimeError(words)

    with pytest.raises(RunError, match=words) as told:
        answers(WholeBatches(fail), [], [Variant(128, "a")])  # type: ignore[arg-type]
    assert type(told.value) is kind
