"""onnxruntime: whether it is there, where it runs, and what its errors mean. Nothing else imports it, and this not
until a graph is loaded: it takes a moment, and not everybody has it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from pathlib import Path
from typing import Any

from jellyfish.errors import InputError
from jellyfish.installed import require

_PREFERRED = {
    "cpu": ("OpenVINOExecutionProvider", "CPUExecutionProvider"),
    "cuda": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
}
"""By kind of device, best first."""
_DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")
_NOTHING = 4
"""Of what onnxruntime would write to the terminal by itself: its errors are told here."""
_MEANINGS = (
    (
        r"INVALID_PROTOBUF|Protobuf parsing failed|codec can't decode",
        "it is not an ONNX file, or not a whole one: export it again, or copy it again",
    ),
    (
        r"nsupported model IR version|opset \d+ is under development|is till opset|No Op registered",
        "it is newer than onnxruntime {version} knows: export it with a lower opset, or install a newer onnxruntime",
    ),
    (
        r"[Ee]xternal data|model_path must not be empty|GetFileLength|file_size",
        "the file with its weights (external data) is missing or does not fit: put it beside, under the name that it "
        "had when the graph was exported",
    ),
    (
        r"is not a registered function/op|NOT_IMPLEMENTED|Could not find an implementation",
        "it has an operator that onnxruntime {version} does not have here: export it without",
    ),
)
"""What a message of onnxruntime looks like, and what that means."""


def providers(device: str) -> list[str]:
    """What runs graphs on `device` (`cpu`, `cuda:N`), best first. InputError where nothing does."""
    import onnxruntime

    kind = device.partition(":")[0]
    there = onnxruntime.get_available_providers()
    found = [name for name in _PREFERRED[kind] if name in there]
    if kind == "cuda" and importlib.util.find_spec("tensorrt") is None:
        found = [name for name in found if name != "TensorrtExecutionProvider"]  # its libraries are not there
    if not found:
        raise InputError(
            f"device {device!r}: this onnxruntime runs on processors only; install onnxruntime-gpu in its place, or "
            "use --device cpu"
        )
    return found


def libraries() -> tuple[str, ...]:
    """What is installed of onnxruntime, as pip calls it. InputError where nothing is."""
    require("a model of ONNX files", "onnxruntime")
    return tuple(name for name in _DISTRIBUTIONS if _is_known(name))


def _is_known(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def open_session(path: Path, device: str, threads: int) -> Any:
    """The graph at `path` as an `InferenceSession`. `threads`: of a processor, for each batch. InputError."""
    import onnxruntime

    options = _session_options(threads)
    wanted = providers(device)
    try:
        # What does not start is an error: no other provider is to be taken for it unasked, with a banner for people.
        ways = [_with_options(name, device, threads) for name in wanted]
        session = onnxruntime.InferenceSession(path, options, providers=ways, enable_fallback=0)
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise InputError(f"{path.name} cannot be loaded: {meaning(str(error))}") from error
    if device != "cpu" and wanted[-1] not in session.get_providers():
        raise InputError(f"device {device!r}: onnxruntime's {wanted[-1]} does not start: are CUDA and cuDNN there?")
    return session


def share_memory() -> None:
    """Have this process's sessions of `processor_session` take their features from one arena. Once per process.

    With one for each, all nine of the detector's took 170 MB more after 48 variants in batches of 1 to 8.
    """
    import onnxruntime

    kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    place = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
    onnxruntime.create_and_register_allocator(place, None)


def processor_session(graph: bytes, threads: int) -> Any:
    """A graph in memory as an `InferenceSession` on a processor, for inputs of any shape, in memory that such sessions
    share. InputError."""
    import onnxruntime

    options = _session_options(threads)
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.enable_mem_pattern = False  # a plan for every shape, which gains nothing and is kept
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"the network cannot be loaded: {meaning(str(error))}") from error


def _session_options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _NOTHING
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # its processors are others', too
    return options


def meaning(message: str) -> str:
    """What an error of onnxruntime means to a person."""
    import onnxruntime

    line = message.strip().splitlines()[0] if message.strip() else "onnxruntime says nothing of why"
    for pattern, words in _MEANINGS:
        if re.search(pattern, message):
            return words.format(version=onnxruntime.__version__)
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : (\w+) : ", "", line)


def _with_options(provider: str, device: str, threads: int) -> Any:
    number = device.partition(":")[2] or "0"
    if provider == "OpenVINOExecutionProvider":
        return provider, {"device_type": "CPU", "num_of_threads": str(threads)}
    if provider == "CPUExecutionProvider":
        return provider
    return provider, {"device_id": number}
