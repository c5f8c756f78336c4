"""What is installed: versions, what each extra brings, what runs networks, what reads videos."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jellyfish.installed import EXTRAS, is_installed
from jellyfish.modes.doctor.finding import Finding, advice, prevents
from jellyfish.results.environment import versions

TO_SERVE = ("torch", "torchvision", "scipy", "cv2", "av", "aiohttp", "msgspec", "numpy")
DECODERS = ("h264", "hevc", "mjpeg", "vp9", "av1")
NVIDIA = Path("/dev/nvidia0")


def findings() -> Iterator[Finding]:
    """Of what is installed."""
    yield python(sys.version_info[:2])
    yield Finding("versions", ", ".join(f"{name} {number}" for name, number in versions().items()))
    yield to_serve([name for name in TO_SERVE if not is_installed(name)])
    yield uvloop(is_installed("uvloop"))
    yield extras({name: is_installed(name) for name in EXTRAS})
    if is_installed("torch"):
        yield gpus(*_gpus(), NVIDIA.exists())
    if is_installed("onnxruntime"):
        yield providers(_providers())
    if is_installed("av"):
        yield codecs(_codecs())


def python(numbers: Sequence[int]) -> Finding:
    """Of Python."""
    found = ".".join(map(str, numbers))
    return Finding("python", found) if tuple(numbers) >= (3, 11) else prevents("python", found, "install 3.11 or newer")


def to_serve(missing: Sequence[str]) -> Finding:
    """Without which nothing is served."""
    if missing:
        return prevents(
            "packages", f"missing: {', '.join(missing)}", "pip install jellyfish-serving, without --no-deps"
        )
    return Finding("packages", "all that a server needs")


def uvloop(there: bool) -> Finding:
    """Of the event loop."""
    if there:
        return Finding("event loop", "uvloop")
    return advice("event loop", "Python's own", "pip install uvloop: it takes less of the processor for each frame")


def extras(there: Mapping[str, bool]) -> Finding:
    """What is not everybody's."""
    words = []
    for package, (known_as, extra) in EXTRAS.items():
        words.append(known_as if there[package] else f"no {known_as} (extra {extra})")
    return Finding("extras", ", ".join(words))


def gpus(names: Sequence[str], with_cuda: bool, driver: bool) -> Finding:
    """What networks run on beside processors. `driver`: whether the system has one of NVIDIA's."""
    if names:
        return Finding("gpus", ", ".join(f"cuda:{number}: {name}" for number, name in enumerate(names)))
    if driver and not with_cuda:
        return advice("gpus", "there is one, but torch is built without CUDA", "install torch with CUDA")
    if driver:
        return advice("gpus", "there is one, but torch does not see it", "check nvidia-smi, and the driver's version")
    return Finding("gpus", "none: networks run on cpu")


def providers(names: Sequence[str]) -> Finding:
    """What onnxruntime can run on."""
    return Finding("onnxruntime", ", ".join(name.removesuffix("ExecutionProvider") for name in names))


def codecs(there: Sequence[str]) -> Finding:
    """Which videos can be read."""
    missing = [name for name in DECODERS if name not in there]
    found = f"reads {', '.join(name for name in DECODERS if name in there)}"
    if missing:
        return advice("video", f"{found}; not {', '.join(missing)}", "install PyAV's own wheel, whose FFmpeg has them")
    return Finding("video", found)


def _gpus() -> tuple[list[str], bool]:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [torch.cuda.get_device_name(number) for number in range(count)], torch.version.cuda is not None


def _providers() -> list[str]:
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def _codecs() -> list[str]:
    import av

    return sorted(av.codecs_available)
