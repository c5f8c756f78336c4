"""How much of the event loop's working time a batch beside it stands still: threads of one interpreter wait for it.

Between the operations of a network its thread needs the interpreter, which the event loop holds while it works.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from jellyfish.devices.process import usable_cores

BURST_S = 0.0005
"""So long a loop works when it wakes, and so long it rests after that."""
LEAST_S, LEAST_BATCHES = 1.5, 5
"""How long, and how many batches, each of quiet and busy times are."""
ROUNDS = 3


def standing_share(run_batch: Callable[[], object]) -> float:
    """0: a batch takes no longer while the loop works; 1: it stands still. 0, too, where there is one core only.

    `run_batch`: on one worker, so that there is a core for the stand-in of a loop.
    """
    if len(usable_cores()) < 2:
        return 0.0
    run_batch()
    found = sorted(_share(run_batch) for _ in range(ROUNDS))
    return min(max(found[ROUNDS // 2], 0.0), 1.0)


def _share(run_batch: Callable[[], object]) -> float:
    quiet_s = _mean_s(run_batch)
    over, worked_s = threading.Event(), [0.0]

    def work() -> None:
        while not over.is_set():
            until_s = time.perf_counter() + BURST_S
            while time.perf_counter() < until_s:
                pass
            time.sleep(BURST_S)
        worked_s[0] = time.thread_time()

    loop = threading.Thread(target=work, name="loop")
    began_s = time.perf_counter()
    loop.start()
    beside_s = _mean_s(run_batch)
    over.set()
    loop.join()
    busy = worked_s[0] / (time.perf_counter() - began_s)
    return (1.0 - quiet_s / beside_s) / busy


def _mean_s(run_batch: Callable[[], object]) -> float:
    began_s, batches = time.perf_counter(), 0
    while batches < LEAST_BATCHES or time.perf_counter() - began_s < LEAST_S:
        run_batch()
        batches += 1
    return (time.perf_counter() - began_s) / batches
