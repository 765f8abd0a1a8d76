"""Data quality of one UTC day of readings, as metrics with a verdict. Pure: a day's rows follow from its readings,
those of the day before, and refused rows. So measuring a day again gives the same rows.

A day goes from midnight to midnight. The oldest begins with its first reading, the newest ends with its last one so far. Metrics:

freshness     stale compressors: no reading in the last `stale_after_hours` of the day; late ones, each by name
completeness  readings against those expected from the compressor's usual interval (the shorter of its median intervals of the day and the day
              before); compressors that sent too few, each by name; sensor values that are null
consistency   repeated readings; discharge pressure not above suction; operating hours that fall; gold rows against silver rows
accuracy      rows refused; values removed; compressors with a fault of a sensor; rows refused that belong to no day (on the newest day, over all days)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import polars as pl

from config.sections.quality import CheckLimit, QualityConfig
from features.contract import (
    COMPRESSOR_ID,
    DATA_FAULTS,
    DATE,
    DISCHARGE_PRESSURE,
    DUPLICATE,
    OPERATING_HOURS,
    REASON,
    SENSORS,
    SUCTION_PRESSURE,
    TIMESTAMP,
)
from features.sensor_health.fault import Fault, decode_faults
from serving.prediction.data_faults import join_links, utc_text
from serving.schemas import QualityMetric

STAGES: Final[dict[str, str]] = {
    "freshness_stale_compressors": "silver",
    "freshness_late_compressors": "silver",
    "completeness_readings": "silver",
    "completeness_low_compressors": "silver",
    "completeness_null_values": "silver",
    "consistency_duplicates": "bronze",
    "consistency_pressure_order": "silver",
    "consistency_operating_hours": "silver",
    "consistency_gold": "gold",
    "accuracy_rejected_rows": "bronze",
    "accuracy_removed_values": "silver",
    "accuracy_sensor_faults": "silver",
    "accuracy_unplaced_rows": "bronze",
}  # metric name: the stage it is about

_LATE_INTERVALS: Final = 1.5  # usual intervals without a reading: half of one is what a logger's clock may be off


@dataclass(frozen=True)
class Day:
    """One UTC day of the lake.

    readings: rows of silver with their faults, of `date` and of the day before.
    refused: rows of rejects of `date` (kind, reason, compressor_id).
    """

    date: date
    is_oldest: bool
    is_newest: bool
    readings: pl.DataFrame
    refused: pl.DataFrame
    gold_rows: int

    @property
    def own(self) -> pl.DataFrame:
        """The readings of the day itself."""
        return self.readings.filter(pl.col(DATE) == self.date)

    @property
    def period(self) -> tuple[datetime, datetime]:
        """From when until when readings were due."""
        midnight = datetime.combine(self.date, time(), UTC)
        times = self.own[TIMESTAMP]
        start: Any = times.min() if self.is_oldest else midnight
        end: Any = times.max() if self.is_newest else midnight + timedelta(days=1)
        return start, end


@dataclass(frozen=True)
class _Measurement:
    """A value, and what explains it; None: there is nothing to measure."""

    value: float | None
    details: Mapping[str, Any]


def measure_day(day: Day, compressors: pl.DataFrame, rules: QualityConfig, stale_after_hours: float) -> list[QualityMetric]:
    """All metrics of a day with readings, without `unplaced_rows`. A share of nothing has no row.

    `compressors` holds compressor_id and install_date. A compressor that is not installed yet is not missed.
    """
    own, worst = day.own, rules.worst_compressors
    due = compressors.filter(
        (pl.col("install_date") <= day.date).fill_null(value=True) | pl.col(COMPRESSOR_ID).is_in(day.readings[COMPRESSOR_ID].implode())
    )[COMPRESSOR_ID].sort()
    counted = _count(day, due, rules.usual_interval_readings)
    rejected = day.refused.filter(kind="row")
    duplicates, others = rejected.filter(pl.col(REASON) == DUPLICATE), rejected.filter(pl.col(REASON) != DUPLICATE)
    removed = day.refused.filter(kind="value")
    rows = own.height + rejected.height
    values = sum(own[sensor].count() for sensor in SENSORS)
    measured = {
        "freshness_stale_compressors": _stale(day, due, stale_after_hours, worst),
        "freshness_late_compressors": _late(day, counted, rules.per_compressor.late_minutes.value),
        "completeness_readings": _received(counted, worst),
        "completeness_low_compressors": _low(counted, rules.per_compressor.low_share.value),
        "completeness_null_values": _Measurement(
            _share(own.height * len(SENSORS) - values, own.height * len(SENSORS)),
            {"by_sensor": {name: own[name].null_count() for name in SENSORS}},
        ),
        "consistency_duplicates": _counted(duplicates, rows, worst),
        "consistency_pressure_order": _unordered_pressures(own, worst),
        "consistency_operating_hours": _falling_hours(day, worst),
        "consistency_gold": _Measurement(
            _share(abs(day.gold_rows - own.height), own.height), {"silver_rows": own.height, "gold_rows": day.gold_rows}
        ),
        "accuracy_rejected_rows": _counted(others, rows, worst),
        "accuracy_removed_values": _counted(removed, values + removed.height, worst),
        "accuracy_sensor_faults": _faulty(own, due),
    }
    start, end = day.period
    return [
        _metric(day.date, name, found.value, rules, {**found.details, "from": start.isoformat(), "until": end.isoformat()})
        for name, found in measured.items()
        if found.value is not None
    ]


def unplaced_rows(newest: date, by_reason: Mapping[str, int], all_rows: int, rules: QualityConfig) -> QualityMetric:
    """Refused rows without a day, by reason, against all rows read so far.

    They have no reading time, so they stand on the newest day.
    """
    details = {"by_reason": dict(by_reason), "rows": all_rows}
    return _metric(newest, "accuracy_unplaced_rows", sum(by_reason.values()) / max(all_rows, 1), rules, details)


def _metric(day: date, name: str, value: float, rules: QualityConfig, details: Mapping[str, Any]) -> QualityMetric:
    check: CheckLimit = getattr(rules.checks, name)
    explained = {**details, "limit": check.value, "limit_is": check.limit_is, "unit": check.unit}
    return QualityMetric(datetime.combine(day, time(), UTC), STAGES[name], name, value, check.passes(value), explained)


def _stale(day: Day, due: pl.Series, stale_after_hours: float, worst: int) -> _Measurement:
    _, end = day.period
    last = day.readings.group_by(COMPRESSOR_ID).agg(pl.col(TIMESTAMP).max())
    age = (pl.lit(end) - pl.col(TIMESTAMP)).dt.total_seconds() / timedelta(hours=1).total_seconds()
    ages = due.to_frame().join(last, on=COMPRESSOR_ID, how="left").with_columns(age.alias("hours"))
    stale = ages.filter(pl.col("hours").is_null() | (pl.col("hours") > stale_after_hours)).sort(
        "hours", COMPRESSOR_ID, descending=[True, False], nulls_last=False
    )
    named = {
        name: None if hours is None else round(hours, 2) for name, hours in stale.head(worst).select(COMPRESSOR_ID, "hours").iter_rows()
    }
    return _Measurement(_share(stale.height, len(due)), {"compressors": len(due), "stale": stale.height, "hours_since_reading": named})


def _count(day: Day, due: pl.Series, enough: int) -> pl.DataFrame:
    """Per compressor: `gap_s` its usual interval (or the fleet's), `expected` and `counted` readings.

    No compressor counts above its expected readings: a surplus does not make up for another's gap.
    """
    gaps = day.readings.sort(COMPRESSOR_ID, TIMESTAMP).select(
        COMPRESSOR_ID, DATE, pl.col(TIMESTAMP).diff().over(COMPRESSOR_ID).dt.total_seconds(fractional=True).alias("gap_s")
    )
    medians = (
        gaps.group_by(COMPRESSOR_ID, DATE)
        .agg(pl.col("gap_s").median(), pl.col("gap_s").count().alias("gaps"))
        .filter(pl.col("gaps") >= enough)
    )
    usual = medians.group_by(COMPRESSOR_ID).agg(pl.col("gap_s").min())
    start, end = day.period
    received = day.own.group_by(COMPRESSOR_ID).agg(pl.len().alias("received"))
    return (
        due.to_frame()
        .join(usual, on=COMPRESSOR_ID, how="left", maintain_order="left")
        .join(received, on=COMPRESSOR_ID, how="left", maintain_order="left")
        .with_columns(pl.coalesce("gap_s", pl.lit(usual["gap_s"].median(), dtype=pl.Float64)), pl.col("received").fill_null(0))
        .with_columns(((end - start).total_seconds() / pl.col("gap_s")).floor().alias("expected"))
        .with_columns(pl.min_horizontal("received", "expected").alias("counted"))
        .with_columns((pl.col("counted") / pl.col("expected")).round(4).alias("share"))
    )


def _received(fleet: pl.DataFrame, worst: int) -> _Measurement:
    counted = fleet.filter(pl.col("expected") > 0)
    expected = float(counted["expected"].sum())
    missing = counted.filter(pl.col("counted") < pl.col("expected"))
    named = dict(missing.sort("share", COMPRESSOR_ID).head(worst).select(COMPRESSOR_ID, "share").iter_rows())
    return _Measurement(_share(float(counted["counted"].sum()), expected), {"expected": int(expected), "worst": named})


def _low(fleet: pl.DataFrame, least: float) -> _Measurement:
    """Compressors below `least` of their own readings by more than one: a drifting clock loses one a day."""
    due = fleet.filter(pl.col("expected") > 0)
    low = due.filter(pl.col("counted") < least * pl.col("expected"), pl.col("counted") < pl.col("expected") - 1)
    named = dict(low.sort("share", COMPRESSOR_ID).select(COMPRESSOR_ID, "share").iter_rows())
    return _Measurement(_share(low.height, due.height), {"failing": named, "low_share": least})


def _late(day: Day, fleet: pl.DataFrame, minutes: float) -> _Measurement:
    """Compressors whose newest reading is older than `minutes`, and than 1.5 of their usual intervals."""
    _, end = day.period
    last = day.readings.group_by(COMPRESSOR_ID).agg(pl.col(TIMESTAMP).max())
    age = (pl.lit(end) - pl.col(TIMESTAMP)).dt.total_seconds() / 60
    allowed = pl.max_horizontal(pl.lit(minutes), pl.col("gap_s") * _LATE_INTERVALS / 60)
    ages = fleet.join(last, on=COMPRESSOR_ID, how="left").with_columns(age.round(1).alias("minutes"), allowed.alias("allowed"))
    late = ages.filter(pl.col("minutes").is_null() | (pl.col("minutes") > pl.col("allowed")))
    late = late.sort("minutes", COMPRESSOR_ID, descending=[True, False], nulls_last=False)
    named = dict(late.select(COMPRESSOR_ID, "minutes").iter_rows())
    return _Measurement(_share(late.height, fleet.height), {"failing": named, "late_minutes": minutes})


def _unordered_pressures(own: pl.DataFrame, worst: int) -> _Measurement:
    both = own.drop_nulls([SUCTION_PRESSURE, DISCHARGE_PRESSURE])
    return _counted(both.filter(pl.col(DISCHARGE_PRESSURE) <= pl.col(SUCTION_PRESSURE)), both.height, worst)


def _falling_hours(day: Day, worst: int) -> _Measurement:
    known = day.readings.drop_nulls(OPERATING_HOURS).sort(COMPRESSOR_ID, TIMESTAMP)
    steps = (
        known.with_columns(pl.col(OPERATING_HOURS).diff().over(COMPRESSOR_ID).alias("step"))
        .filter(pl.col(DATE) == day.date)
        .drop_nulls("step")
    )
    return _counted(steps.filter(pl.col("step") < 0), steps.height, worst)


def _faulty(own: pl.DataFrame, due: pl.Series) -> _Measurement:
    """All compressors with a fault, not only the worst: each has to be mended."""
    found: dict[str, set[Fault]] = {}
    for name, text in own.select(COMPRESSOR_ID, DATA_FAULTS).drop_nulls().unique().sort(pl.all()).iter_rows():
        found.setdefault(name, set()).update(join_links(decode_faults(text)))
    named = {
        name: [
            {"sensor": item.sensor, "fault": item.fault, "since": utc_text(item.since_us)}
            for item in sorted(faults, key=lambda item: (item.since_us, item.sensor, item.fault))
        ]
        for name, faults in found.items()
    }
    by_fault = Counter(kind for faults in found.values() for kind in {item.fault for item in faults})
    details = {"compressors": len(due), "faulty": len(named), "failing": named, "by_fault": dict(sorted(by_fault.items()))}
    return _Measurement(_share(len(named), len(due)), details)


def _counted(bad: pl.DataFrame, of: float, worst: int) -> _Measurement:
    """The share of `bad`, the compressors with most of it and, where there are any, the reasons."""
    by_compressor = bad.drop_nulls(COMPRESSOR_ID).group_by(COMPRESSOR_ID).len().sort("len", COMPRESSOR_ID, descending=[True, False])
    details: dict[str, Any] = {"count": bad.height, "worst": dict(by_compressor.head(worst).iter_rows())}
    if REASON in bad.columns:
        details["by_reason"] = dict(bad.group_by(REASON).len().sort(REASON).iter_rows())
    return _Measurement(_share(bad.height, of), details)


def _share(part: float, of: float) -> float | None:
    return part / of if of else None
