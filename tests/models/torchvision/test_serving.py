"""Static detectors in the place of the slimmable one: in a dispatcher, and from the command line."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.request import Answered, Request
from jellyfish.errors import InputError
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.models.opening import open_model
from jellyfish.results.records import FrameRecord
from tests.dispatch.requests import IMAGE, LARGE, SMALL
from tests.virtual import virtual

VIDEO = Path(__file__).parents[3] / "videos" / "street-junction.mp4"


@virtual
async def test_the_answer_names_the_network_that_ran_and_no_slowness_is_seen_in_its_time() -> None:
    class Loading(TimedExecutor):
        def ready(self, variant: Variant) -> Variant:
            return SMALL

    profile = LatencyProfile(
        "cpu", "a processor", "", (VariantLatency(SMALL, (0.1,), (0.1,)), VariantLatency(LARGE, (0.01,), (0.01,)))
    )
    dispatcher = Dispatcher(Loading(profile), profile, LARGE, 1)
    serving = asyncio.create_task(dispatcher.run())
    loop = asyncio.get_running_loop()
    request = Request("camera", 0, loop.time() + 1.0, loop.time(), IMAGE, loop.create_future())
    dispatcher.submit(request)
    answer = await request.done
    assert isinstance(answer, Answered)
    assert (answer.variant, answer.execute_s) == (SMALL, pytest.approx(0.1))
    assert dispatcher.statistics().slow_down == pytest.approx(1.0)
    await dispatcher.drain()
    await serving


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        open_model("torchvision", tmp_path / "nowhere")


def test_it_finds_all_that_coco_has_and_says_where_its_accuracy_is_from(folder: Path) -> None:
    model = open_model("torchvision:ssdlite", folder).description
    assert (model.name, len(model.classes), model.movable) == ("torchvision", 80, False)
    assert "published box AP" in model.sizes[0].source


def test_the_command_line_refuses_an_unknown_network(folder: Path) -> None:
    for command in ("serve", "bench", "profile"):
        done = CliRunner().invoke(cli.app, [command, "--model", "torchvision:yolo", "--weights", str(folder)])
        assert done.exit_code == 2
        assert "unknown network 'yolo'" in done.output


@pytest.fixture
def unchanged_process() -> Iterator[None]:
    """A run in this process tunes it: threads, garbage collection, thread switching."""
    interval, threads = sys.getswitchinterval(), torch.get_num_threads()
    yield
    sys.setswitchinterval(interval)
    torch.set_num_threads(threads)
    gc.unfreeze()


@pytest.mark.usefixtures("unchanged_process")
def test_bench_runs_with_a_static_detector(folder: Path, tmp_path: Path) -> None:
    model = open_model("torchvision:ssdlite", folder).description
    latency = VariantLatency(Variant(320, "ssdlite"), (0.15,), (0.3,))
    profile = LatencyProfile("cpu", "handmade", model.identity, (latency,))
    (tmp_path / "profile.json").write_bytes(msgspec.json.encode(profile))
    options = {
        "video": VIDEO, "clients": 1, "fps": 2, "slo-ms": 5000, "trace": "none", "duration": 1, "max-batch": 1,
        "profile": tmp_path / "profile.json", "results": tmp_path / "run",
        "model": "torchvision:ssdlite", "weights": folder,
    }  # fmt: skip
    words = [word for option, value in options.items() for word in (f"--{option}", str(value))]
    done = CliRunner().invoke(cli.app, ["bench", *words])
    assert done.exit_code == 0, done.output
    assert re.search(r"cpu: 1 networks loaded, \d+ ms each; .* for \d+ batches, another stood in for 0", done.output)
    lines = (tmp_path / "run" / "frames.jsonl").read_bytes().splitlines()
    frames = [msgspec.json.decode(line, type=FrameRecord) for line in lines]
    assert {frame.variant for frame in frames if frame.variant} == {"ssdlite-320"}
    assert all(frame.detections for frame in frames if frame.variant)
