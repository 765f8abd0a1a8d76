"""Looks at made-up fleets: a level per compressor, movements from week to week, and lives as the model would predict them."""

from __future__ import annotations

import numpy as np

from monitoring.drift.snapshots import COMPARED, FleetSnapshots

PER_DAY = 6  # snapshots, one every 4 hours
WEEK = 7 * PER_DAY
LIVES = (15.0, 30.0)  # days, of healthy compressors
TEMPERATURES = [number for number, name in enumerate(COMPARED) if name.startswith("temp_") and name.endswith("_mean")]


def fleet(random: np.random.Generator, compressors: int, weeks: int, *, wander: float = 1.0, common: float = 0.0) -> FleetSnapshots:
    """Healthy compressors, whose features stand at very different levels and wander by `wander` a week, all alike by `common`."""
    snapshots = weeks * WEEK
    levels = random.normal(100, 30, (compressors, 1, len(COMPARED)))
    own = np.repeat(random.normal(0, wander, (compressors, weeks, len(COMPARED))), WEEK, axis=1)
    shared = np.repeat(random.normal(0, common, (1, weeks, len(COMPARED))), WEEK, axis=1)
    noise = random.normal(0, 0.5, (compressors, snapshots, len(COMPARED)))
    return FleetSnapshots(
        (levels + own + shared + noise).astype(np.float32), random.uniform(*LIVES, (compressors, snapshots)).astype(np.float32), 4
    )


def moved(snapshots: FleetSnapshots, compressors: int, features: list[int], by: float, days: int = 7) -> FleetSnapshots:
    """The same with `features` of the first `compressors` moved `by` over the last `days`."""
    values = snapshots.values.copy()
    values[:compressors, -days * PER_DAY :, features] += by
    return FleetSnapshots(values, snapshots.rul.copy(), snapshots.stride_hours)
