"""Bronze -> silver -> rejects -> gold, as much as is new, in that order: the gold commit that comes last says that all is in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from config.errors import NoDataError
from config.sections.etl import EtlConfig
from config.sections.fleet import FleetConfig
from config.sections.sensor_health import SensorHealthSection
from config.sections.thresholds import ThresholdsConfig
from features import gold, silver
from features.bronze_slice import eligible, slice_bronze
from features.contract import COMPRESSOR_ID, DATA_FAULTS, DATE, TIMESTAMP
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
    """Bring silver, rejects and gold up to bronze at `as_of`. Repeating it, also after a kill at any point, ends in the same tables.

    `spark` opens the session when there is something to recompute. Returns what was recomputed.
    Raises NoDataError when nothing was ingested or no reading is at or before `as_of`.
    """
    if not lake.exists(BRONZE):
        raise NoDataError(f"no readings under {lake.root}: run `altaviz ingest DIR` first")
    compressors = read_reference(lake, COMPRESSORS)
    current = fingerprint(compressors, rules.etl, rules.thresholds, rules.fleet, rules.health)
    state = read_state(lake)
    if state is not None:
        as_of = max(as_of, state.as_of)  # what is in stays in
    with stage("plan"):
        newest = newest_file(lake)
        bronze, most = pl.scan_delta(lake.uri(BRONZE)), rules.etl.lake.most_intervals
        withdrawn = read_withdrawn(lake)
        arrived = plan_build(bronze, state, as_of, rules.etl.ingest, current, most)
        plan = arrived.joined(plan_withdrawals(bronze, state, withdrawn, rules.etl.ingest), most)
    if plan.empty:
        return plan
    session = spark()
    at_hand = eligible(lake.read(session, BRONZE), as_of, rules.etl.ingest)
    reach = Influence.of(rules.etl)
    sliced = slice_bronze(at_hand, plan, reach, rules.etl.ingest)
    _build_silver(session, lake, rules, withdrawn, sliced, plan, reach, stage)
    if state is None and lake.row_count(SILVER) == 0:
        raise NoDataError(f"no usable reading at or before {as_of:%Y-%m-%dT%H:%M:%S}: ask for a later --as-of, or see the rejects")
    made_from = BuildState(newest, as_of, current, plan.gold_core(reach), withdrawn)
    with stage("gold"):
        _build_gold(session, lake, rules, compressors, plan, reach, made_from)
    return plan


def _build_silver(
    spark: SparkSession,
    lake: Lake,
    rules: Rules,
    withdrawn: frozenset[str],
    bronze: DataFrame,
    plan: RebuildPlan,
    reach: Influence,
    stage: Stage,
) -> None:
    compressors = lake.read(spark, COMPRESSORS)
    known = known_faults(lake, plan.bronze_input(reach))
    cleaned = silver.clean(bronze, compressors, silver.SilverRules(rules.etl, rules.health, withdrawn, known)).persist()
    core = plan.silver_core(reach)
    where = None if core is None else any_of(core)
    rejects_where = f"{where} OR {unplaced(rules.etl.ingest)}" if where and plan.unplaced else where
    try:
        with stage("silver"):
            lake.replace(_inside(silver.silver_rows(cleaned), where), SILVER, partition_by=DATE, metadata={}, where=where)
        with stage("rejects"):
            lake.replace(_inside(silver.rejects(cleaned), rejects_where), REJECTS, partition_by=DATE, metadata={}, where=rejects_where)
    finally:
        cleaned.unpersist()


def _build_gold(
    spark: SparkSession, lake: Lake, rules: Rules, compressors: pl.DataFrame, plan: RebuildPlan, reach: Influence, made_from: BuildState
) -> None:
    source = lake.read(spark, SILVER)
    needed = plan.silver_input(reach)
    limits = spark.createDataFrame(gold.compressor_limits(compressors, rules.fleet, rules.thresholds).to_arrow())
    features = gold.build_features(_inside(source, None if needed is None else any_of(needed)), limits, rules.etl, rules.thresholds)
    where = None if made_from.rebuilt is None else any_of(made_from.rebuilt)
    lake.replace(_inside(features, where), GOLD, partition_by=DATE, metadata=made_from.to_metadata(), where=where)


def _inside(frame: DataFrame, where: str | None) -> DataFrame:
    return frame if where is None else frame.where(where)


def known_faults(lake: Lake, read: list[Interval] | None) -> dict[str, list[tuple[int, str]]]:
    """By compressor: what silver says of its sensors just before each interval that is `read` anew, as (moment in us, faults); oldest first.

    A fault of level or unit lasts until sound readings end it, and may have begun before what is read. None: all is read, nothing is known.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    if read is None or DATA_FAULTS not in lake.columns(SILVER):
        return found
    scan = pl.scan_delta(lake.uri(SILVER)).select(COMPRESSOR_ID, TIMESTAMP, DATE, DATA_FAULTS)
    for interval in sorted(read):
        first = shift(interval.start, -_FAULT_MEMORY).date()
        before = scan.filter(pl.col(DATE) >= first, pl.col(DATE) <= interval.start.date(), pl.col(TIMESTAMP) < interval.start)
        newest = before.group_by(COMPRESSOR_ID).agg(pl.col(DATA_FAULTS).sort_by(TIMESTAMP).last()).collect().drop_nulls(DATA_FAULTS)
        moment = interval.start - timedelta(microseconds=1)
        for compressor_id, text in newest.iter_rows():
            found.setdefault(compressor_id, []).append(((moment - _EPOCH) // timedelta(microseconds=1), text))
    return found
