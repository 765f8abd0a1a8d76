"""Why a prediction is what it is, in a planner's words, from the model's own window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from config.thresholds import Limit
from features.contract import FEATURES, STATUS_FEATURES, STATUS_LEVELS, WINDOW_STEP_HOURS, WINDOW_STEPS
from features.windows import Floats

WINDOW_HOURS = WINDOW_STEPS * WINDOW_STEP_HOURS


def observed_reasons(window: Floats, notable_changes: Mapping[str, Limit]) -> list[str]:
    """What stands out in a [steps, features] window: statuses of the last step, worst first, then notable changes, largest first.

    A change is that of a 1 h mean since the window's start; it is notable from its limit's value on, in the feature's own unit.
    """
    return [*_statuses(window[-1]), *_changes(window, notable_changes)] or [f"nothing stands out in the last {WINDOW_HOURS} h"]


def stale_reason(last_reading: datetime | None, stale_after_hours: float) -> str:
    """Why there is no number: no reading is recent enough."""
    if last_reading is None:
        return f"no reading in the last {WINDOW_HOURS} h"
    newest = last_reading.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    return f"no reading in the last {stale_after_hours:g} h; the newest is of {newest} UTC"


def history_reason(steps: int, min_steps: int) -> str:
    """Why there is no number: too few hours of the window hold data."""
    return f"{steps} of the last {WINDOW_HOURS} hours have data, a prediction needs {min_steps}"


def _statuses(step: Floats) -> list[str]:
    codes = {name: step[FEATURES.index(name)] for name in STATUS_FEATURES}
    raised = sorted((name for name, code in codes.items() if code > 0), key=lambda name: -codes[name])
    return [f"{name.removesuffix('_status')} is {STATUS_LEVELS[int(codes[name])]}" for name in raised]


def _changes(window: Floats, notable_changes: Mapping[str, Limit]) -> list[str]:
    found = []
    for name, limit in notable_changes.items():
        start, now = (float(window[step, FEATURES.index(name)]) for step in (0, -1))
        size = abs(now - start) / limit.value
        if size >= 1:  # never true of NaN
            word = "up" if now > start else "down"
            text = f"{limit.description} {word} from {start:.4g} to {now:.4g} {limit.unit} in {WINDOW_HOURS} h"
            found.append((size, text))
    return [text for _, text in sorted(found, key=lambda item: -item[0])]


def finite_or_none(values: Floats) -> dict[str, float | None]:
    """One step [features] by feature name, fit for JSON: a missing value is None."""
    return {name: float(value) if np.isfinite(value) else None for name, value in zip(FEATURES, values, strict=True)}
