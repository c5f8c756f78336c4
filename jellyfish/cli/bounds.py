"""How large the numbers are that options take, and why: beyond lies a mistype, or a machine that drowns."""

from __future__ import annotations

from jellyfish.devices.process import usable_cores

PROCESSORS = len(usable_cores())
"""Of threads of a batch, which all compute: one more than there are processors only waits for the others."""
MOST_PROCESSES = 4 * PROCESSORS
"""Of processes at work: some wait for files now and then, but each has hundreds of megabytes of its own."""
MOST_CLIENTS = 4096
"""Cameras in one process: each has a connection, and a process may have so many files open, hardly more."""
MOST_SERVED = 65_536
"""Clients of one server: as many as there are ports on an address."""
MOST_IN_FLIGHT = 64
"""Frames of one client: a device's queue holds no more."""
MOST_MESSAGE_KB = 65_536
"""A message is held in memory whole, and each client may send one at the same time."""
MOST_IMAGE_SIDE = 16_384
"""A square of it takes 805 MB once it is decoded."""
MOST_DELAY_MS = 60_000
"""One way: as long as the longest deadline."""
MOST_RUN_S = 604_800
"""A week: of 4 cameras it leaves about 10 GB of records."""
MOST_WAIT_S = 86_400
"""A day: who has been silent for so long does not come back."""
MOST_MEMORY_MB = 1_000_000
"""A terabyte, which machines have."""
MOST_DISK_MB = 1_000_000_000
"""A petabyte, which few disks have."""
MOST_DAYS = 36_500
"""A century."""
MOST_SEED = 2**53
"""Seeds are written to JSON, where larger numbers are not exact for everyone."""
MOST_VIRTUAL_S = 86_400
"""A day for each run of a matrix, whose records are held in memory."""
MOST_TRACE_S = 86_400
"""A day, one rate a second: it repeats afterwards."""
MOST_MBPS = 1_000_000
"""A terabit a second, which no uplink has."""
MOST_VIDEO_S = 3_600
"""An hour, which takes hours to draw."""
MOST_SOLVE_MS = 60_000
"""A minute: where no better plan has been found by then, hardly one is later."""
MOST_PLANNED = 1_000_000
"""Cameras or devices of a plan: more than a country's roads have."""
MOST_SEEDS = 1_000
"""Of one cell of a matrix: its mean is known to a thirtieth of its spread."""
MOST_SCENES = 100_000
"""Each leaves about a megabyte of frames."""
MOST_STEPS = 100_000_000
"""Years of learning."""
MOST_NAMED_CAMERAS = 1_000
"""Each is a dozen series for whoever keeps them."""
