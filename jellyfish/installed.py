"""Whether a package that not everybody has is there, asked before anything is begun that needs it."""

from __future__ import annotations

import importlib.util

from jellyfish.errors import InputError

EXTRAS = {
    "matplotlib": ("matplotlib", "report"),
    "faster_coco_eval": ("faster-coco-eval", "lab"),
    "grpc": ("grpcio protobuf", "grpc"),
    "cryptography": ("cryptography", "tls"),
    "ray": ("ray", "ray"),
    "aio_rtsp_toolkit": ("aio-rtsp-toolkit", "live-demo"),
    "edgefirst": ("edgefirst-tracker", "track"),
    "opentelemetry": ("opentelemetry-sdk opentelemetry-exporter-otlp-proto-http", "otel"),
}
"""Packages that are asked for apart, by the name that is imported: what `pip` calls them, and the extra they are in."""


def is_installed(package: str) -> bool:
    """Whether `package` could be imported. It is not loaded, which may take seconds."""
    return importlib.util.find_spec(package) is not None


def require(what: str, *packages: str) -> None:
    """InputError if one of `packages`, which `what` needs, is not installed: it says what to install."""
    for package in packages:
        if not is_installed(package):
            raise InputError(f"{what} needs {package}, which is not installed: {_remedy(package)}")


def _remedy(package: str) -> str:
    if package in EXTRAS:
        known_as, extra = EXTRAS[package]
        return f"pip install {known_as} (or Jellyfish with its extra, jellyfish-serving[{extra}])"
    return "install Jellyfish with all that it needs (pip install .), not as on a camera's machine (--no-deps)"
