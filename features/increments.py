"""What a features run must recompute: the hours of new rows, widened by their influence.

The latest gold commit records what it was made from (`BuildState`). Rows of bronze beyond that are new. The
rules are causal, so one reading has a finite influence:

    a reading at t is evidence for spikes until t + spread_hours, and a verdict decides whether the next reading
    (again at most spread_hours later) stands alone                                          -> silver (t, t + 2 x spread_hours]
    a silver value at t is in the windows of gold until t + 24 h                             -> gold   (t, t + 2 x spread_hours + 24 h]
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from config.sections.etl import EtlConfig, IngestConfig
from config.sections.fleet import FleetConfig
from config.sections.thresholds import ThresholdsConfig
from features.contract import FILE_SEQ, LOADED_AT, MAX_LOOKBACK_HOURS, STATUS_FEATURES, TIMESTAMP
from features.lake import BRONZE, GOLD, Interval, Lake, merge_intervals, sql_time
from features.sensor_health.settings import HealthRules


@dataclass(frozen=True)
class BuildState:
    """What silver, rejects and gold were made from. The gold commit stores it."""

    file_seq: int  # newest file of bronze that is included
    as_of: datetime  # readings after it are not included yet
    fingerprint: str  # of the rules and reference data that shaped the result
    rebuilt: list[Interval] | None  # intervals of gold this commit replaced; None: all of it
    withdrawn: frozenset[str] = frozenset()  # SHA-256 of files that are left out

    def to_metadata(self) -> dict[str, Any]:
        """As JSON-ready commit metadata."""
        rebuilt = None if self.rebuilt is None else [[item.start.isoformat(), item.end.isoformat()] for item in self.rebuilt]
        return {
            "file_seq": self.file_seq,
            "as_of": self.as_of.isoformat(),
            "fingerprint": self.fingerprint,
            "rebuilt": rebuilt,
            "withdrawn": sorted(self.withdrawn),
        }

    @classmethod
    def from_metadata(cls, metadata: dict[str, Any]) -> BuildState:
        """Inverse of `to_metadata`."""
        rebuilt = metadata["rebuilt"]
        return cls(
            int(metadata["file_seq"]),
            datetime.fromisoformat(metadata["as_of"]),
            str(metadata["fingerprint"]),
            None if rebuilt is None else [Interval(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in rebuilt],
            frozenset(metadata.get("withdrawn", ())),
        )


@dataclass(frozen=True)
class Influence:
    """How long one reading influences silver and gold."""

    silver: timedelta
    gold: timedelta

    @classmethod
    def of(cls, etl: EtlConfig) -> Influence:
        """The influence under the outlier rule in force."""
        return cls(silver=timedelta(hours=2 * etl.outliers.spread_hours), gold=timedelta(hours=MAX_LOOKBACK_HOURS))


@dataclass(frozen=True)
class RebuildPlan:
    """What to recompute. `changed` are the intervals of changed rows; None means everything."""

    changed: list[Interval] | None
    unplaced: bool  # rows without a usable timestamp are among the new ones

    @property
    def empty(self) -> bool:
        """Nothing is new."""
        return self.changed == [] and not self.unplaced

    def union(self, other: RebuildPlan, most_intervals: int) -> RebuildPlan:
        """What one of the two plans recomputes."""
        unplaced = self.unplaced or other.unplaced
        if self.changed is None or other.changed is None:
            return RebuildPlan(None, unplaced)
        return RebuildPlan(merge_intervals([*self.changed, *other.changed], most_intervals), unplaced)

    def silver_to_replace(self, influence: Influence) -> list[Interval] | None:
        """Intervals of silver and rejects that are replaced."""
        return _widen(self.changed, timedelta(0), influence.silver)

    def bronze_to_read(self, influence: Influence) -> list[Interval] | None:
        """Intervals of bronze that decide the replaced silver."""
        return _widen(self.changed, influence.silver, influence.silver)

    def gold_to_replace(self, influence: Influence) -> list[Interval] | None:
        """Intervals of gold that are replaced."""
        return _widen(self.changed, timedelta(0), influence.silver + influence.gold)

    def silver_to_read(self, influence: Influence) -> list[Interval] | None:
        """Intervals of silver that decide the replaced gold."""
        return _widen(self.changed, influence.gold, influence.silver + influence.gold)


def _widen(intervals: list[Interval] | None, before: timedelta, after: timedelta) -> list[Interval] | None:
    if intervals is None:
        return None
    widened = [Interval(shift(item.start, -before), shift(item.end, after)) for item in intervals]
    return merge_intervals(widened, len(widened) or 1)


def shift(moment: datetime, by: timedelta) -> datetime:
    """`moment` + `by`, held within the years 1 to 9999.

    A wrong clock may stand at either end of them.
    """
    try:
        return moment + by
    except OverflowError:
        return (datetime.max if by > timedelta(0) else datetime.min).replace(tzinfo=UTC)


def read_state(lake: Lake) -> BuildState | None:
    """State of the latest gold. None when it is unknown: then everything is built.

    It is unknown after a RESTORE by hand, too.
    """
    commits = lake.commits(GOLD)
    if not commits or commits[0]["metadata"] is None:
        return None
    return BuildState.from_metadata(commits[0]["metadata"])


def fingerprint(compressors: pl.DataFrame, etl: EtlConfig, thresholds: ThresholdsConfig, fleet: FleetConfig, health: HealthRules) -> str:
    """Changes when anything but new readings changes silver or gold.

    Of the thresholds, it covers the physical ranges and the limits of statuses. Descriptions and other limits
    do not count.
    """
    shaping = {
        "clock_skew": etl.ingest.clock_skew_minutes,
        "earliest": etl.ingest.earliest.isoformat(),
        "sensor_health": health.to_dict(),
        "outliers": etl.outliers.numbers(),
        "gold": etl.gold.numbers(),
        "physical": {name: [sensor.physical.low, sensor.physical.high] for name, sensor in thresholds.sensors.items()},
        "statuses": {
            sensor: {
                "": thresholds.limits(sensor).numbers(),
                **{
                    model: thresholds.limits(sensor, model).numbers()
                    for model, sensors in thresholds.overrides.items()
                    if sensor in sensors
                },
            }
            for sensor in STATUS_FEATURES.values()
        },
        "zones": {"": fleet.time_zone, **{name: station.time_zone for name, station in fleet.stations.items()}},
        "compressors": compressors.select("compressor_id", "model", "station_id").sort("compressor_id").rows(),
    }
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()


def unplaced(ingest: IngestConfig) -> str:
    """SQL that is true for rows without a usable timestamp.

    They have none, or one from a clock that had no power.
    """
    return f"{TIMESTAMP} IS NULL OR {TIMESTAMP} < TIMESTAMP'{sql_time(ingest.earliest)}'"


def plan_build(
    bronze: pl.LazyFrame,
    state: BuildState | None,
    as_of: datetime,
    ingest: IngestConfig,
    current_fingerprint: str,
    most_intervals: int,
) -> RebuildPlan:
    """Compare bronze with what gold was made from.

    Polars reads bronze, because finding nothing new must not cost a JVM. Only the clock hours of new rows are
    collected. Three columns are read, of files that can hold new rows.
    """
    if state is None or state.fingerprint != current_fingerprint:
        return RebuildPlan(changed=None, unplaced=True)
    time = pl.col(TIMESTAMP)
    refused = time > pl.col(LOADED_AT) + ingest.clock_skew
    placed = pl.when(time >= ingest.earliest).then(time)
    arrived = (pl.col(FILE_SEQ) > state.file_seq) & (time.is_null() | (time <= as_of) | refused)
    became_due = (time > state.as_of) & (time <= as_of)
    hours = (
        bronze.filter(arrived | became_due)
        .group_by(placed.dt.truncate("1h").alias("hour"))
        .agg(placed.min().alias("start"), placed.max().alias("end"))
        .collect()
    )
    intervals = [Interval(start, end) for _, start, end in hours.iter_rows() if start is not None]
    return RebuildPlan(changed=merge_intervals(intervals, most_intervals), unplaced=len(intervals) < hours.height)


def newest_that_counts(bronze: pl.LazyFrame, ingest: IngestConfig) -> datetime | None:
    """Time of the newest reading that is not later than its own loading allows. None without one."""
    counts = pl.col(TIMESTAMP) <= pl.col(LOADED_AT) + ingest.clock_skew
    time: datetime | None = bronze.filter(counts).select(pl.col(TIMESTAMP).max()).collect().item()
    return time


def newest_file(lake: Lake) -> int:
    """Number of the file that was loaded last. The log's statistics give it where possible."""
    return int(pl.scan_delta(lake.uri(BRONZE)).select(pl.col(FILE_SEQ).max()).collect().item() or 0)


def rebuilt_since(lake: Lake, version: int | None) -> list[Interval] | None:
    """Intervals of gold that changed after `version`. None means all of it, as when it is unknown."""
    if version is None:
        return None
    intervals: list[Interval] = []
    commits = [commit for commit in lake.commits(GOLD) if commit["version"] > version]
    for commit in commits:
        if commit["metadata"] is None:
            return None
        rebuilt = BuildState.from_metadata(commit["metadata"]).rebuilt
        if rebuilt is None:
            return None
        intervals.extend(rebuilt)
    return intervals
