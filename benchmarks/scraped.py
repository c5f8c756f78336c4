"""Do Prometheus' counts equal a run's own? A live `bench` against `serve`, scraped all the while.

    python -m benchmarks.scraped [--clients 4] [--seconds 20] [--trace wifi]

Serve, cameras and Prometheus (Debian: apt-get install prometheus) are processes of their own. After the run's end the
frames that Prometheus knows of each camera, by outcome and reason, are held against `summary.json`: they must be equal.
Then every query of the dashboard is asked: none may be wrong, and those without an answer are listed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "jellyfish.json"
PROMETHEUS = "127.0.0.1:9097"
PATIENCE_S = 30.0
"""For the scrape after the run's end."""
FRAMES = 'sum by (camera, outcome, reason) (jellyfish_frames_total{source="reported"}) > 0'
Counts = Counter[tuple[str, str]]


@contextlib.contextmanager
def server(cameras: int) -> Iterator[str]:
    """HOST:PORT of a server that is ready."""
    words = [sys.executable, "cli.py", "serve", "--port", "0", "--metrics-cameras", str(cameras), "--quiet"]
    with subprocess.Popen(words, cwd=ROOT, text=True, stdout=subprocess.PIPE) as process:
        try:
            yield next(found[1] for line in process.stdout or () if (found := re.search(r"ws://([^/]+)/", line)))
        finally:
            process.terminate()


@contextlib.contextmanager
def prometheus(folder: Path, target: str) -> Iterator[None]:
    """Scrapes `target` every two seconds."""
    job = {"job_name": "jellyfish", "static_configs": [{"targets": [target]}]}
    (folder / "prometheus.yml").write_text(json.dumps({"global": {"scrape_interval": "2s"}, "scrape_configs": [job]}))
    words = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (
        (folder / "prometheus.log").open("w") as log,
        subprocess.Popen(
            ["prometheus", *words, f"--web.listen-address={PROMETHEUS}"], stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()


def asked(query: str) -> list[dict[str, Any]]:
    """What Prometheus answers now."""
    with urllib.request.urlopen(
        f"http://{PROMETHEUS}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    ) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def scraped() -> dict[str, Counts]:
    """Camera -> frames by (outcome, reason), as Prometheus has them."""
    counts: dict[str, Counts] = {}
    for series in asked(FRAMES):
        labels = series["metric"]
        counts.setdefault(labels["camera"], Counter())[labels["outcome"], labels.get("reason", "")] += int(
            series["value"][1]
        )
    return counts


def recorded(run: Path) -> dict[str, Counts]:
    """The same from the run's own files; reasons with their outcomes are told by its frames."""
    counts: dict[str, Counts] = {}
    for line in (run / "frames.jsonl").read_text().splitlines():
        frame = json.loads(line)
        counts.setdefault(frame["client"], Counter())[frame["outcome"], frame["reason"] or ""] += 1
    for client, figures in json.loads((run / "summary.json").read_text())["clients"].items():
        by_outcome = Counter[str]()
        for (outcome, _), frames in counts.get(client, Counter()).items():
            by_outcome[outcome] += frames
        told = {outcome: figures[outcome] for outcome in ("on_time", "late", "dropped", "skipped", "lost")}
        assert {outcome: by_outcome[outcome] for outcome in told} == told, client
    return counts


def dashboard_answers() -> tuple[int, list[str]]:
    """How many of the dashboard's queries Prometheus takes, and those that have no answer."""
    text = DASHBOARD.read_text().replace("$instance", ".*").replace("$__rate_interval", "15s")
    queries = [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]
    return len(queries), [query for query in queries if not asked(query)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--trace", default="wifi")
    options = parser.parse_args()
    if shutil.which("prometheus") is None:
        sys.exit("there is no prometheus here: apt-get install prometheus")
    with tempfile.TemporaryDirectory() as name, server(options.clients) as where, prometheus(Path(name), where):
        words = ["bench", "--connect", f"ws://{where}/v1/stream", "--clients", str(options.clients), "--fps", "15"]
        words += ["--slo-ms", "150", "--trace", options.trace, "--duration", f"{options.seconds:g}"]
        subprocess.run(
            [sys.executable, "cli.py", *words, "--results", f"{name}/run"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        queries, empty = dashboard_answers()
        own, ended_s = recorded(Path(name) / "run"), time.monotonic()
        while (known := scraped()) != own and time.monotonic() < ended_s + PATIENCE_S:
            time.sleep(1)
    for camera in sorted(known | own):
        same = known.get(camera) == own.get(camera)
        frames, on_time = own.get(camera, Counter()).total(), own.get(camera, Counter())["on_time", ""]
        print(f"{camera}: {frames} frames, {on_time} on time; Prometheus {'has the same' if same else 'differs'}")
        if not same:
            print(f"  Prometheus {known.get(camera)}\n  the run    {own.get(camera)}")
    print(f"dashboard: {queries} queries taken, {len(empty)} without an answer")
    for each in empty:
        print(f"  {each}")
    sys.exit(known != own)


if __name__ == "__main__":
    main()
