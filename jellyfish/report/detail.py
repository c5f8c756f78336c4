"""Figures of one run: where the time went, its clients over time, and what they were served with."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from jellyfish.report.bins import Floats
from jellyfish.report.estimates import MEASURES, RunGroup
from jellyfish.report.maps import accuracy_map, attainment_map
from jellyfish.report.reading import Run
from jellyfish.report.series import TimeSeries, joined
from jellyfish.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    NO_FRAMES,
    ORANGE,
    SKY,
    VERMILLION,
    Canvas,
    Picture,
    label,
    shades,
    time_axis,
)  # fmt: skip
from jellyfish.report.tally import PARTS, duration_edges_ms, sums_of

PART_NAMES = dict(zip(PARTS, ("client", "network there", "queue", "execute", "way back"), strict=True))
PART_COLOURS = dict(zip(PARTS, (GREEN, BLUE, ORANGE, VERMILLION, SKY), strict=True))
SPEEDS = ((0.0, 0.5, "fastest half"), (0.5, 0.9, "50 to 90 %"), (0.9, 0.99, "90 to 99 %"), (0.99, 1.0, "slowest 1 %"))
MOST_CLIENTS_ALONE = 3
SHOWN_VARIANTS = 8


def detail(run: Run) -> list[Picture]:
    """The figures for which there is something to show, in the order of reading."""
    series = TimeSeries(run)
    drawn = []
    if run.frames.parts.any():
        drawn += [_parts(run), _composition(run)]
    drawn.append(_all_clients(series))
    if not np.isnan(series.worst_ms()).all():
        drawn.append(_promises(series))
    order = by_attainment(run)
    drawn.append(attainment_map(series, order))
    if series.accuracy != "unknown":
        drawn.append(accuracy_map(series, order))
    if len(order) > 1:
        chosen = chosen_clients(run, order)
        drawn += [_client(series, row, said) for row, said in chosen.items()]
    return drawn


def by_attainment(run: Run) -> list[int]:
    """Rows of the clients, the one that missed most first."""
    attained = _attained(run)
    return sorted(range(len(attained)), key=lambda row: (attained[row], run.frames.clients.listed[row]))


def _attained(run: Run) -> list[float]:
    """Share of the captured frames that were answered on time, by the clients' rows."""
    captured, on_time = (run.frames.over_time[name].values.sum(axis=1) for name in ("captured", "on_time"))
    return [float(on_time[row] / max(captured[row], 1)) for row in range(run.frames.clients.rows)]


def _parts(run: Run) -> Picture:
    canvas = Canvas("Latency and its parts")
    axes = canvas.axes[0]
    edges_ms = duration_edges_ms()
    e2e = sums_of(run.frames.latency, 1)[0].sum(axis=0)
    for name, counts in zip(PARTS, run.frames.parts, strict=True):
        if counts.any():
            share = np.cumsum(counts) / counts.sum()
            axes.plot(edges_ms, 100 * share, color=PART_COLOURS[name], label=PART_NAMES[name])
    share = np.cumsum(e2e) / e2e.sum()
    axes.plot(edges_ms, 100 * share, color=BLACK, linewidth=2.2, label="end to end")
    axes.set_xlim(0, 1.05 * float(edges_ms[np.searchsorted(share, 0.998)]))
    axes.set_ylim(0, 101)
    axes.set_xlabel("duration (ms)")
    axes.set_ylabel("answered frames within (%)")
    canvas.legend(3)
    words = "How long each part took, over the answered frames. Client: from capture to sending; queue: all that the "
    more = "server does beside running the network; way back: from the server's answer to the client."
    return canvas.picture("parts", words + more)


def _composition(run: Run) -> Picture:
    canvas = Canvas("Where the time goes")
    axes = canvas.axes[0]
    frames = sums_of(run.frames.latency, 1)[0].sum(axis=0)
    parts = [
        np.array([_mean_between(frames, sums, low, high) for low, high, _ in SPEEDS])
        for sums in run.frames.parts_by_latency
    ]
    left, longest_ms = np.zeros(len(SPEEDS)), float(np.sum(parts, axis=0).max())
    for name, means in zip(PARTS, parts, strict=True):
        bars = axes.barh(range(len(SPEEDS)), means, left=left, color=PART_COLOURS[name], label=PART_NAMES[name],
                         edgecolor="white", linewidth=0.8)  # fmt: skip
        wide = means > 0.06 * longest_ms
        axes.bar_label(bars, [f"{mean:.0f}" if shown else "" for mean, shown in zip(means, wide, strict=True)],
                       label_type="center", fontsize=8, color="black" if name != "uplink_ms" else "white")  # fmt: skip
        left += means
    axes.set_yticks(range(len(SPEEDS)), [said for _, _, said in SPEEDS])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("mean time per answered frame (ms)")
    canvas.legend(3)
    words = (
        "The parts of the latency of fast and slow frames, by their rank in end-to-end latency: what grows downwards "
    )
    return canvas.picture("composition", words + "is what makes frames slow.")


def _mean_between(frames: Floats, sums: Floats, low: float, high: float) -> float:
    """Mean of a part over the frames whose rank in latency is between two shares."""
    ends = np.cumsum(frames) / frames.sum()
    starts = ends - frames / frames.sum()
    inside = np.clip(np.minimum(ends, high) - np.maximum(starts, low), 0, None)
    share = np.divide(inside, ends - starts, out=np.zeros_like(ends), where=frames > 0)
    return float((share * sums).sum() / max((share * frames).sum(), 1e-12))


def _all_clients(series: TimeSeries) -> Picture:
    canvas = Canvas("All clients: bandwidth, size, variant", rows=3, height_in=5.6, ratios=(3, 3, 4))
    seconds = time_axis(canvas.axes[2], [RunGroup("", (series.run,))])
    times = series.middles_s / seconds
    _band(canvas.axes[0], times, series.bandwidth_mbps(), BLUE)
    canvas.axes[0].set_ylabel("bandwidth\n(Mbit/s)")
    _band(canvas.axes[1], times, series.resolution(), GREEN)
    canvas.axes[1].set_ylabel("frame side\n(px)")
    _variant_shares(canvas.axes[2], series, series.edges_s / seconds)
    canvas.legend(3)
    words = (
        "Median over the clients (line) and from their 10th to their 90th percentile (band): the uplink as the server "
    )
    more = "estimated it, and the longer side of the frames sent. Below: the variants that answered on time."
    return canvas.picture("all-clients", words + more)


def _promises(series: TimeSeries) -> Picture:
    canvas = Canvas("Promised and kept", rows=3, height_in=5.6, ratios=(3, 3, 3))
    accuracy, latency, care = canvas.axes
    seconds = time_axis(care, [RunGroup("", (series.run,))])
    times = series.middles_s / seconds
    accuracy.plot(*joined(times, series.window("accuracy")), color=GREY, linestyle="--", label="promised")
    accuracy.plot(*joined(times, series.accurate_of_all()), color=BLUE, label="what came")
    accuracy.set_ylim(0, 1)
    accuracy.set_ylabel(MEASURES[series.accuracy])
    _band(latency, times, series.worst_ms(), GREY)
    latency.plot(*joined(times, series.latency_ms(0.99)), color=BLUE)
    for deadline_ms in sorted(series.run.frames.deadlines_ms):
        latency.axhline(deadline_ms, color=VERMILLION, linewidth=0.8, linestyle=":")
    latency.set_ylabel("worst case\n(ms)")
    _band(care, times, series.care(), ORANGE)
    care.set_ylabel("care")
    canvas.legend(2)
    words = (
        "What plans promised and what came of it: accuracy expected over the clients that could be served, and that of "
        "their on-time frames; the longest time from capture to answer that plans reckoned with (grey: median over the "
        "clients, 10th to 90th percentile), the 99th percentile that came (blue) and the deadline (dotted); below, how "
    )
    words += "careful plans were, as learnt from that."
    if series.accuracy in ("measured", "top-1"):
        words += (
            " Promised is the variants' accuracy out of tables, what came is measured on these frames: of the two only "
            "ups and downs can be compared, not the height."
        )
    return canvas.picture("promises", words)


def _band(axes: Axes, times: Floats, values: Floats, colour: str) -> None:
    known = ~np.isnan(values).all(axis=0)
    if not known.any():
        axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", color=GREY)
        return
    low, middle, high = np.nanquantile(values[:, known], (0.1, 0.5, 0.9), axis=0)
    axes.fill_between(times[known], low, high, color=colour, alpha=0.25, linewidth=0)
    axes.plot(*joined(times[known], middle), color=colour)
    axes.set_ylim(bottom=min(0.0, float(low.min())))


def _variant_shares(axes: Axes, series: TimeSeries, edges: Floats) -> None:
    counts = series.variants()
    names = series.run.frames.variants.listed
    kept = sorted(np.argsort(-counts.sum(axis=1))[:SHOWN_VARIANTS].tolist(), key=lambda row: variant_order(names[row]))
    layers = {names[row]: counts[row] for row in kept}
    if len(kept) < len(names):
        layers = {"other variants": counts.sum(axis=0) - sum(layers.values()), **layers}
    total = np.maximum(counts.sum(axis=0), 1)
    bottom = np.zeros(counts.shape[1])
    colours = {"other variants": NO_FRAMES, **shades([names[row] for row in kept])}
    for name, layer in layers.items():
        top = bottom + 100 * layer / total
        axes.stairs(top, edges, baseline=bottom, fill=True, facecolor=colours[name], edgecolor="white", linewidth=0.4,
                    label=label(name))  # fmt: skip
        bottom = top
    axes.set_ylim(0, 100)
    axes.set_ylabel("on-time\nframes (%)")


def variant_order(name: str) -> tuple[int, str]:
    """`w075e2-320` -> by its resolution, then its network."""
    network, _, resolution = name.rpartition("-")
    return (int(resolution), network) if resolution.isdecimal() else (0, name)


def chosen_clients(run: Run, order: list[int]) -> dict[int, str]:
    """All of a few clients; of many the worst, the median and the best, or one where they fared alike."""
    if len(order) <= MOST_CLIENTS_ALONE:
        return dict.fromkeys(order, "")
    attained = _attained(run)
    if attained[order[0]] == attained[order[-1]]:
        alike = "no client missed a frame" if attained[order[0]] == 1 else "all missed as many"
        return {order[0]: f"one of all; {alike}"}
    return {
        order[0]: "missed most frames",
        order[len(order) // 2]: "the median client by misses",
        order[-1]: "missed fewest frames",
    }


def _client(series: TimeSeries, row: int, said: str) -> Picture:
    name = series.run.frames.clients.listed[row]
    canvas = Canvas(f"{label(name)}{': ' * bool(said)}{said}", rows=3, height_in=5.2, ratios=(3, 3, 3))
    seconds = time_axis(canvas.axes[2], [RunGroup("", (series.run,))])
    times = series.middles_s / seconds
    bandwidth, size, variant = canvas.axes
    bandwidth.plot(*joined(times, series.bandwidth_mbps()[row]), color=BLUE, label="bandwidth, estimated")
    bandwidth.plot(times, series.sent_mbps()[row], color=SKY, linestyle="--", label="sent")
    bandwidth.set_ylim(bottom=0)
    bandwidth.set_ylabel("uplink\n(Mbit/s)")
    size.plot(*joined(times, series.resolution()[row]), color=GREEN, label="frame side")
    missed = series.count("captured")[row] > series.count("on_time")[row]
    if missed.any():
        size.plot(times[missed], np.zeros(missed.sum()), "x", color=VERMILLION, markersize=5, clip_on=False,
                  label="frames missed")  # fmt: skip
    size.set_ylim(bottom=0)
    size.set_ylabel("frame side\n(px)")
    _variant_steps(variant, series, row, times)
    canvas.legend(2)
    words = f"{name}: its uplink, the size of the frames that it sent, and the variant that answered the last frame of "
    more = "each step of time. Crosses mark steps in which at least one frame missed."
    return canvas.picture(f"client-{row}", words + more)


def _variant_steps(axes: Axes, series: TimeSeries, row: int, times: Floats) -> None:
    last = series.last_variant(row)
    names = series.run.frames.variants.listed
    used = sorted({int(number) for number in last if number >= 0}, key=lambda number: variant_order(names[number]))
    place = {number: position for position, number in enumerate(used)}
    heights = np.array([place.get(int(number), np.nan) for number in last], np.float64)
    axes.step(times, heights, where="mid", color=BLACK, linewidth=1.2)
    step = max(1, len(used) // 6)
    axes.set_yticks(range(0, len(used), step), [label(names[number]) for number in used[::step]])
    axes.set_ylim(-0.5, max(len(used), 1) - 0.5)
