"""How many devices are needed, for people: a table, sentences and a figure. Computes nothing new."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from jellyfish.errors import InputError
from jellyfish.lab.sizing.needed import Needed
from jellyfish.lab.sizing.outlook import Outlook
from jellyfish.lab.sizing.trial import SimulatedOutcome
from jellyfish.results.table import NOTHING, percent
from jellyfish.whole_files import written_whole

PLOTS = (".png", ".svg")


def table_of(needed: Needed) -> Table:
    """A row per number of devices, what is planned and, where it was simulated, what came of it."""
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    each = "\na front" if needed.parts > 1 else ""
    table.add_column(f"devices{each}", justify="right")
    for heading in ("cameras\nserved", "accuracy\nplanned", "busy\n%"):
        table.add_column(heading, justify="right")
    table.add_column("what\nbinds")
    for heading in ("simulated\non time %", "worst\ncamera %", "accuracy\nof all", "busy\n%"):
        table.add_column(heading, justify="right")
    table.add_column("simulated")
    simulated = {outcome.devices: outcome for outcome in needed.simulated}
    for planned in needed.outlooks:
        table.add_row(
            str(planned.devices),
            *_planned(planned),
            *_simulated(simulated.get(planned.devices)),
            style="bold" if planned.devices == needed.devices_per_part else "",
        )
    return table


def _planned(planned: Outlook) -> tuple[str, ...]:
    served = f"{planned.served:.4g}/{planned.cameras}"
    return served, f"{planned.accuracy:.3f}", f"{100 * planned.busy:.0f}", planned.binds


def _simulated(outcome: SimulatedOutcome | None) -> tuple[str, ...]:
    if outcome is None:
        return (*(4 * (NOTHING,)), "")
    return (
        percent(outcome.on_time),
        percent(outcome.worst_camera),
        f"{outcome.accuracy:.3f}",
        f"{100 * outcome.busy:.0f}",
        f"{outcome.simulated_cameras} on {outcome.simulated_devices}",
    )


def in_words(needed: Needed) -> list[str]:
    """The answer, and what it rests on, a line each."""
    return [_answer(needed), *_around(needed), *_shared_out(needed), _fronts(needed), f"Device: {needed.kind}"]


def _answer(needed: Needed) -> str:
    wish = f"{needed.target:g} % on time"
    if needed.least_accuracy:
        wish += f" and an accuracy of {needed.least_accuracy:g}"
    cameras = _many(needed.cameras, "camera")
    if needed.devices is None:
        return f"No number of these devices serves {cameras} with {wish}: {'; '.join(needed.why_none)}."
    return f"{_many(needed.devices, 'device')} serve{'s' * (needed.devices == 1)} {cameras} with {wish}."


def _around(needed: Needed) -> list[str]:
    """What one fewer and one more would give."""
    if needed.devices_per_part is None:
        return []
    simulated = {outcome.devices: outcome for outcome in needed.simulated}
    words = []
    for number, which in ((needed.devices_per_part - 1, "one fewer"), (needed.devices_per_part + 1, "one more")):
        if (outcome := simulated.get(number)) is not None:
            words.append(f"with {which} {percent(outcome.on_time)} % and {outcome.accuracy:.3f}")
    with_these = simulated[needed.devices_per_part]
    found = f"Simulated, {percent(with_these.on_time)} % are on time, at an accuracy of {with_these.accuracy:.3f}"
    return [f"{'; '.join([found, *words])}."]


def _shared_out(needed: Needed) -> list[str]:
    if needed.parts == 1 or needed.devices_per_part is None:
        return []
    fewer = (needed.devices_per_part - 1) * needed.parts
    return [
        f"Planned for one front with {_many(needed.cameras_per_part, 'camera')} and "
        f"{_many(needed.devices_per_part, 'device')} of its own, times {needed.parts}. Fronts that share devices may "
        f"need fewer, but more than {fewer:,}."
    ]


def _fronts(needed: Needed) -> str:
    front, rate = needed.front, f"{needed.fps:,.0f} frames a second"
    if front is None:
        return (
            f"How many fronts {rate} need is not known: this profile does not say what a frame costs the server's "
            "machine; `jellyfish profile` without --quick measures it."
        )
    return (
        f"{rate} need {_many(front.fronts, 'front')}: an event loop on such a host carries {front.most_fps:,.0f}; "
        f"decoding takes {front.decoding_cores:.2g} cores."
    )


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def check_plot(path: Path) -> None:
    """InputError for a file that no figure is written to."""
    if path.suffix.lower() not in PLOTS:
        raise InputError(f"{path}: a plot is a PNG or SVG file; give a name that ends in .png or .svg")


def draw(needed: Needed, path: Path) -> None:
    """Accuracy and cameras over the number of devices, planned and simulated; InputError if it cannot be written."""
    from matplotlib.figure import Figure  # seconds to import; a Figure of one's own draws without a display
    from matplotlib.ticker import MaxNLocator

    parts, outlooks, simulated = needed.parts, needed.outlooks, needed.simulated
    counts, checked = [parts * each.devices for each in outlooks], [parts * each.devices for each in simulated]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(counts, [each.accuracy for each in outlooks], "o-", color="#0072b2", label="accuracy, planned")
    above.plot(checked, [each.accuracy for each in simulated], "s", color="#009e73", label="accuracy, simulated")
    above.axhline(needed.most_accuracy, color="gray", linestyle=":", label="a device for each camera")
    if needed.least_accuracy:
        above.axhline(needed.least_accuracy, color="#d55e00", linestyle="--", label="wished")
    served = [100 * each.served / each.cameras for each in outlooks]
    below.plot(counts, served, "o-", color="#0072b2", label="cameras with a place, %")
    below.plot(counts, [100 * each.busy for each in outlooks], "--", color="gray", label="devices busy, %")
    below.plot(checked, [100 * each.on_time for each in simulated], "s", color="#009e73", label="on time, simulated, %")
    below.set(xlabel="devices", ylim=(0, 105))
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    words = "no number of devices does" if needed.devices is None else f"{_many(needed.devices, 'device')}"
    above.set(title=f"{_many(needed.cameras, 'camera')}, {needed.target:g} % on time: {words}")
    for axes in (above, below):
        if needed.devices is not None:
            axes.axvline(needed.devices, color="#cc79a7", linewidth=1)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    try:
        with written_whole(path) as place:
            figure.savefig(place, dpi=150, format=path.suffix[1:].lower())
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
