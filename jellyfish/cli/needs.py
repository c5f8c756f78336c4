"""What each command needs that is not everywhere: a camera's machine has no torch; reports and the lab are extras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NETWORKS = ("torch", "torchvision")
PLANNERS = ("scipy",)
"""With which boxes are paired, too, where what a device found is fused with what its cloud did."""
FIGURES = ("scipy", "matplotlib")
GRAPHS = ("onnxruntime",)
LABELLED = (*NETWORKS, "faster_coco_eval")
SERVER = NETWORKS + PLANNERS

ALWAYS = {
    "profile": SERVER,
    "device": SERVER,
    "detect": NETWORKS,
    "train": LABELLED,
    "evaluate": LABELLED,
    "simulate": PLANNERS,
    "reproduce": FIGURES,
    "report": FIGURES,
    "model inspect": GRAPHS,
    "model check": GRAPHS,
}
"""Command -> packages, by the names that they are imported by."""


def needs(command: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """What `command` imports with these `options`."""
    if command == "bench":
        elsewhere = options["connect"] is not None and not options["clownfish"]
        return (() if elsewhere else SERVER) + (FIGURES if options["report"] else ())
    if command == "serve":
        return (
            *SERVER,
            *(["cryptography"] if options["tls"] is not None else []),
            *(["ray", "cryptography"] if options["engine"].startswith("ray") else []),
            *(["opentelemetry"] if options["spans"] else []),
            *(["edgefirst"] if options["track"] else []),
            *(["grpc"] if options["grpc_port"] is not None else []),
            *(["paho"] if options["mqtt"] is not None else []),
        )
    if command == "plan":
        return PLANNERS + (("matplotlib",) if options["plot"] is not None else ())
    if command == "trace show" and options["plot"] is not None:
        return ("matplotlib",)
    return ALWAYS.get(command, ())
