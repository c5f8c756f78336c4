"""What a simulated device runs: variants, how long they take and how accurate they are. Files ship beside this one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jellyfish.core import Task, Variant
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.errors import InputError
from jellyfish.models.model import Description, Size
from jellyfish.models.slimmable.street import CLASSES, input_size

SHIPPED = Path(__file__).parent / "models"


class SimulatedModel(msgspec.Struct, frozen=True):
    """A profile with the accuracy of each of its variants, in the profile's order."""

    origin: str
    """The formula or the measurement that the numbers are from."""
    profile: LatencyProfile
    f1: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.f1) != len(self.profile.latencies) or not all(0 <= value <= 1 for value in self.f1):
            raise InputError("model: one f1 between 0 and 1 for each latency entry is needed")

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants, small first."""
        return tuple(sorted(self.profile.variants))

    def accuracy(self, variant: Variant) -> float:
        """F1 of a variant."""
        return self.f1[self.profile.variants.index(variant)]

    @property
    def description(self) -> Description:
        """As a server sees it."""
        sizes = [Size(each, input_size(each.resolution), self.accuracy(each), self.origin) for each in self.variants]
        return Description("simulated", "", Task.DETECTION, CLASSES, tuple(sizes), self.profile.weights)


def load_model(name: str) -> SimulatedModel:
    """A model that ships (`gpu`, `cpu`) or the one in a JSON file; InputError when it cannot be used."""
    shipped = SHIPPED / f"{name}.json"
    path = shipped if shipped.is_file() else Path(name)
    try:
        return msgspec.json.decode(path.read_bytes(), type=SimulatedModel)
    except OSError as error:
        known = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.json")))
        raise InputError(f"no model {name!r} ({error.strerror}): use {known}, or a model file") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, InputError) as error:
        raise InputError(f"{path} is not a model file: {error}") from error
