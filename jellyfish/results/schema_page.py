"""`docs/results.md`, made of the code that writes result files: every key, its unit and zero point, and all reasons.

python -m jellyfish.results.schema_page > docs/results.md
"""

from __future__ import annotations

import ast
import builtins
import enum
import inspect
import itertools
import sys
import textwrap
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Union

import msgspec

from jellyfish.core import Outcome
from jellyfish.results.outcome_lines import OutcomeLine
from jellyfish.results.reasons import REASONS
from jellyfish.results.records import SCHEMA, FrameRecord, OutageRecord, PlanRecord, RunInfo
from jellyfish.results.summary import Summary
from jellyfish.results.window_lines import ClientLine, DeviceLine, WindowLine

LINE_FILES: dict[str, type[msgspec.Struct]] = {
    "frames.jsonl": FrameRecord,
    "plans.jsonl": PlanRecord,
    "outages.jsonl": OutageRecord,
    "windows.jsonl": WindowLine,
    "window_clients.jsonl": ClientLine,
    "window_devices.jsonl": DeviceLine,
    "outcomes.jsonl": OutcomeLine,
}
HEADERS: dict[str, type[msgspec.Struct]] = {"run.json": RunInfo, "summary.json": Summary}
OUTCOMES = {
    Outcome.ON_TIME: "answered within its SLO",
    Outcome.LATE: "answered, but later",
    Outcome.DROPPED: "refused or given up, by the server or by the device that should have answered",
    Outcome.SKIPPED: "never sent, by the client's choice or for want of a server",
    Outcome.LOST: "sent, and not answered",
}
PLAIN_TYPES = {str: "text", bool: "true, false", int: "number", float: "number"}

INTRODUCTION = f"""\
# What a run leaves behind

This page is made of the code that writes the files (`python -m jellyfish.results.schema_page > docs/results.md`). It is
of schema {SCHEMA}: `schema` in `run.json`.

`results/<run>/` holds two headers, `run.json` (written first) and `summary.json` (last), and tables: files of JSON
lines, in which every line is flat and has every key. What does not apply or is not known is `null`. There is no file
without a line.

```python
# by default polars looks at 100 lines alone, and refuses a value later on in what was null in all of these
frames = polars.read_ndjson("results/RUN/frames.jsonl", infer_schema_length=None)
frames = pandas.read_json("results/RUN/frames.jsonl", lines=True)
```

| file | one line for | written by |
|---|---|---|
| `frames.jsonl` | each captured frame, when it has ended | `bench`, `simulate`, `device` |
| `plans.jsonl` | each plan that a client was told | the same, wherever the server is |
| `outages.jsonl` | each time that a client had no server | the same |
| `windows.jsonl` | each window of the control loop | whoever has the server: `bench`, `simulate`, `serve --results` |
| `window_clients.jsonl` | each window and client | the same |
| `window_devices.jsonl` | each window and device | the same |
| `outcomes.jsonl` | each camera and way that its frames have fared since the line before | `serve --results` |

Beside them `bench` may leave `detections.json` (`--save-detections`: COCO results) and `pictures.jpg`, which are no
tables.

A window has three files, not one: a file in which lines differ is no table, and what holds for a whole window would be
told, and summed up, once for each client. `window` joins them.

**Zero points.** The run's start is the moment from which on cameras may capture; a server's own log counts from when
it is ready. Keys that end in `unix_s` are on the clock of the machine that wrote the line, as it stood when the run
began (it is not set later), and `null` in virtual time, so that the same seed gives the same bytes. Durations, counts
and sizes have no zero point of their own.

**A server's own log** (`serve --results FOLDER`) has the three tables of windows and `outcomes` in numbered
parts, `windows-000001.jsonl` and so on, each with its `run-000001.json`. It holds no single frames, but counts of what
became of them: `jellyfish report --from --to --camera` says why a camera missed some ([report.md](report.md)). The
oldest parts are deleted, so that the folder never holds more than `--results-mb`, nor anything older than
`--results-days`. A server that is started again goes on in the same folder; a disk that is full or slow costs lines of
it, never frames.

**Folders of schema 1** had all of a window in one nested line of `windows.jsonl` and left out keys without a value.
`jellyfish report` reads them, without what was known of each client in a window.
"""


class FileKey(NamedTuple):
    """One key of a file."""

    name: str
    type: str
    unit: str
    zero: str
    nullable: bool
    words: str


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, _reasons()]
    for name, kind in (LINE_FILES | HEADERS).items():
        parts.append(f"## {name}\n\n{_told(kind)}\n\n{_table(keys(kind))}")
        parts += [f"### {part.__name__}\n\n{_told(part)}\n\n{_table(keys(part))}" for part in parts_of(kind)]
    return "\n".join(parts)


def keys(kind: type[msgspec.Struct]) -> list[FileKey]:
    """The keys that values of `kind` are written with, those of a base first."""
    words = _words(kind)
    hints = typing.get_type_hints(kind, include_extras=True)
    return [_key(name, hints[name], words.get(name, "")) for name in kind.__struct_fields__]


def _key(name: str, hint: Any, words: str) -> FileKey:
    options = _options(hint)
    (known,) = [option for option in options if option is not type(None)]
    meta = _extra(known)
    unit, zero = (meta.get("unit") or "", meta.get("zero") or "") if meta else ("", "")
    return FileKey(name, _type_in_words(known), unit, zero, type(None) in options, words)


def _options(hint: Any) -> tuple[Any, ...]:
    union = typing.get_origin(hint) in (Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)


def _extra(hint: Any) -> dict[str, str | None] | None:
    """What the annotation says of a number, or of the numbers in a mapping."""
    if typing.get_origin(hint) is dict:
        return _extra(typing.get_args(hint)[1])
    return next((meta.extra for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, msgspec.Meta)), None)


def _type_in_words(hint: Any) -> str:
    arguments = typing.get_args(hint)
    match typing.get_origin(hint):
        case typing.Annotated:
            words = _type_in_words(arguments[0])
        case typing.Literal:
            words = ", ".join(f"`{word}`" for word in arguments)
        case builtins.dict:
            words = f"name: {_type_in_words(arguments[1])}"
        case builtins.list:
            words = f"list: {_type_in_words(arguments[0])}"
        case _:
            words = _plain_type_in_words(hint)
    return words


def _plain_type_in_words(hint: Any) -> str:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return f"[{hint.__name__.lower()}](#outcomes-and-reasons)"
    return PLAIN_TYPES.get(hint, "any")


def parts_of(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """The values that are written inside those of `kind`, each once."""
    seen, waiting = {kind}, [kind]
    while waiting:
        for hint in typing.get_type_hints(waiting.pop(0)).values():
            for inner in _structs(hint):
                if inner not in seen:
                    seen.add(inner)
                    waiting.append(inner)
                    yield inner


def _structs(hint: Any) -> list[type[msgspec.Struct]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return [hint]
    return [struct for part in typing.get_args(hint) for struct in _structs(part)]


def _words(kind: type[msgspec.Struct]) -> dict[str, str]:
    """The text below each field in the code, which Python does not keep."""
    words: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if not issubclass(each, msgspec.Struct) or each is msgspec.Struct:
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(definition, ast.ClassDef)
        words |= _below_fields(definition.body)
    return words


def _below_fields(body: Sequence[ast.stmt]) -> dict[str, str]:
    found = {}
    for field, below in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            assert isinstance(below.value, ast.Constant)
            found[field.target.id] = " ".join(str(below.value.value).split())
    return found


def _told(kind: type[msgspec.Struct]) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def _table(rows: Sequence[FileKey]) -> str:
    lines = ["| key | value | unit | zero point | what it tells |", "|---|---|---|---|---|"]
    for key in rows:
        value = key.type + (", null" if key.nullable else "")
        lines.append(f"| `{key.name}` | {value} | {key.unit} | {key.zero} | {key.words} |")
    return "\n".join(lines) + "\n"


def _reasons() -> str:
    lines = ["## Outcomes and reasons\n", "Terminal, report and files use these words. Every frame has one outcome:\n"]
    lines += ["| outcome | what it means |", "|---|---|"]
    lines += [f"| `{outcome}` | {words} |" for outcome, words in OUTCOMES.items()]
    lines += ["\nand every one that was not answered on time has a reason:\n"]
    lines += ["| reason | outcomes | what it means | whose fault it is |", "|---|---|---|---|"]
    for reason, meaning in REASONS.items():
        outcomes = ", ".join(f"`{outcome}`" for outcome in meaning.outcomes)
        lines.append(f"| `{reason}` | {outcomes} | {meaning.words} | {meaning.whose} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
