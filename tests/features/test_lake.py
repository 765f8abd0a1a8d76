from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from deltalake import write_deltalake

from config.errors import InputError, NoDataError
from features.build import Rules
from features.contract import DATA_FAULTS, DATE, EVENT_DATE, TIMESTAMP
from features.gold import build_features, compressor_limits
from features.lake import COMPRESSORS, GOLD, SILVER, Interval, Lake, any_of, merge_intervals
from features.reference_tables.tables import COMPRESSOR_KEY, merge_reference
from features.silver import SilverRules, clean
from tests.features.readings import LOADED_AT, MONDAY, compressors, reading, reading_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS = [reading(1440 * day + minute, name) for day in range(3) for minute in (0, 10) for name in ("C-1", "C-2")]


def _dated(spark: SparkSession, rows: list[dict[str, object]]) -> DataFrame:
    from pyspark.sql import functions as F

    return spark.createDataFrame(reading_table(rows)).withColumn(DATE, F.to_date(TIMESTAMP))


def _day(day: int) -> Interval:
    return Interval(MONDAY + timedelta(days=day), MONDAY + timedelta(days=day + 1) - timedelta(microseconds=1))


@pytest.fixture
def spread(spark: SparkSession) -> Iterator[SparkSession]:
    """The session with more than one shuffle partition: with a single one Spark drops exchanges that a real run needs."""
    kept = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "4")
    yield spark
    spark.conf.set("spark.sql.shuffle.partitions", kept)


def _plan(frame: DataFrame) -> str:
    return str(frame._jdf.queryExecution().executedPlan().toString())


def test_commit_replaces_its_interval_alone_and_carries_its_metadata(spark: SparkSession, lake: Lake) -> None:
    lake.replace(_dated(spark, ROWS), GOLD, partition_by=DATE, metadata={"run": 1})
    where = any_of([_day(1)])
    corrected = _dated(spark, [reading(1440, "C-1", vibration_mms=4.0)]).where(where)
    lake.replace(corrected, GOLD, partition_by=DATE, metadata={"run": 2}, where=where)
    kept = pl.read_delta(lake.uri(GOLD))
    assert kept.group_by(DATE).len().sort(DATE)["len"].to_list() == [4, 1, 4]
    assert kept.filter(pl.col(DATE) == datetime(2026, 3, 3).date())["vibration_mms"].to_list() == [4.0]
    assert lake.commits(GOLD) == [{"version": 1, "metadata": {"run": 2}}, {"version": 0, "metadata": {"run": 1}}]
    assert lake.row_count(GOLD) == 9


def test_spark_and_delta_rs_read_the_same_rows_now_and_in_the_past(spark: SparkSession, lake: Lake) -> None:
    lake.replace(_dated(spark, ROWS), GOLD, partition_by=DATE, metadata={})
    log_entry = Path(lake.uri(GOLD)) / "_delta_log" / f"{0:020}.json"
    written_at = datetime.fromtimestamp(log_entry.stat().st_mtime, UTC)
    lake.replace(_dated(spark, ROWS[:2]), GOLD, partition_by=DATE, metadata={})
    for version, rows in ((0, len(ROWS)), (1, 2)):
        of_spark = pl.from_arrow(lake.read(spark, GOLD, version=version).toArrow())
        assert isinstance(of_spark, pl.DataFrame)
        of_delta_rs = pl.read_delta(lake.delta(GOLD, version))
        assert of_spark.height == rows
        assert of_spark.sort(pl.all()).equals(of_delta_rs.select(of_spark.columns).sort(pl.all()))
    assert lake.read(spark, GOLD, as_of=written_at).count() == len(ROWS)
    assert lake.read(spark, GOLD).count() == 2


def test_version_or_time_that_is_not_there_is_an_input_error(spark: SparkSession, lake: Lake) -> None:
    with pytest.raises(NoDataError, match="there is no table 'gold'"):
        lake.read(spark, GOLD)
    lake.replace(_dated(spark, ROWS), GOLD, partition_by=DATE, metadata={})
    with pytest.raises(InputError, match="gold cannot be read at version 7"):
        lake.read(spark, GOLD, version=7)
    with pytest.raises(InputError, match="gold cannot be read at time 2020-01-01T00:00:00"):
        lake.read(spark, GOLD, as_of=datetime(2020, 1, 1, tzinfo=UTC))


def test_compaction_keeps_every_row_and_is_no_commit_of_rows(spark: SparkSession, lake: Lake) -> None:
    for part in (ROWS[::2], ROWS[1::2]):
        lake.append(_dated(spark, part).coalesce(1), GOLD, partition_by=DATE, metadata={"run": 1})
    assert len(lake.delta(GOLD).file_uris()) == 6
    assert lake.optimize(spark, GOLD) == {"files_removed": 6, "files_added": 3}
    lake.vacuum(spark, GOLD, retention_hours=168)
    assert pl.read_delta(lake.uri(GOLD)).height == len(ROWS)
    assert [commit["version"] for commit in lake.commits(GOLD)] == [1, 0]
    assert lake.read(spark, GOLD, version=1).count() == len(ROWS)  # within the retention the past can still be read


def test_read_of_one_day_opens_the_files_of_that_day_only(spark: SparkSession, lake: Lake) -> None:
    lake.replace(_dated(spark, ROWS), GOLD, partition_by=DATE, metadata={})
    one_day = lake.read(spark, GOLD).where(any_of([_day(1)]))
    assert re.search(r"PartitionFilters: \[[^\]]*date[^\]]*2026-03-03", _plan(one_day))
    assert one_day.count() == 4
    assert {file.split("/")[-2] for file in one_day.inputFiles()} == {"date=2026-03-03"}


def test_silver_shuffles_once_and_broadcasts_the_reference_data(spread: SparkSession, rules: Rules) -> None:
    from pyspark.sql import functions as F

    origin = {
        "_source_file": F.lit("a"),
        "_source_row": F.lit(0),
        "_source_sha256": F.lit("a1"),
        "_file_seq": F.lit(0),
        "_loaded_at": F.lit(LOADED_AT),
    }
    bronze = _dated(spread, ROWS).withColumns(origin).withColumnRenamed(DATE, EVENT_DATE)
    cleaned = clean(bronze, spread.createDataFrame(compressors("C-1", "C-2").to_arrow()), SilverRules(rules.etl, rules.health))
    plan = _plan(cleaned)
    assert plan.count("Exchange hashpartitioning") == 1
    assert plan.count("BroadcastHashJoin") == 1
    assert "SortMergeJoin" not in plan


def test_gold_shuffles_once_and_broadcasts_the_limits(spread: SparkSession, rules: Rules) -> None:
    from pyspark.sql import functions as F

    limits = spread.createDataFrame(compressor_limits(compressors("C-1", "C-2"), rules.fleet, rules.thresholds).to_arrow())
    plan = _plan(
        build_features(_dated(spread, ROWS).withColumn(DATA_FAULTS, F.lit(None).cast("string")), limits, rules.etl, rules.thresholds)
    )
    assert plan.count("Exchange hashpartitioning") == 1
    assert plan.count("BroadcastHashJoin") == 1
    assert "MapInArrow" in plan


def test_rows_are_counted_by_date_from_the_log_and_of_an_empty_table_there_are_none(lake: Lake) -> None:
    days = pl.DataFrame({DATE: [MONDAY.date()] * 3 + [(MONDAY + timedelta(days=1)).date(), None], "value": 1.0})
    for rows, expected in ((days, {MONDAY.date(): 3, (MONDAY + timedelta(days=1)).date(): 1}), (days.clear(), {})):
        write_deltalake(lake.uri(SILVER), rows.to_arrow(), mode="overwrite", partition_by=[DATE])
        assert lake.rows_by_date(SILVER) == expected


def test_reference_rows_are_updated_by_key_and_unchanged_ones_cause_no_commit(lake: Lake) -> None:
    merge_reference(lake, COMPRESSORS, compressors("C-1", "C-2"), COMPRESSOR_KEY)
    merge_reference(lake, COMPRESSORS, compressors("C-2"), COMPRESSOR_KEY)
    assert lake.version(COMPRESSORS) == 0
    merge_reference(lake, COMPRESSORS, compressors("C-2", model="Ariel JGK/4"), COMPRESSOR_KEY)
    assert lake.version(COMPRESSORS) == 1
    kept = pl.read_delta(lake.uri(COMPRESSORS))
    assert dict(kept.select("compressor_id", "model").iter_rows()) == {"C-1": "Ajax DPC-360", "C-2": "Ariel JGK/4"}


def test_overlapping_intervals_become_one_and_the_closest_are_joined_first() -> None:
    hour = [MONDAY + timedelta(hours=number) for number in range(12)]
    given = [Interval(hour[9], hour[10]), Interval(hour[0], hour[1]), Interval(hour[1], hour[3]), Interval(hour[4], hour[5])]
    assert merge_intervals(given, 9) == [Interval(hour[0], hour[3]), Interval(hour[4], hour[5]), Interval(hour[9], hour[10])]
    assert merge_intervals(given, 2) == [Interval(hour[0], hour[5]), Interval(hour[9], hour[10])]
    assert merge_intervals([], 2) == []


def test_interval_is_closed_and_to_the_microsecond() -> None:
    assert any_of([Interval(MONDAY, MONDAY + timedelta(microseconds=1))]) == (
        "(date >= DATE'2026-03-02' AND date <= DATE'2026-03-02'"
        " AND timestamp >= TIMESTAMP'2026-03-02 00:00:00.000000+00:00' AND timestamp <= TIMESTAMP'2026-03-02 00:00:00.000001+00:00')"
    )
    assert any_of([]) == "FALSE"
