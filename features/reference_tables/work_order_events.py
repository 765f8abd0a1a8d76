"""Adds the events of completed work orders to the lake's events. Rows of the table in and out, without a lake.

An order's event is no file's: a file that does not hold it withdraws nothing. But a file that holds the same repair counts, and the order's
event is then withdrawn. The same repair is an event of the same compressor that starts within a day of the order's work. It has the
same type, or both are repairs (scheduled or unscheduled). When the file drops it again, the order's event counts again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from features.contract import COMPRESSOR_ID, RESETTING
from features.reference_tables.taking_back import EVENT_HISTORY_SCHEMA, EVENT_KEY, fit

SAME_REPAIR: Final = "same repair in the events file"
_NEAR: Final = timedelta(days=1)
_TIME: Final = pl.Datetime("us", "UTC")


def add_order_events(present: pl.DataFrame, reported: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """The events table (EVENT_HISTORY_SCHEMA) with the events that orders report, in force or taken back. It can be repeated.

    A file's event of the same key keeps its values and gets the order's id. `at` is when a double is withdrawn.
    """
    present, reported = fit(present, EVENT_HISTORY_SCHEMA), fit(reported, EVENT_HISTORY_SCHEMA)
    of_files = present.filter(pl.col("work_order_id").is_null(), pl.col("withdrawn_at").is_null())
    claimed = reported.filter(pl.col("withdrawn_at").is_null()).select(*EVENT_KEY, _order="work_order_id")
    kept = of_files.join(claimed, on=EVENT_KEY, how="inner").with_columns(work_order_id="_order").drop("_order")
    new = reported.join(of_files, on=EVENT_KEY, how="anti")
    others = present.join(reported, on=EVENT_KEY, how="anti")
    left = of_files.join(reported, on=EVENT_KEY, how="semi").join(claimed, on=EVENT_KEY, how="anti")  # reopened, but a file holds it
    return count_once(pl.concat([others, left, kept, new]), at)


def count_once(events: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """Withdraw the order events that a file's event in force repeats, and restore those that none repeats any more."""
    events = fit(events, EVENT_HISTORY_SCHEMA)
    is_order = pl.col("work_order_id").is_not_null()
    is_repair = pl.col("event_type").is_in(RESETTING)
    ours = events.filter(is_order).select(*EVENT_KEY, "downtime_hours", _repair=is_repair)
    theirs = events.filter(~is_order, pl.col("withdrawn_at").is_null()).select(
        COMPRESSOR_ID, _date="event_date", _type="event_type", _repair_there=is_repair
    )
    work = pl.duration(seconds=(pl.col("downtime_hours").fill_null(0.0) * 3600).cast(pl.Int64))
    doubles = (
        ours.join(theirs, on=COMPRESSOR_ID, how="inner")
        .filter(
            pl.col("_date") >= pl.col("event_date") - _NEAR,
            pl.col("_date") <= pl.col("event_date") + work + _NEAR,
            (pl.col("_type") == pl.col("event_type")) | (pl.col("_repair") & pl.col("_repair_there")),
        )
        .select(EVENT_KEY)
        .unique()
        .with_columns(_double=pl.lit(True))
    )
    by_rule = (pl.col("withdrawn_by") == SAME_REPAIR).fill_null(False)
    is_double = pl.col("_double").fill_null(False)
    return (
        events.join(doubles, on=EVENT_KEY, how="left")
        .with_columns(
            withdrawn_at=pl.when(is_double & pl.col("withdrawn_at").is_null())
            .then(pl.lit(at, _TIME))
            .when(~is_double & by_rule)
            .then(pl.lit(None, _TIME))
            .otherwise("withdrawn_at"),
            withdrawn_by=pl.when(is_double & pl.col("withdrawn_at").is_null())
            .then(pl.lit(SAME_REPAIR))
            .when(~is_double & by_rule)
            .then(pl.lit(None, pl.String))
            .otherwise("withdrawn_by"),
        )
        .select(list(EVENT_HISTORY_SCHEMA))
    )
