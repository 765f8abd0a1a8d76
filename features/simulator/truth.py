"""Reads the ground truth of a simulation: to judge predictions, never to make them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from config.errors import InputError
from features.simulator.records import TRUTH_FIELDS

_TIMES: Final = ("start", "onset", "end", "planned_failure")


def read_truth(folder: Path) -> pl.DataFrame:
    """truth/lives.csv of a simulation in `folder`: TRUTH_FIELDS, one row per life in order of time, times in UTC, null where a life has none.

    Raises InputError when it is missing or not what the simulator writes.
    """
    path = folder / "truth" / "lives.csv"
    try:
        table = pl.read_csv(path, infer_schema=False).select(TRUTH_FIELDS)
        return table.with_columns(
            pl.col(*_TIMES).str.to_datetime("%Y-%m-%d %H:%M:%S", time_zone="UTC"),
            pl.col("life").cast(pl.Int64),
            pl.col("duration_days", "severity").cast(pl.Float64),
        ).sort("compressor_id", "life")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: is not the truth of a simulation ({str(error).splitlines()[0]}): simulate again") from error
