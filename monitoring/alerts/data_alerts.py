"""Data alerts from the faults that readings report. Pure, and by reading time: the same readings give the same alerts, whenever they are asked for.

reported   A reading whose `data_faults` name a fault of a sensor. A fault of one kind that every sensor has at a reading is one of all sensors.
alert      The readings that report one fault of one sensor of one compressor and hang together, as violations of a threshold do
           (monitoring.alerts.threshold_alerts): the next one begins a new alert only when `normal_readings` readings in a row without the fault and more than
           `group_minutes` lie between it and the one before.
resolved   At the last of the `normal_readings` readings in a row without it; without them the alert is open.
dead link  While every sensor has a fault, the alert of one sensor waits: it neither counts nor resolves. One that began at most
           `group_minutes` before is not raised at all: some sensors of a dead link are seen to be frozen a few readings before the others.

No limit on alerts of one window holds for these, and they take no place of a threshold's alert.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from config.sections.quality import AlertsSection
from features.contract import COMPRESSOR_ID, DATA_FAULTS, TIMESTAMP
from features.sensor_health.fault import Fault, decode_faults
from serving.prediction.data_faults import dead_links, fault_message, is_part_of
from serving.warehouse.alerts import Alert

_POSITION: Final = "position"  # of a reading among its compressor's
_WAITS: Final = "waits"  # every sensor has the fault
_CONDITION: Final = "condition"  # number of a condition within its key
_KEY: Final = (COMPRESSOR_ID, "sensor", "fault")
_FAULT_SCHEMA: Final = {
    DATA_FAULTS: pl.String,
    "sensor": pl.String,
    "fault": pl.String,
    "since_us": pl.Int64,
    "unit": pl.String,
    _WAITS: pl.Boolean,
}


def find_data_alerts(readings: pl.DataFrame, rules: AlertsSection) -> list[Alert]:
    """The data alerts of `readings` (compressor_id, timestamp, data_faults), by compressor, time and type.

    The rows of a compressor begin at its first one, or `group_minutes` before a moment at which none of its data alerts is live.
    """
    length, enough = pl.duration(minutes=int(rules.group_minutes.value)), int(rules.normal_readings.value)
    troubled = readings.filter(pl.col(DATA_FAULTS).is_not_null()).select(pl.col(COMPRESSOR_ID).unique())
    if troubled.is_empty():
        return []
    ordered = (
        readings.select(COMPRESSOR_ID, pl.col(TIMESTAMP).dt.cast_time_unit("us"), DATA_FAULTS)
        .join(troubled, on=COMPRESSOR_ID, how="semi")
        .sort(COMPRESSOR_ID, TIMESTAMP)
        .with_columns(pl.int_range(pl.len()).over(COMPRESSOR_ID).alias(_POSITION))
    )
    time, position = pl.col(TIMESTAMP), pl.col(_POSITION)
    apart = (position - position.shift(1) > enough) & (time - time.shift(1) > length)
    reported = (
        ordered.join(_named_faults(ordered[DATA_FAULTS]), on=DATA_FAULTS, how="inner")
        .sort(*_KEY, TIMESTAMP)
        .with_columns(apart.over(_KEY).fill_null(value=False).cum_sum().over(_KEY).alias(_CONDITION))
    )
    ends = (
        reported.group_by(*_KEY, _CONDITION)
        .agg(
            pl.col(_POSITION).max() + enough,
            (pl.col(TIMESTAMP).max() + length).alias("grouped_until"),
            pl.col(TIMESTAMP).min().alias("begins"),
            pl.col(TIMESTAMP).filter(_WAITS).min().alias("link_fails"),
        )
        .join(ordered.select(COMPRESSOR_ID, _POSITION, time.alias("resolved_at")), on=[COMPRESSOR_ID, _POSITION], how="left")
        .drop(_POSITION)
    )
    is_herald = (pl.col(TIMESTAMP) < pl.col("link_fails")) & (pl.col("link_fails") - pl.col("begins") <= length)
    alerts = (
        reported.join(ends, on=[*_KEY, _CONDITION], how="left")
        .filter(~pl.col(_WAITS), ~is_herald.fill_null(value=False))
        .sort(*_KEY, TIMESTAMP)
        .group_by(*_KEY, _CONDITION, maintain_order=True)
        .agg(
            pl.col(TIMESTAMP).min(),
            pl.col(TIMESTAMP).max().alias("last_seen"),
            pl.len().alias("reading_count"),
            pl.col("since_us").min(),
            pl.col("unit").last(),
            pl.col("resolved_at", "grouped_until").first(),
        )
    )
    return sorted(
        map(_alert, alerts.iter_rows(named=True)), key=lambda alert: (alert.compressor_id, alert.alert_timestamp, alert.alert_type)
    )


def _named_faults(texts: pl.Series) -> pl.DataFrame:
    """One row per text and fault that it names."""
    rows: list[tuple[Any, ...]] = []
    for text in texts.drop_nulls().unique():
        faults = decode_faults(text)
        links = dead_links(faults)
        for fault in (*links, *faults):
            waits = fault not in links and is_part_of(fault, links)
            rows.append((text, fault.sensor, fault.fault, fault.since_us, fault.unit, waits))
    return pl.DataFrame(rows, schema=_FAULT_SCHEMA, orient="row")


def _alert(row: dict[str, Any]) -> Alert:
    fault, resolved_at = Fault(row["sensor"], row["fault"], row["since_us"], row["unit"]), row["resolved_at"]
    return Alert(
        compressor_id=row[COMPRESSOR_ID],
        alert_type=f"{fault.sensor}_{fault.fault}",
        alert_timestamp=row[TIMESTAMP],
        raised_at=row[TIMESTAMP],
        critical_at=None,
        severity="warning",
        message=fault_message(fault, row["last_seen"]),
        value=None,
        threshold=None,
        last_seen=row["last_seen"],
        reading_count=row["reading_count"],
        resolved=resolved_at is not None,
        resolved_at=resolved_at,
        settled_at=None if resolved_at is None else max(resolved_at, row["grouped_until"]),
        source="data",
    )
