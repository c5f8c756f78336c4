"""A device whose networks are classifiers, in virtual time against the real server application."""

from __future__ import annotations

from jellyfish.core import Answer, ClassScore, Outcome, Task
from jellyfish.edge.fusion.classes import ClassFusion
from jellyfish.models.slimmable.street import CLASSES
from tests.edge.devices import LOCAL_S, OBJECT, Robot, SmallNetwork, cloud
from tests.virtual import virtual

RIGHT, WRONG = OBJECT.label, 0


def scores(*wanted: tuple[int, float]) -> Answer:
    return Answer(scores=tuple(ClassScore(label, score) for label, score in wanted))


class SmallClassifier(SmallNetwork):
    """Takes the object for something else, if not by much."""

    name, task = "w050-64", Task.CLASSIFICATION

    def __init__(self) -> None:
        super().__init__(scores((WRONG, 0.5), (RIGHT, 0.3)))


def robot(**more: float) -> Robot:
    return Robot(network=SmallClassifier(), fusion=ClassFusion(len(CLASSES)), **more)


@virtual
async def test_with_the_cloud_near_the_fused_class_is_right_though_the_small_network_is_not() -> None:
    async with cloud(answer=scores((RIGHT, 0.95)), task=Task.CLASSIFICATION):
        device = robot()
        await device.run(1.0, 4.0)
    assert device.complete(60)
    assert device.outcomes == {Outcome.ON_TIME: 60}
    assert device.fates["used"] == 12
    told = device.device.score.f1()
    assert (told.local, told.cloud_instant) == (0.0, 1.0)
    assert told.fused is not None and told.fused > 0.9
    assert [record.class_right for record in device.records].count(True) == round(60 * told.fused)
    assert {record.class_name for record in device.records} == {CLASSES[RIGHT], CLASSES[WRONG]}


@virtual
async def test_without_any_cloud_it_answers_as_the_small_network_does() -> None:
    device = robot()
    await device.run(1.0, 3.0)
    assert device.complete(40)
    assert device.outcomes == {Outcome.ON_TIME: 40}
    assert device.device.score.f1().fused == 0.0


@virtual
async def test_a_far_cloud_delays_nothing_and_helps_all_the_same() -> None:
    async with cloud(answer=scores((RIGHT, 0.95)), task=Task.CLASSIFICATION):
        device = robot(delay_s=0.15, patience_s=4.0)
        await device.run(1.0, 11.0)
    assert device.complete(200)
    assert device.slowest_ms <= 1000 * LOCAL_S + 0.01
    fused = device.device.score.f1().fused
    assert fused is not None and fused > 0.5


@virtual
async def test_a_cloud_that_finds_objects_is_no_use_to_it_and_is_not_tried_again() -> None:
    async with cloud():
        device = robot()
        await device.run(1.0, 4.0)
    assert device.complete(60)
    assert device.outcomes == {Outcome.ON_TIME: 60}
    assert set(device.fates) == {"replaced"}
    stream = device.device.cloud.stream
    assert stream.given_up
    assert stream.refusal == "the server's model does detection, the small network here classification"


@virtual
async def test_a_cloud_that_knows_none_of_its_classes_is_no_use_to_it() -> None:
    """All that such a cloud does not speak of would count as not there."""
    async with cloud(answer=scores((RIGHT, 0.95)), task=Task.CLASSIFICATION, classes=tuple("abcdef")):
        device = robot()
        await device.run(1.0, 3.0)
    assert device.complete(40)
    assert device.outcomes == {Outcome.ON_TIME: 40}
    assert device.device.cloud.stream.given_up
    assert device.device.cloud.stream.refusal.startswith("the server's model knows none of the classes here: person")
