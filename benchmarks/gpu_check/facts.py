"""What the machine is, and what moving bytes and starting kernels costs there before any network runs."""

from __future__ import annotations

import platform
from typing import Any

from benchmarks.gpu_check.findings import Found, Sheet
from benchmarks.gpu_check.place import Place, cores
from jellyfish.devices.profile.hardware import processor_name


def facts(place: Place, budget_s: float) -> Found:
    """The machine in words, and on a GPU a few costs that all other figures are made of."""
    import torch

    from jellyfish.models.precision import inference_dtype

    known: dict[str, Any] = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "processor": processor_name(cores()),
        "arithmetic": str(inference_dtype(place.device)).removeprefix("torch."),
    }
    if place.gpu is None:
        gist = f"{known['processor']}, torch {known['torch']}, {known['arithmetic']}"
        return Found(gist, known, [_sheet("The machine", known)])
    known |= place.gpu.known()
    costs = place.gpu.costs()
    gist = f"{known['gpu']}, compute {known['compute']}, {known['memory_bytes'] / 2**30:.0f} GiB, {known['arithmetic']}"
    return Found(gist, known | costs, [_sheet("The machine", known), _sheet("What all is made of", costs)])


def _sheet(title: str, known: dict[str, Any]) -> Sheet:
    return Sheet(title, ["what", "is"], [[name, _in_words(name, value)] for name, value in known.items()])


def _in_words(name: str, value: Any) -> str:
    return f"{1e6 * value:.1f} microseconds" if name.endswith("_s") else str(value)
