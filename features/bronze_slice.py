"""The rows of bronze that a build needs. Spark frames in and out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from config.sections.etl import IngestConfig
from features.contract import EVENT_DATE, LOADED_AT, TIMESTAMP
from features.lake import any_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
from features.increments import Influence, RebuildPlan, unplaced


def eligible(bronze: DataFrame, as_of: datetime, ingest: IngestConfig) -> DataFrame:
    """Rows of bronze that count at `as_of`: not later than it, or refused anyway (no timestamp, later than their own loading)."""

    refused = F.col(TIMESTAMP) > F.col(LOADED_AT) + F.make_dt_interval(secs=F.lit(ingest.clock_skew_minutes * 60.0))
    return bronze.where(F.col(TIMESTAMP).isNull() | (F.col(TIMESTAMP) <= F.lit(as_of)) | refused)


def slice_bronze(eligible_bronze: DataFrame, plan: RebuildPlan, reach: Influence, ingest: IngestConfig) -> DataFrame:
    """The rows of bronze that the plan needs, pruned by date."""
    wanted = plan.bronze_input(reach)
    if wanted is None:
        return eligible_bronze
    condition = any_of(wanted, EVENT_DATE)
    return eligible_bronze.where(f"{unplaced(ingest)} OR {condition}" if plan.unplaced else condition)
