"""The dashboard and the rules for alerts ask for metrics and labels that there are; alerts come when they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jellyfish.server.metrics.catalogue import CATALOGUE, MetricKind

DEPLOY = Path(__file__).parents[3] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "jellyfish.json"
RULES = DEPLOY / "prometheus" / "alerts.yml"
SUFFIXES = {MetricKind.HISTOGRAM: ("_bucket", "_sum", "_count")}
KNOWN = {
    metric.full_name + suffix: {*metric.labels, *(["le"] if suffix == "_bucket" else [])}
    for metric in CATALOGUE
    for suffix in SUFFIXES.get(metric.kind, ("",))
}
OF_SCRAPES = {"job", "instance"}


def queries(value: Any) -> list[str]:
    """All expressions of a dashboard."""
    if isinstance(value, dict):
        own = [value["expr"]] if "expr" in value else []
        return own + [found for inner in value.values() for found in queries(inner)]
    return [found for inner in value for found in queries(inner)] if isinstance(value, list) else []


def wrong(text: str) -> list[str]:
    """What is asked for and is not there: metrics, and labels of selectors."""
    found = []
    for name, selector in re.findall(r"\b(jellyfish_\w+)(?:\{([^}]*)\})?", text):
        if name not in KNOWN:
            found.append(name)
            continue
        labels = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", selector))
        found += [f"{name}{{{label}}}" for label in labels - KNOWN[name] - OF_SCRAPES]
    return found


def test_what_is_not_there_is_found() -> None:
    assert wrong('sum(rate(jellyfish_frame_total{outcome="late"}[5m]))') == ["jellyfish_frame_total"]
    assert wrong('jellyfish_frames_total{kind="late"}') == ["jellyfish_frames_total{kind}"]
    assert wrong("rate(jellyfish_loop_lag_seconds[5m])") == ["jellyfish_loop_lag_seconds"]


def test_the_dashboard_asks_for_what_there_is() -> None:
    asked = queries(json.loads(DASHBOARD.read_text()))
    assert len(asked) > 20
    assert [bad for query in asked for bad in wrong(query)] == []


def test_the_rules_ask_for_what_there_is() -> None:
    assert wrong(re.sub(r"description:.*", "", RULES.read_text())) == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool here (Debian: prometheus)")
@pytest.mark.parametrize("words", [("check", "config", "prometheus.yml"), ("test", "rules", "alerts.test.yml")])
def test_prometheus_takes_them(words: tuple[str, ...]) -> None:
    told = subprocess.run(
        ["promtool", *words], cwd=RULES.parent, capture_output=True, text=True, check=False, timeout=60
    )
    assert told.returncode == 0, told.stdout + told.stderr
