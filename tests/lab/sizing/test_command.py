"""`jellyfish plan` for cameras, as a person runs it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import Result
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.devices.profile.host import HostCosts
from jellyfish.lab.simulation.model import load_model
from jellyfish.lab.sizing.cameras import alike_but_for
from jellyfish.lab.sizing.needed import PER_FRONT, Needed, Wish, devices_needed, parts_of
from jellyfish.lab.sizing.shown import in_words

SLOW = ("--profile", "gpu", "--times-as-fast", "0.08", "--slo-ms", "500", "--fps", "5", "--trace", "20mbps")
"""Devices that few cameras fill, so that little has to be simulated."""


def plan(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["plan", *map(str, words)])


def test_the_fewest_devices_are_named_with_what_one_fewer_and_one_more_give(tmp_path: Path) -> None:
    done = plan("--clients", "20", *SLOW, "--target", "98", "--json", "--plot", tmp_path / "needed.svg")
    assert done.exit_code == 0, done.output
    needed = msgspec.json.decode(done.stdout, type=Needed)
    assert needed.devices == needed.devices_per_part and needed.devices is not None and needed.devices > 1
    simulated = {outcome.devices: outcome for outcome in needed.simulated}
    assert simulated[needed.devices].on_time >= 0.98 and simulated[needed.devices + 1].on_time >= 0.98
    assert simulated[needed.devices - 1].on_time < 0.98
    outlooks = {each.devices: each for each in needed.outlooks}
    assert outlooks[needed.devices].served == 20 > outlooks[needed.devices - 1].served
    # what plans expect comes about
    assert simulated[needed.devices].accuracy == pytest.approx(outlooks[needed.devices].accuracy, abs=0.06)
    assert (tmp_path / "needed.svg").read_text().startswith("<?xml")


def test_the_same_question_has_the_same_answer() -> None:
    kind = load_model("gpu")
    wish = Wish(groups=alike_but_for(2, [5.0], [100.0], ["wifi"], 5.0), target=95)
    once, again = (devices_needed(kind, wish, lambda words, done, total: None) for _ in range(2))
    assert once == again and once.devices == 1


def test_that_no_number_does_is_an_answer_with_its_reason() -> None:
    done = plan("--clients", "3", "--profile", "gpu", "--trace", "300kbps")
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    assert "No number of these devices serves 3 cameras" in words and "the deadline is 150 ms" in words


def test_an_accuracy_that_links_do_not_allow_is_not_promised() -> None:
    done = plan("--clients", "1", "--profile", "gpu", "--trace", "3mbps", "--least-accuracy", ".99", "--target", "90")
    assert done.exit_code == 0, done.output
    assert "0.99 was asked for" in " ".join(done.output.split())


def test_more_cameras_than_one_front_has_are_shared_out_and_said_to_be() -> None:
    groups = alike_but_for(1000, [1.0], [100.0], ["wifi"], 5.0)
    assert parts_of(groups, None) == -(-1000 // PER_FRONT)
    costs = HostCosts((128,), (0.001,), (0.0,), (0.0,), 0.0, 0.009, 0.0)
    assert parts_of(groups, costs) == 10
    needed = Needed(
        kind="a kind", cameras=1000, fps=1000.0, target=99.0, least_accuracy=0.0, devices=None, why_none=["why"],
        parts=10, cameras_per_part=100, devices_per_part=None, most_accuracy=0.5, outlooks=[], simulated=[], front=None,
    )  # fmt: skip
    assert "No number of these devices serves 1,000 cameras with 99 % on time: why." in in_words(needed)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say how many cameras"),
        (("--clients", "2", "--fps", "1,2,3"), "nobody would have the last"),
        (("--clients", "2", "--profile", "gpu", "--plot", "needed.pdf"), ".png or .svg"),
        (("--clients", "2", "--profile", "gpu", "--trace", "carrier-pigeon"), "carrier-pigeon"),
        (("--clients", "2", "--profile", "gpu", "--planner", "greedy"), "greedy"),
        (("--clients", "2", "--profile", "missing.json"), "missing.json cannot be read"),
        (("--clients", "2", "--profile", "gpu", "--device", "cuda:0"), "--device has no effect"),
        (("--clients", "2", "--time-budget-ms", "5"), "--time-budget-ms has no effect"),
        (("missing.toml",), "missing.toml cannot be read"),
        (("docs/examples/cameras.toml", "--clients", "2"), "--clients has no effect"),
        (("docs/examples/plan.json", "--target", "99"), "--target has no effect"),
    ],
)
def test_a_wrong_question_is_refused_in_a_line(words: tuple[str, ...], told: str) -> None:
    done = plan(*words)
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
