"""Reads the ground truth of a simulation: for evaluation only, never for predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from config.errors import InputError
from features.simulator.records import TRUTH_FIELDS

_TIMES: Final = ("start", "onset", "end", "planned_failure")


def read_truth(folder: Path) -> pl.DataFrame:
    """truth/lives.csv of a simulation in `folder`, as TRUTH_FIELDS.

    There is one row per life in order of time. Times are in UTC, null where a life has none. Raises
    InputError when the file is missing or was not written by the simulator.
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
        raise InputError(f"{path} is not the truth of a simulation ({str(error).splitlines()[0]}): simulate again") from error
