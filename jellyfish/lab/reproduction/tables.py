"""What came of a matrix, as a table and in words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.table import Table

from jellyfish.lab.reproduction.outcome import CellResult
from jellyfish.lab.reproduction.policies import NAMES, OURS, POLICIES

PUBLISHED = "published"
CHARGED = (
    "charged: network, devices, encoding and decoding, and planning but for published and oracle; not charged: event "
    "loop, cores of the cameras"
)


class Total:
    """Several cells as one: every frame counts alike."""

    def __init__(self, results: Iterable[CellResult]) -> None:
        results = list(results)
        self.frames = sum(result.frames for result in results)
        self.on_time = sum(result.outcomes.get("on_time", 0) for result in results)
        self.skipped = sum(result.outcomes.get("skipped", 0) for result in results)
        self.causes = sum((Counter(result.causes) for result in results), Counter[str]())
        gained = sum(result.f1_offered * result.frames for result in results)
        self.f1_offered = gained / self.frames if self.frames else 0.0
        self.f1_on_time = gained / self.on_time if self.on_time else 0.0

    @property
    def miss_rate(self) -> float:
        """Share of the captured frames without an answer on time."""
        return 1 - self.on_time / self.frames if self.frames else 0.0

    @property
    def published_miss_rate(self) -> float:
        """Of those that were sent, as published."""
        sent = self.frames - self.skipped
        return 1 - self.on_time / sent if sent else 0.0

    @property
    def avoidable_rate(self) -> float:
        """Share of the captured frames that missed, and that somebody who knows the future could have answered."""
        return (self.causes.total() - self.causes["impossible"]) / self.frames if self.frames else 0.0


def policies_of(results: Iterable[CellResult]) -> list[str]:
    """The policies that were run, in their order."""
    present = {result.cell.policy for result in results}
    return [name for name in NAMES if name in present]


def traces_of(results: Iterable[CellResult]) -> list[str]:
    """The traces, in the order of the run."""
    return list(dict.fromkeys(result.cell.trace for result in results))


def policy_table(results: Sequence[CellResult]) -> Table:
    """A row per policy, columns per trace: missed %, and F1 of the frames answered on time."""
    table = Table(title="captured frames missed % | F1 of those answered on time", header_style="bold")
    table.add_column("policy")
    traces = traces_of(results)
    for title in ("all", *traces, "F1 over all", "as published %"):
        table.add_column(title, justify="right")
    for policy in policies_of(results):
        own = [result for result in results if result.cell.policy == policy]
        whole = Total(own)
        totals = [whole, *(Total(result for result in own if result.cell.trace == trace) for trace in traces)]
        cells = [f"{100 * total.miss_rate:.3f} | {total.f1_on_time:.3f}" for total in totals]
        table.add_row(policy, *cells, f"{whole.f1_offered:.4f}", f"{100 * whole.published_miss_rate:.3f}")
    return table


def in_words(results: Sequence[CellResult]) -> str:
    """What each policy is, and why the best one's frames missed."""
    present = policies_of(results)
    lines = [f"{policy.name}: {policy.words}" for policy in POLICIES if policy.name in present]
    lines.append(CHARGED)
    if OURS in present:
        own = [result for result in results if result.cell.policy == OURS]
        ours = Total(own)
        lines.append(
            f"\n{OURS} missed {ours.frames - ours.on_time} of {ours.frames} frames ({100 * ours.miss_rate:.3f} %), "
            f"{100 * ours.avoidable_rate:.3f} % avoidably: "
            + (", ".join(f"{count} {cause}" for cause, count in ours.causes.most_common()) or "none")
        )
        worst = max(own, key=lambda each: each.miss_rate)
        lines.append(f"Its worst run: {worst.cell.title}, {100 * worst.miss_rate:.2f} %")
    return "\n".join(lines)
