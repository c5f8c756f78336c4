"""Options that several commands share: their types and what `--help` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jellyfish.cli.bounds import PROCESSORS
from jellyfish.config import DEFAULT_LOCAL, DEFAULT_LOCALS, LEAST_TARGET, MOST_CARE, MOST_TARGET, WorkerPlace

SHIPPED_VIDEOS = Path(__file__).parents[1] / "videos"
"""The clips that ship: in the package, wherever it is installed. In the repository they are the top folder's."""
CLASSIFIER_VIDEOS = SHIPPED_VIDEOS / "classification"
"""Those for classifiers, which show one thing at a time."""

OnDevice = Annotated[
    str, typer.Option(help="What networks run on: `cpu`, `cuda:0`, or several: `cuda:0,cuda:1`.", show_default=True)
]
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        help="What is run: `slimmable` (our detector), `classification` (our classifier), `torchvision` or some of its "
        "networks (`torchvision:ssdlite,fcos`), a package (a folder or .zip with model.toml, "
        "or a .onnx beside one), or Python: FILE.py:NAME, MODULE:NAME (docs/models.md).",
        show_default=True,
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        help="The model's weights in place of those that ship: a file (.safetensors, with its .json beside it); of "
        "torchvision the folder of its state files, which are downloaded otherwise."
    ),
]
Profile = Annotated[
    Path | None,
    typer.Option(
        help="A file that `jellyfish profile` wrote: how long this device takes. By default the one it saved for "
        "this device; where there is none yet, a quick one is measured first."
    ),
]
Planner = Annotated[
    str,
    typer.Option(
        help="Who decides what each camera sends and which variant answers it. `shared`: a device runs several "
        "variants in turn. `best`, `exact`, `annealing` (the published algorithm): one variant per device. "
        "`client`: nobody, each camera decides for itself (docs/planning.md). One of your own: FILE.py:NAME "
        "(docs/planners.md)."
    ),
]
Actuation = Annotated[
    bool,
    typer.Option(
        help="A batch that would be late may run with a quicker variant than planned, one with time to spare with "
        "a more accurate one."
    ),
]
Window = Annotated[
    float,
    typer.Option(
        help="Milliseconds between two plans, 50 to 60000: so often cameras, links and devices are looked at anew."
    ),
]
PlanningShare = Annotated[
    float, typer.Option(min=0.1, max=100, help="Percent of one processor core that planning may take.")
]
Target = Annotated[
    float,
    typer.Option(
        min=LEAST_TARGET,
        max=MOST_TARGET,
        help="Percent of each camera's frames that are to be answered in time. While it runs, the server learns "
        "how much time plans must keep free for that.",
    ),
]
Care = Annotated[
    float,
    typer.Option(
        min=0,
        max=MOST_CARE,
        help="How much time plans keep free at first, until the server has learnt how much it takes. 0: none, "
        "everything is expected to take its usual (median) time. 1: as if everything took as long as in the "
        "worst case of 100. More: more. The more, the fewer late frames and the smaller the networks "
        "(docs/planning.md).",
    ),
]
FixedVariant = Annotated[
    str | None,
    typer.Option(
        "--variant",
        help="Serve this variant alone, nothing adapts, e.g. `w100e2-448`; `jellyfish variants` lists them.",
    ),
]
Workers = Annotated[
    WorkerPlace,
    typer.Option(
        help="Where devices of this machine run: `thread`, in the server's process; `process`, each in its own, "
        "which also decodes; `auto`, the latter where there are several (docs/scale.md)."
    ),
]
TlsCertificate = Annotated[
    Path | None, typer.Option(help="Its certificate in PEM, with the chain behind it: connections are encrypted.")
]
TlsKey = Annotated[
    Path | None, typer.Option(help="The key of --tls-certificate in PEM, where it is not in the same file.")
]
LocalVariant = Annotated[
    str | None,
    typer.Option(
        help=f"The small network that runs on the device itself for every frame, by default {DEFAULT_LOCAL}, or "
        f"{DEFAULT_LOCALS['scores']} where class scores are fused; `jellyfish variants` lists them.",
        show_default=False,
    ),
]
CloudFilter = Annotated[
    str, typer.Option(help="Which frames go to the server: `periodic`, `transition` or `gain` (docs/clownfish.md).")
]
Period = Annotated[int, typer.Option(min=1, max=1000, help="On average one frame in so many goes to the server.")]
MaxBatch = Annotated[int, typer.Option(min=1, max=64, help="Most frames that run at once on a device, as one batch.")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=PROCESSORS,
        help="Threads of one batch on `cpu`, at most one for each processor; by default what answers most frames.",
    ),
]
TokenFromFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help="A file whose first line is the token that the server asks for; by default JELLYFISH_TOKEN of the "
        "environment, if that is set (docs/security.md).",
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        help="Whose certificates are taken for a server's at wss://, in PEM: also the one that a server made itself. "
        "By default those that the system trusts."
    ),
]
AnyCertificate = Annotated[
    bool,
    typer.Option(
        "--any-certificate",
        help="Take any server's certificate at wss://, whoever made it. Whoever is on the way can then read and "
        "change everything, the token too: for trying things out.",
    ),
]
