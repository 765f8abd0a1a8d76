"""Builds what is new, in this order: bronze -> silver -> rejects -> gold.

The gold commit comes last. It records that everything before it is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
from pyspark.sql import functions as F

from config.errors import NoDataError
from config.sections.etl import EtlConfig, IngestConfig
from config.sections.fleet import FleetConfig
from config.sections.sensor_health import SensorHealthSection
from config.sections.thresholds import ThresholdsConfig
from features import gold, silver
from features.contract import COMPRESSOR_ID, DATA_FAULTS, DATE, EVENT_DATE, LOADED_AT, TIMESTAMP
from features.increments import BuildState, Influence, RebuildPlan, fingerprint, newest_file, plan_build, read_state, shift, unplaced
from features.lake import BRONZE, COMPRESSORS, GOLD, REJECTS, SILVER, Interval, Lake, any_of
from features.reference_tables.tables import read_reference
from features.sensor_health.settings import HealthRules
from features.withdrawals import plan_withdrawals, read_withdrawn

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FAULT_MEMORY = timedelta(days=7)  # a compressor that was silent for longer is judged as if it were new
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Stage = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Rules:
    """What shapes silver and gold besides the readings."""

    etl: EtlConfig
    thresholds: ThresholdsConfig
    fleet: FleetConfig
    sensor_health: SensorHealthSection

    @property
    def health(self) -> HealthRules:
        """The rules of sensor health as numbers."""
        return HealthRules.of(self.sensor_health, self.thresholds)


def build_silver_and_gold(
    spark: Callable[[], SparkSession], lake: Lake, rules: Rules, as_of: datetime, stage: Stage = nullcontext
) -> RebuildPlan:
    """Bring silver, rejects and gold up to bronze at `as_of`. Returns what was recomputed.

    A repeated call ends in the same tables, also after a kill at any point. The session opens (`spark`) when
    there is something to recompute. Raises NoDataError when nothing was ingested, or no reading is at or
    before `as_of`.
    """
    if not lake.exists(BRONZE):
        raise NoDataError(f"no readings under {lake.root}: run `altaviz ingest DIR` first")
    compressors = read_reference(lake, COMPRESSORS)
    current = fingerprint(compressors, rules.etl, rules.thresholds, rules.fleet, rules.health)
    state = read_state(lake)
    if state is not None:
        as_of = max(as_of, state.as_of)  # rows that are in silver stay there
    with stage("plan"):
        last_file = newest_file(lake)
        bronze, most = pl.scan_delta(lake.uri(BRONZE)), rules.etl.lake.most_intervals
        withdrawn = read_withdrawn(lake)
        arrived = plan_build(bronze, state, as_of, rules.etl.ingest, current, most)
        plan = arrived.union(plan_withdrawals(bronze, state, withdrawn, rules.etl.ingest), most)
    if plan.empty:
        return plan
    build = _Build(spark(), lake, rules, withdrawn, plan, Influence.of(rules.etl))
    build.silver(as_of, stage)
    if state is None and lake.row_count(SILVER) == 0:
        raise NoDataError(f"no usable reading at or before {as_of:%Y-%m-%dT%H:%M:%S}: use a later --as-of, or check the rejects")
    made_from = BuildState(last_file, as_of, current, plan.gold_to_replace(build.influence), withdrawn)
    with stage("gold"):
        build.gold(compressors, made_from)
    return plan


@dataclass(frozen=True)
class _Build:
    """One build: its tables, its rules, and what it replaces."""

    spark: SparkSession
    lake: Lake
    rules: Rules
    withdrawn: frozenset[str]  # SHA-256 of withdrawn files
    plan: RebuildPlan
    influence: Influence

    def silver(self, as_of: datetime, stage: Stage) -> None:
        """Replace silver and rejects, as far as the plan goes."""
        compressors = self.lake.read(self.spark, COMPRESSORS)
        known = known_faults(self.lake, self.plan.bronze_to_read(self.influence))
        rules = silver.SilverRules(self.rules.etl, self.rules.health, self.withdrawn, known)
        bronze = bronze_to_build(self.lake.read(self.spark, BRONZE), as_of, self.plan, self.influence, self.rules.etl.ingest)
        cleaned = silver.clean(bronze, compressors, rules).persist()
        replaced = self.plan.silver_to_replace(self.influence)
        where = None if replaced is None else any_of(replaced)
        rejects_where = f"{where} OR {unplaced(self.rules.etl.ingest)}" if where and self.plan.unplaced else where
        try:
            with stage("silver"):
                rows = _inside(silver.silver_rows(cleaned), where)
                self.lake.replace(rows, SILVER, partition_by=DATE, metadata={}, where=where)
            with stage("rejects"):
                rows = _inside(silver.rejects(cleaned), rejects_where)
                self.lake.replace(rows, REJECTS, partition_by=DATE, metadata={}, where=rejects_where)
        finally:
            cleaned.unpersist()

    def gold(self, compressors: pl.DataFrame, made_from: BuildState) -> None:
        """Replace gold, as far as the plan goes; the commit holds `made_from`."""
        etl, thresholds = self.rules.etl, self.rules.thresholds
        read = self.plan.silver_to_read(self.influence)
        source = _inside(self.lake.read(self.spark, SILVER), None if read is None else any_of(read))
        limits = self.spark.createDataFrame(gold.compressor_limits(compressors, self.rules.fleet, thresholds).to_arrow())
        features = gold.build_features(source, limits, etl, thresholds)
        where = None if made_from.rebuilt is None else any_of(made_from.rebuilt)
        self.lake.replace(_inside(features, where), GOLD, partition_by=DATE, metadata=made_from.to_metadata(), where=where)


def bronze_to_build(bronze: DataFrame, as_of: datetime, plan: RebuildPlan, influence: Influence, ingest: IngestConfig) -> DataFrame:
    """The rows of bronze that the plan needs at `as_of`, pruned by date.

    They are not later than `as_of`, or refused anyway: no timestamp, or later than their own loading.
    """
    refused = F.col(TIMESTAMP) > F.col(LOADED_AT) + F.make_dt_interval(secs=F.lit(ingest.clock_skew_minutes * 60.0))
    rows = bronze.where(F.col(TIMESTAMP).isNull() | (F.col(TIMESTAMP) <= F.lit(as_of)) | refused)
    read = plan.bronze_to_read(influence)
    if read is None:
        return rows
    condition = any_of(read, EVENT_DATE)
    return rows.where(f"{unplaced(ingest)} OR {condition}" if plan.unplaced else condition)


def _inside(frame: DataFrame, where: str | None) -> DataFrame:
    return frame if where is None else frame.where(where)


def known_faults(lake: Lake, read: list[Interval] | None) -> dict[str, list[tuple[int, str]]]:
    """Faults that silver holds just before each interval that is `read` again, by compressor.

    They are pairs (moment in us, faults), oldest first. A fault of level or unit lasts until sound readings
    end it, so it may have begun before the interval. If everything is read (`read` None), no fault is known.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    if read is None or DATA_FAULTS not in lake.columns(SILVER):
        return found
    scan = pl.scan_delta(lake.uri(SILVER)).select(COMPRESSOR_ID, TIMESTAMP, DATE, DATA_FAULTS)
    for interval in sorted(read):
        first = shift(interval.start, -_FAULT_MEMORY).date()
        before = scan.filter(pl.col(DATE) >= first, pl.col(DATE) <= interval.start.date(), pl.col(TIMESTAMP) < interval.start)
        last = before.group_by(COMPRESSOR_ID).agg(pl.col(DATA_FAULTS).sort_by(TIMESTAMP).last()).collect().drop_nulls(DATA_FAULTS)
        moment = interval.start - timedelta(microseconds=1)
        for compressor_id, text in last.iter_rows():
            found.setdefault(compressor_id, []).append(((moment - _EPOCH) // timedelta(microseconds=1), text))
    return found
