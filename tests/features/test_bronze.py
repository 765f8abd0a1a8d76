from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pytest

from features.bronze import BronzeLoad, IngestReport, load_files
from features.build import Rules
from features.contract import FILE_SEQ, LOADED_AT, READING_FIELDS, SOURCE_FILE, SOURCE_ROW
from features.intake import SiteReader
from features.lake import BRONZE, QUARANTINE, Lake
from features.row_counts import count_rows
from tests.features.readings import LOADED_AT as LOADED
from tests.features.readings import reading, reading_table, write_readings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Load = Callable[..., IngestReport]


@pytest.fixture
def load(spark: SparkSession, lake: Lake, rules: Rules, tmp_path: Path) -> Load:
    def run(*files: tuple[str, Path], rows_per_commit: int = 1000) -> IngestReport:
        config = rules.etl.ingest.model_copy(update={"rows_per_commit": rows_per_commit})
        return load_files(lambda: spark, BronzeLoad(lake, tmp_path / "staging", config, LOADED), files)

    return run


def _no_spark() -> SparkSession:
    raise AssertionError("a JVM was asked for although nothing is new")


def _origin(lake: Lake) -> list[tuple[str, int, int]]:
    return pl.read_delta(lake.uri(BRONZE)).select(SOURCE_FILE, SOURCE_ROW, FILE_SEQ).sort(FILE_SEQ, SOURCE_ROW).rows()


def test_every_row_is_kept_as_it_came_with_its_origin(load: Load, lake: Lake, tmp_path: Path) -> None:
    rows = [reading(0), reading(0), reading(None, None, vibration_mms=-5.0)]
    report = load(
        ("a.parquet", write_readings(tmp_path / "a.parquet", rows)), ("b.parquet", write_readings(tmp_path / "b.parquet", [reading(10)]))
    )
    assert (report.loaded, report.known, report.refused) == ({"a.parquet": 3, "b.parquet": 1}, [], {})
    assert _origin(lake) == [("a.parquet", 0, 0), ("a.parquet", 1, 0), ("a.parquet", 2, 0), ("b.parquet", 0, 1)]
    bronze = pl.read_delta(lake.uri(BRONZE)).sort(FILE_SEQ, SOURCE_ROW)
    assert bronze.select(READING_FIELDS).equals(pl.from_arrow(reading_table([*rows, reading(10)])))  # type: ignore[arg-type]
    assert bronze[LOADED_AT].unique().to_list() == [LOADED]
    assert not (tmp_path / "staging").exists()


def test_same_content_again_adds_nothing_whatever_its_name_and_needs_no_jvm(load: Load, lake: Lake, rules: Rules, tmp_path: Path) -> None:
    path = write_readings(tmp_path / "a.parquet", [reading(0)])
    load(("a.parquet", path))
    again_load = BronzeLoad(lake, tmp_path / "staging", rules.etl.ingest, LOADED)
    again = load_files(_no_spark, again_load, [("a.parquet", path), ("renamed.parquet", path)])
    assert (again.loaded, again.known) == ({}, ["a.parquet", "renamed.parquet"])
    assert lake.version(BRONZE) == 0
    assert lake.row_count(BRONZE) == 1


def test_same_content_twice_in_one_load_is_loaded_once(load: Load, lake: Lake, tmp_path: Path) -> None:
    path = write_readings(tmp_path / "a.parquet", [reading(0)])
    assert load(("a.parquet", path), ("copy.parquet", path)).known == ["copy.parquet"]
    assert lake.row_count(BRONZE) == 1


def test_changed_file_of_the_same_name_is_a_new_file(load: Load, lake: Lake, tmp_path: Path) -> None:
    load(("a.parquet", write_readings(tmp_path / "a.parquet", [reading(0)])))
    load(("a.parquet", write_readings(tmp_path / "a.parquet", [reading(10)])))
    assert _origin(lake) == [("a.parquet", 0, 0), ("a.parquet", 0, 1)]


def test_bad_file_is_quarantined_by_name_once_and_the_rest_loads(load: Load, lake: Lake, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("compressor_id,timestamp\n")
    good = write_readings(tmp_path / "good.parquet", [reading(0)])
    for _ in range(2):
        report = load(("bad.csv", bad), ("good.parquet", good))
        assert report.refused["bad.csv"].startswith("missing_column: vibration_mms")
    assert lake.row_count(BRONZE) == 1
    assert pl.read_delta(lake.uri(QUARANTINE)).height == 1
    assert list(count_rows(lake)["rejected_files"]) == ["bad.csv"]  # type: ignore[call-overload]


def test_file_that_comes_again_mended_leaves_the_quarantine(load: Load, lake: Lake, tmp_path: Path) -> None:
    broken = tmp_path / "a.parquet"
    broken.write_bytes(b"PAR1")
    load(("a.parquet", broken))
    load(("a.parquet", write_readings(broken, [reading(0)])))
    assert count_rows(lake)["rejected_files"] == {}


def test_new_column_is_accepted_and_is_null_where_it_did_not_come(load: Load, lake: Lake, tmp_path: Path) -> None:
    load(("a.parquet", write_readings(tmp_path / "a.parquet", [reading(0)])))
    for name, column in (("b", "Firmware"), ("c", "firmware")):
        text = reading_table([reading(10)]).append_column(column, [["2.4.1"]])
        pl.from_arrow(text).write_parquet(tmp_path / f"{name}.parquet")  # type: ignore[union-attr]
    load(("b.parquet", tmp_path / "b.parquet"), ("c.parquet", tmp_path / "c.parquet"))
    load(("d.parquet", write_readings(tmp_path / "d.parquet", [reading(20)])))
    assert pl.read_delta(lake.uri(BRONZE)).sort(FILE_SEQ)["firmware"].to_list() == [None, "2.4.1", "2.4.1", None]


def test_files_become_visible_in_commits_of_whole_files(load: Load, lake: Lake, tmp_path: Path) -> None:
    files = [(f"{n}.parquet", write_readings(tmp_path / f"{n}.parquet", [reading(n), reading(n + 100)])) for n in range(5)]
    load(*files, rows_per_commit=4)
    assert [commit["metadata"]["files"] for commit in lake.commits(BRONZE)] == [
        ["4.parquet"],
        ["2.parquet", "3.parquet"],
        ["0.parquet", "1.parquet"],
    ]
    assert [seq for _, _, seq in _origin(lake)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_empty_file_is_loaded_with_no_rows(load: Load, lake: Lake, tmp_path: Path) -> None:
    report = load(("empty.parquet", write_readings(tmp_path / "empty.parquet", [])))
    assert report.loaded == {"empty.parquet": 0}
    assert not lake.exists(BRONZE)


def test_reading_of_a_wrong_clock_is_stored(load: Load, lake: Lake, tmp_path: Path) -> None:
    moments = [datetime.min.replace(tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), None]
    load(("a.parquet", write_readings(tmp_path / "a.parquet", [{**reading(0), "timestamp": moment} for moment in moments])))
    assert pl.read_delta(lake.uri(BRONZE)).sort(SOURCE_ROW)["timestamp"].to_list() == moments


class _Writing(SiteReader):
    """A reader during whose work somebody writes the file: before it is copied, or after."""

    when = "copied"

    def digest(self, path: Path, name: str, copy: Path | None = None) -> str:
        if copy is not None and self.when == "copied":
            write_readings(path, [reading(0, vibration_mms=99.0)])
        return super().digest(path, name, copy)

    def read(self, path: Path, name: str, rows_per_batch: int, copy: Path | None = None) -> Iterator[pa.RecordBatch]:
        if self.when == "read":
            write_readings(path, [reading(0, vibration_mms=99.0)])
        return super().read(path, name, rows_per_batch, copy)


def test_what_is_hashed_is_what_is_loaded(spark: SparkSession, lake: Lake, rules: Rules, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    reader = _Writing()

    def load() -> tuple[dict[str, int], list[str]]:
        write_readings(path, [reading(0, vibration_mms=4.0)])
        target = BronzeLoad(lake, tmp_path / "staging", rules.etl.ingest, LOADED)
        report = load_files(lambda: spark, target, [("a.parquet", path)], reader=reader)
        return report.loaded, report.changing

    assert load() == ({}, ["a.parquet"])  # changed between hash and copy: left for the next run
    assert not lake.exists(BRONZE)
    reader.when = "read"
    assert load() == ({"a.parquet": 1}, [])
    assert pl.read_delta(lake.uri(BRONZE))["vibration_mms"].to_list() == [4.0]  # not 99, which came later
