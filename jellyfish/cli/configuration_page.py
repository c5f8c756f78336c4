"""docs/configuration.md, written from the options themselves: python -m jellyfish.cli.configuration_page > FILE"""

from __future__ import annotations

import re
import sys
from typing import Any

import typer

from jellyfish import cli
from jellyfish.cli.configured import CALL_ALONE, ConfiguredCommand
from jellyfish.modes.reloading import AT_RUN_TIME, WITH_MODEL

_HEAD = """# Configuration of a server
Written by `python -m jellyfish.cli.configuration_page`, from the options of `jellyfish serve` themselves.

Everything that `jellyfish serve` takes on the command line may also stand in a TOML file and in the environment. What
is given on the command line goes before the environment, that before the file, that before the default, as in
`jellyfish serve --config /etc/jellyfish.toml --max-clients 8`.

```toml
# /etc/jellyfish.toml
host = "0.0.0.0"
device = ["cuda:0", "cuda:1"]            # or "cuda:0,cuda:1", as on the command line
max_clients = 64
tokens = "/etc/jellyfish-tokens.toml"    # who may do what: security.md

[[cameras]]                              # one it fetches itself, or settings for one that comes: cameras-api.md
name = "gate"
url = "rtsp://10.0.0.7/stream"
classes = ["car", "person"]
```

The same in the environment: `JELLYFISH_SERVE_MAX_CLIENTS=64`; a variable that is empty counts as not set. Paths are
as on the command line, from the folder in which the server is started. A key or variable that there is not is refused
with the nearest one that there is, a wrong value with the place where it stands, an option that has no effect beside
the others as on the command line. Tokens themselves are in no option: in a file, or in `JELLYFISH_CAMERA_TOKEN` and
`JELLYFISH_ADMINISTRATION_TOKEN` ([security.md](security.md)).

`jellyfish serve --check` looks at everything (options, model, weights, profile, tokens, certificate, whether the port
is free), says what is wrong and ends: 0, or 2.

**While it runs** a server reads file, tokens and certificate anew when it gets SIGHUP (not where it was started from
a terminal, whose end that tells of), or with a token for administration:

    curl -X POST -H "Authorization: Bearer TOKEN" http://HOST:PORT/v1/admin/reload

No stream is dropped, but those whose token is no longer there. What is taken is marked in the table, and so are cameras
([cameras-api.md](cameras-api.md)); all else takes a restart, and is named in the answer. If anything is wrong, nothing
is changed. A stream that is open keeps what its welcome has said.

**The model** is changed apart from the rest: on SIGHUP where file or environment name another, or when it is asked for,
which also takes the same files with something else in them:

    curl -X POST -H "Authorization: Bearer TOKEN" http://HOST:PORT/v1/admin/model

The new one is opened beside the one that serves, run on a frame in each size, and put in its place between two frames;
no stream is dropped ([models.md](models.md)). The answer says what serves then, or why all is as before.

| key | on the command line | default | while it runs | what it is |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    command = typer.main.get_command(cli.app).commands["serve"]  # type: ignore[attr-defined]
    assert isinstance(command, ConfiguredCommand)
    return _HEAD + "".join(map(_row, (each for each in command.params if each.name not in CALL_ALONE)))


def _row(option: Any) -> str:
    names = " ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    reloaded = "yes" if option.name in AT_RUN_TIME else "with the model" if option.name in WITH_MODEL else ""
    words = re.sub(r"\(docs/([a-z]+\.md)\)", r"([\1](\1))", str(option.help)).replace("|", "\\|")
    return f"| `{option.name}` | {names} | {_default(option)} | {reloaded} | {words}{_bounds(option)} |\n"


def _default(option: Any) -> str:
    value = option.default
    if value is None or value == "":
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _bounds(option: Any) -> str:
    least, most = option.min, option.max
    if least is None or most is None or option.name == "threads":  # which this machine bounds
        return ""
    return f" {least:,} to {most:,}."


if __name__ == "__main__":
    sys.stdout.write(page())
