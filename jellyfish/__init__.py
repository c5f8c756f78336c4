"""Jellyfish: live video inference, answered in time, end to end.

The names in `__all__` are for programs in Python (docs/api.md), and are loaded when they are first asked for: `import
jellyfish` takes no time. All else in this package may change with every version.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jellyfish.api.camera import Camera as Camera
    from jellyfish.api.camera import FrameAnswer as FrameAnswer
    from jellyfish.api.server import Server as Server
    from jellyfish.config import Limits as Limits
    from jellyfish.control.capacity import violations as violations
    from jellyfish.control.problem import DevicePlan as DevicePlan
    from jellyfish.control.problem import Plan as Plan
    from jellyfish.control.problem import Planner as Planner
    from jellyfish.control.problem import Problem as Problem
    from jellyfish.core import Answer as Answer
    from jellyfish.core import ClassScore as ClassScore
    from jellyfish.core import Detection as Detection
    from jellyfish.core import InputSize as InputSize
    from jellyfish.core import Outcome as Outcome
    from jellyfish.core import Reason as Reason
    from jellyfish.core import Task as Task
    from jellyfish.core import Variant as Variant
    from jellyfish.errors import InputError as InputError
    from jellyfish.errors import JellyfishError as JellyfishError
    from jellyfish.errors import RunError as RunError
    from jellyfish.models.model import Description as Description
    from jellyfish.models.model import Engine as Engine
    from jellyfish.models.model import EngineOptions as EngineOptions
    from jellyfish.models.model import Model as Model
    from jellyfish.models.model import Size as Size
    from jellyfish.models.model import WholeBatches as WholeBatches

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Camera",
    "ClassScore",
    "Description",
    "Detection",
    "DevicePlan",
    "Engine",
    "EngineOptions",
    "FrameAnswer",
    "InputError",
    "InputSize",
    "JellyfishError",
    "Limits",
    "Model",
    "Outcome",
    "Plan",
    "Planner",
    "Problem",
    "Reason",
    "RunError",
    "Server",
    "Size",
    "Task",
    "Variant",
    "WholeBatches",
    "violations",
]
_PLACES = {
    "jellyfish.api.camera": ("Camera", "FrameAnswer"),
    "jellyfish.api.server": ("Server",),
    "jellyfish.config": ("Limits",),
    "jellyfish.control.capacity": ("violations",),
    "jellyfish.control.problem": ("DevicePlan", "Plan", "Planner", "Problem"),
    "jellyfish.core": (*("Answer", "ClassScore", "Detection", "InputSize", "Outcome", "Reason", "Task", "Variant"),),
    "jellyfish.errors": ("InputError", "JellyfishError", "RunError"),
    "jellyfish.models.model": ("Description", "Engine", "EngineOptions", "Model", "Size", "WholeBatches"),
}


def __getattr__(name: str) -> object:
    """A name of `__all__`, from where it is at home."""
    for place, names in _PLACES.items():
        if name in names:
            return getattr(import_module(place), name)
    raise AttributeError(f"module 'jellyfish' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What may be used."""
    return [*__all__, "__version__"]
