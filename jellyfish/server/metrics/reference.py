"""`docs/metrics.md`, made of the catalogue: every metric, its labels and its buckets.

python -m jellyfish.server.metrics.reference > docs/metrics.md
"""

from __future__ import annotations

from jellyfish.server.metrics.catalogue import CATALOGUE, MetricDefinition
from jellyfish.server.metrics.frame_counts import REPORT_S
from jellyfish.server.metrics.page import KEPT_S

INTRODUCTION = f"""\
# Metrics
This page is made of the code that tells them (`python -m jellyfish.server.metrics.reference > docs/metrics.md`).

A server tells Prometheus of itself at `GET /metrics`, in the OpenMetrics format to whoever asks for it, else in
Prometheus' own text format. Where tokens are in force ([security.md](security.md)), it is for whoever has one for
`metrics`. Where none is asked for, it is for whoever asks from the server's own machine, and for the networks that
`serve --metrics-from 10.0.0.0/8` names; a request that comes by a proxy counts as from whom the proxy names, if it is
one that `--proxy` knows, else it is refused. A page of the last {KEPT_S:g} s is given to the next who asks.

```yaml
scrape_configs:
  - job_name: jellyfish
    static_configs: [{{targets: ["127.0.0.1:8765"]}}]
```

A whole `prometheus.yml`, rules for alerts and a dashboard for Grafana are in [`deploy/`](../deploy/README.md).

**Whose count is it?** What became of a captured frame only its camera knows: what it never sent, and when the answer
was there, on one clock. So `jellyfish_frames_total` and `jellyfish_frame_slack_seconds` are, with `source="reported"`,
what cameras have reported, once a second and with their goodbye ([protocol.md](protocol.md)): at the end of a `bench`
they equal its `summary.json`, for each camera whose connection held from before its first frame to its goodbye. What
cameras captured while they had no server is in no report. A camera that does not report, or whose reports cannot be
true, is counted by what the server can tell (`source="estimated"`), from {REPORT_S:g} s after it came. All other
metrics are the server's own, by its own clock.

**What it costs** (`python -m benchmarks.metered`, 64 clients, two cores that others used, so that times are long):
counting a frame 6 to 10 microseconds of processor time; a page with all cameras by name 17 to 24 ms, in 36 pieces of
mostly less than half a millisecond, the longest .8 to 1.4, between which frames go on. A frame took the server 532
microseconds without metrics, 539 with them, and 571 with a scrape a second by camera (then in 120 pieces), medians of
three rounds that differed by more than that.

**Cameras by name.** `camera` is empty unless `serve --metrics-cameras N` is given: then the first N names that cameras
give themselves are told apart for as long as the server runs, and all others are together under the empty name. Sum
over `camera` for all. Two cameras of one name count as one.

**Labels.** `outcome` and `reason` are those of [results.md](results.md); where a client makes up a reason of its own it
counts as `other`, and estimates know `late` and `not_sent` alone beside the server's own reasons. `reason` is empty
where a frame was answered in time. Counters begin at 0 with the server.

| metric | type | labels | what it is |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    buckets = "\n".join(f"* `{each.full_name}`: {_edges(each)}" for each in CATALOGUE if each.edges)
    table = "".join(map(_row, CATALOGUE))
    return f"{INTRODUCTION}{table}\n**Buckets** (`le`, and `+Inf`):\n\n{buckets}\n"


def _row(metric: MetricDefinition) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.full_name}` | {metric.kind} | {labels} | {metric.words} |\n"


def _edges(metric: MetricDefinition) -> str:
    return ", ".join(f"{edge:g}" for edge in metric.edges)


if __name__ == "__main__":
    print(page(), end="")
