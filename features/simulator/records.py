"""The files beside the readings: metadata, maintenance events, and the ground truth.

No pipeline may read the truth.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from features.contract import EVENT_FIELDS, METADATA_FIELDS
from features.simulator.compressor import Unit
from features.simulator.lives import Event, Life

TRUTH_FIELDS: Final = ("compressor_id", "life", "start", "onset", "end", "planned_failure", "ended_by", "mode", "duration_days", "severity")


def metadata_row(unit: Unit, start: datetime) -> tuple[object, ...]:
    """One row of compressor_metadata.csv."""
    installed = (start - timedelta(days=unit.age_days)).date()
    return unit.compressor_id, unit.model, unit.horsepower, installed.isoformat(), unit.station_id


def event_rows(unit: Unit, events: Sequence[Event], start: datetime) -> list[tuple[object, ...]]:
    """Rows of maintenance_events.csv. Dates are UTC, in the format of the field exports."""
    return [
        (
            unit.compressor_id,
            _moment(start, event.time),
            event.event_type,
            event.description,
            event.downtime_hours,
            event.severity,
            event.cost_usd,
        )
        for event in events
    ]


def life_rows(unit: Unit, lives: Sequence[Life], start: datetime) -> list[tuple[object, ...]]:
    """Rows of truth/lives.csv.

    A life without degradation has no onset, planned failure, mode, duration or severity.
    """
    rows: list[tuple[object, ...]] = []
    for life in lives:
        row: tuple[object, ...] = (unit.compressor_id, life.number, _moment(start, life.start))
        down = life.degradation
        if down is None:
            rows.append((*row, "", _moment(start, life.end), "", life.ended_by, "", "", ""))
            continue
        onset, failure = _moment(start, down.onset), _moment(start, down.failure)
        duration, severity = round(down.duration, 4), round(down.severity, 4)
        rows.append((*row, onset, _moment(start, life.end), failure, life.ended_by, down.mode, duration, severity))
    return rows


def write_csv(path: Path, header: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Write `rows` under `header`. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_records(
    out: Path, metadata: Iterable[tuple[object, ...]], events: Iterable[tuple[object, ...]], lives: Iterable[tuple[object, ...]]
) -> None:
    """Write the three files below `out`. Raises OSError."""
    write_csv(out / "compressor_metadata.csv", METADATA_FIELDS, metadata)
    write_csv(out / "maintenance_events.csv", EVENT_FIELDS, events)
    (out / "truth").mkdir()
    write_csv(out / "truth" / "lives.csv", TRUTH_FIELDS, lives)


def _moment(start: datetime, days: float) -> str:
    return (start + timedelta(minutes=round(timedelta(days=days) / timedelta(minutes=1)))).strftime("%Y-%m-%d %H:%M:%S")
