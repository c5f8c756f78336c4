"""docs/metrics.md, the dashboard and the rules for alerts: all speak of metrics that there are."""

from __future__ import annotations

from pathlib import Path

from jellyfish.server.metrics.catalogue import CATALOGUE, MetricKind
from jellyfish.server.metrics.reference import page

ROOT = Path(__file__).parents[3]


def test_the_page_is_up_to_date() -> None:
    told = (ROOT / "docs" / "metrics.md").read_text()
    assert told == page(), "python -m jellyfish.server.metrics.reference > docs/metrics.md"


def test_names_follow_the_conventions() -> None:
    for metric in CATALOGUE:
        assert metric.name.endswith("_total") == (metric.kind is MetricKind.COUNTER)
        assert metric.name.endswith("_info") == (metric.kind is MetricKind.INFO)
        assert bool(metric.edges) == (metric.kind is MetricKind.HISTOGRAM)
        assert list(metric.edges) == sorted(set(metric.edges))
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)
