"""Schema of etl_config.yaml: how readings are loaded, cleaned, turned into features and stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field

from config.loader import Section, Share


def _as_utc(value: object) -> object:
    """A time without a zone is UTC. YAML reads it as a naive one."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


UtcTime = Annotated[AwareDatetime, BeforeValidator(_as_utc)]


class SparkConfig(Section):
    """The Spark session: one JVM on this machine by default, a cluster through `master`."""

    master: str
    driver_memory: str = Field(pattern=r"^\d+[gm]$")
    jvm_flags: str
    shuffle_partitions: int = Field(gt=0)
    arrow_batch_rows: int = Field(gt=0)
    rows_per_chunk: int = Field(gt=0)
    broadcast_limit_mb: int = Field(gt=0)


class LakeConfig(Section):
    """Where the Delta tables live; empty means `<home>/lake`."""

    uri: str | None
    training_uri: str | None
    vacuum_retention_hours: int = Field(ge=0)
    most_intervals: int = Field(gt=0)
    lock_timeout_s: float = Field(ge=0)


class ReadLimits(Section):
    """What one file may demand of its reader.

    A file beyond one of the limits is refused before memory is spent on it.
    """

    columns: int = Field(ge=9)
    header_kb: int = Field(gt=0)
    line_kb: int = Field(gt=0, le=1024)
    cell_kb: int = Field(gt=0)
    batch_mb: int = Field(gt=0)
    page_mb: int = Field(gt=0)
    rows: int = Field(gt=0)
    decoded_mb: int = Field(gt=0)
    unpacked_mb: int = Field(gt=0)
    workbook_mb: int = Field(ge=256)
    reference_mb: int = Field(gt=0)


class IngestConfig(Section):
    """Loading of reading files into bronze.

    `inbox` is the folder that `altaviz run` ingests. Empty means `<home>/inbox`.
    """

    inbox: str | None
    rows_per_commit: int = Field(gt=0)
    rows_per_batch: int = Field(gt=0)
    clock_skew_minutes: float = Field(ge=0)
    earliest: UtcTime
    most_withdrawn_share: Share
    killed_runs: int = Field(ge=2)
    limits: ReadLimits

    @property
    def clock_skew(self) -> timedelta:
        """How much later than now a time may be.

        This holds for a reading, a requested moment and the newest prediction.
        """
        return timedelta(minutes=self.clock_skew_minutes)


class OutlierConfig(Section):
    """The isolated-spike rule of silver; see docs/decisions/001-isolated-spikes.md."""

    robust_sigma: float = Field(gt=0)
    level_readings: int = Field(ge=3)
    spread_hours: float = Field(gt=0)
    spread_readings: int = Field(ge=5)
    min_readings: int = Field(ge=3)
    min_sigma_fraction: float = Field(gt=0, lt=1)


class GoldConfig(Section):
    """Gold features."""

    delta_tolerance_s: float = Field(ge=0)


class EtlConfig(Section):
    """All settings of the medallion."""

    spark: SparkConfig
    lake: LakeConfig
    ingest: IngestConfig
    outliers: OutlierConfig
    gold: GoldConfig
