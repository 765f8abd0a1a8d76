"""A history small enough to think through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl

from features.contract import FEATURES
from features.grid import History
from training.data.dataset import WindowIndex
from training.data.history import TrainingHistory
from training.data.labelled_fleet import LabelledFleet

HOURS, UNITS = 20 * 24, 5
NAMES = [f"C-{number}" for number in range(UNITS)]
START = datetime(2026, 1, 1, tzinfo=UTC)


class Eventless(TrainingHistory):
    """A history without events: the fleet below knows its failures by itself. The compressors' models are known."""

    def events(self) -> pl.DataFrame:
        return pl.DataFrame(schema={"compressor_id": pl.String, "event_type": pl.String, "event_date": pl.Datetime("us", "UTC")})

    def models(self) -> dict[str, str]:
        return dict.fromkeys(NAMES, "Ariel")


PAST = Eventless([])


def tiny_fleet(names: Sequence[str] = NAMES, seed: int = 3) -> LabelledFleet:
    """Five compressors that fail after 20 days. Vibration is the remaining life, so mean_model is half a day early."""
    hours = np.arange(HOURS, dtype=np.float32)
    values = np.random.default_rng(seed).normal(size=(UNITS * HOURS, len(FEATURES))).astype(np.float32)
    values[:, 0] = np.tile((HOURS - hours) / 24, UNITS)
    ends = np.concatenate([np.arange(24, HOURS) + unit * HOURS for unit in range(UNITS)])
    unit = (ends // HOURS).astype(np.int32)
    index = WindowIndex(unit, unit.astype(np.int64) * HOURS, ends, values[ends, 0], np.zeros(len(ends), np.bool_))
    return LabelledFleet(History(values, list(names), START, HOURS), index, [np.array([20.0])] * UNITS)
