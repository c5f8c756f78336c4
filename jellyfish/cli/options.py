"""Options that several commands share: their types and what `--help` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jellyfish.cli.bounds import PROCESSORS
from jellyfish.config import LEAST_TARGET, MOST_CARE, MOST_TARGET

SHIPPED_VIDEOS = Path(__file__).parents[1] / "videos"
"""The clips that ship: in the package, wherever it is installed. In the repository they are the top folder's."""

OnDevice = Annotated[
    str, typer.Option(help="Where the network runs: `cpu`, `cuda:0`, or several: `cuda:0,cuda:1`.", show_default=True)
]
Weights = Annotated[Path | None, typer.Option(help="A weights file (.safetensors); the shipped ones by default.")]
Zoo = Annotated[
    str | None,
    typer.Option(help="Static detectors instead (docs/zoo.md): `torchvision`, or some: `torchvision:ssdlite,fcos`."),
]
ZooWeights = Annotated[Path | None, typer.Option(help="Folder of their state files; otherwise they are downloaded.")]
Profile = Annotated[
    Path | None, typer.Option(help="A latency profile; by default the saved one, or a quick one is made.")
]
Planner = Annotated[
    str,
    typer.Option(
        help="Who plans: `shared` (devices run several variants in turn); or, with one variant per device, `best`, "
        "`exact` or `annealing` (the published algorithm). `client`: nobody, clients choose for themselves."
    ),
]
Actuation = Annotated[
    bool, typer.Option(help="A batch that would be late may run narrower than planned, one with time to spare wider.")
]
Window = Annotated[float, typer.Option(help="Milliseconds between two plans.")]
PlanningShare = Annotated[
    float, typer.Option(min=0.1, max=100, help="Percent of one processor core that planning may take.")
]
Target = Annotated[
    float,
    typer.Option(
        min=LEAST_TARGET,
        max=MOST_TARGET,
        help="Percent of the captured frames of each client that are to be answered in time. How much time plans keep "
        "free for that is learnt from how frames fare.",
    ),
]
Care = Annotated[
    float,
    typer.Option(
        min=0,
        max=MOST_CARE,
        help="How careful plans are at first, until that is learnt: 0 plans with medians, 1 with 99th percentiles.",
    ),
]
FixedVariant = Annotated[
    str | None, typer.Option("--variant", help="Serve this variant alone, without adaptation, e.g. `w100e2-448`.")
]
LocalVariant = Annotated[str, typer.Option(help="The small network, which runs on the device for every frame.")]
CloudFilter = Annotated[
    str, typer.Option(help="Which frames go to the server: `periodic`, `transition` or `gain` (docs/clownfish.md).")
]
Period = Annotated[int, typer.Option(min=1, max=1000, help="On average one frame in so many goes to the server.")]
MaxBatch = Annotated[int, typer.Option(min=1, max=64, help="Largest batch.")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=PROCESSORS,
        help="Threads of one batch on cpu, at most one for each processor; by default what answers most frames.",
    ),
]
