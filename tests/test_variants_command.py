"""`jellyfish variants`: every size by its name, with what it is worth and where that was measured."""

from __future__ import annotations

import click
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.models.slimmable.weights import load_weights


def test_every_variant_is_listed_with_its_accuracy_and_the_source() -> None:
    result = CliRunner().invoke(cli.app, ["variants"], color=False)
    assert result.exit_code == 0, result.output
    said = click.unstyle(result.output)
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in said.splitlines() if line.startswith("w")}
    weights = load_weights()
    assert list(rows) == [variant.name for variant in weights.variants()]
    assert rows["w075e2-320"].startswith("320 px 320 x 192 0.537")
    for evaluation in weights.card.evaluations:
        assert f"{evaluation.name} ({evaluation.images:,} images)" in said
    assert "street.json" in said
    assert f"It finds, by name: {', '.join(weights.card.classes)}." in said
    assert f"slimmable {weights.card.sha256[:8]}: detection" in said


def test_weights_that_are_missing_are_named() -> None:
    result = CliRunner().invoke(cli.app, ["variants", "--weights", "nowhere.safetensors"])
    assert result.exit_code == 2
    assert "nowhere" in result.output
