"""A camera serves whatever model its server has: its sizes, its classes, and another one after a reconnect."""

from __future__ import annotations

import asyncio

from jellyfish.core import Answer, ClassScore, Detection, InputSize, LabelledObject, Outcome, Task
from tests.camera.any_server import Came, serving, welcome
from tests.camera.cameras import PlainSource, Setup
from tests.virtual import virtual

BOX = (0.1, 0.1, 0.3, 0.3)
CAR = LabelledObject(1, 2, *BOX)
"""Of the source's classes, in which a car is the third."""


@virtual
async def test_frames_are_scaled_to_fit_into_what_the_network_takes() -> None:
    """The source's frames are 448 x 252."""
    setup = Setup()
    async with serving(welcome(InputSize(416, 416), InputSize(600, 200))) as came:
        await setup.run(1.0, 2.0)
    assert setup.complete(20)
    assert {record.outcome for record in setup.records} == {Outcome.ON_TIME}
    assert came[0] == Came(416, (416, 234)), "the smallest, as nothing is known of the link"
    assert came[-1] == Came(600, (356, 200))


@virtual
async def test_one_single_size_is_all_that_is_sent() -> None:
    setup = Setup()
    async with serving(welcome(InputSize(320, 320))) as came:
        await setup.run(1.0, 2.0)
    assert set(came) == {Came(320, (320, 180))}
    assert len(came) == 20


@virtual
async def test_answers_are_judged_by_the_names_of_classes() -> None:
    setup = Setup(source=PlainSource(labels=[[CAR]]))
    found = Answer((Detection(0, 0.9, *BOX), Detection(1, 0.9, *BOX)))  # a car, and what nobody has labelled
    async with serving(welcome(InputSize(320, 320), classes=("car", "kite")), lambda frame: found):
        await setup.run(1.0, 2.0)
    assert {(record.tp, record.fp, record.fn) for record in setup.records} == {(1, 0, 0)}
    assert setup.ledger.streaming is not None
    assert setup.ledger.streaming.counts == (20, 0, 0)


@virtual
async def test_a_classifier_is_judged_by_its_first_guess_and_a_missed_frame_is_wrong() -> None:
    setup = Setup(source=PlainSource(labels=[[CAR]]))
    guess = Answer(scores=(ClassScore(1, 0.8), ClassScore(0, 0.1)))
    said = welcome(InputSize(224, 224), classes=("bus", "Car"), task=Task.CLASSIFICATION)
    async with serving(said, lambda frame: guess):
        task = asyncio.create_task(setup.run(1.0, 3.0))
        await asyncio.sleep(2.0)
        setup.connector.cut()
        await task
    told = {(record.outcome, record.class_name, record.class_score, record.class_right) for record in setup.records}
    assert (Outcome.ON_TIME, "Car", 0.8, True) in told
    assert (Outcome.SKIPPED, None, None, False) in told
    assert {(record.tp, record.detections) for record in setup.records} == {(None, None)}


@virtual
async def test_another_model_may_be_in_service_after_a_reconnect() -> None:
    setup = Setup(source=PlainSource(labels=[[CAR]]))
    first = welcome(InputSize(320, 320), classes=("car",))
    async with serving(first, lambda frame: Answer((Detection(0, 0.9, *BOX),))):
        task = asyncio.create_task(setup.run(1.0, 8.0))
        await asyncio.sleep(3.0)
        setup.connector.cut()
    away_s = asyncio.get_running_loop().time()
    other = welcome(InputSize(64, 64), InputSize(96, 96), classes=("person", "car"), name="other")
    async with serving(other, lambda frame: Answer((Detection(1, 0.9, *BOX),))) as came:
        await task
    assert setup.complete(140)
    assert setup.camera.model is not None
    assert (setup.camera.model.name, setup.camera.model.classes) == ("other", ("person", "car"))
    assert set(came) == {Came(96, (96, 54))}
    answered = [record for record in setup.records if record.outcome is Outcome.ON_TIME]
    assert {record.resolution for record in answered if record.captured_s < away_s} == {320}
    assert {record.resolution for record in answered if record.captured_s > away_s} == {96}
    assert {(record.tp, record.fp, record.fn) for record in answered} == {(1, 0, 0)}
