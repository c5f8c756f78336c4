"""Where mixed batches pay, on a device whose times are made up."""

from collections.abc import Sequence

from jellyfish.core import Variant
from jellyfish.devices.profile.mixing import measure_mixing
from tests.models.descriptions import described

MODEL = described(*(Variant(resolution, name) for resolution in (128, 256) for name in ("a", "b", "c", "d")))


class Device:
    """One batch costs 1; a mixed one costs what its resolution and size say."""

    def __init__(self, mixed: dict[tuple[int, int], float]) -> None:
        self.now, self._mixed = 0.0, mixed
        self.batches: list[list[str]] = []

    def clock(self) -> float:
        return self.now

    def run(self, images: Sequence[object], variants: Sequence[Variant]) -> None:
        assert len(variants) == len(images)
        self.batches.append([variant.network for variant in variants])
        self.now += 1.0 if len(set(variants)) == 1 else self._mixed[variants[0].resolution, len(variants)]


def mixes(device: Device, max_batch: int = 8) -> tuple[int, ...]:
    return measure_mixing(device.run, MODEL, max_batch, device.clock)


def test_only_resolutions_that_save_time_at_small_and_large_batches_are_named():
    assert mixes(Device({(128, 2): 1.5, (128, 4): 3.0, (256, 2): 1.5, (256, 4): 4.5})) == (128,)


def test_a_gain_that_may_be_noise_is_none():
    assert mixes(Device({(128, 2): 1.96, (128, 4): 3.0, (256, 2): 1.8, (256, 4): 3.7})) == (256,)


def test_networks_far_apart_are_mixed():
    device = Device({(128, 2): 1.5, (128, 4): 3.0, (256, 2): 1.5, (256, 4): 3.0})
    mixes(device)
    assert ["a", "d"] in device.batches and ["a", "b", "c", "d"] in device.batches


def test_batches_of_one_are_never_mixed():
    assert mixes(Device({}), max_batch=1) == ()
