from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.features.readings import reading, reading_table
from tests.features.site.files import HEADER, ROW, Read, read, refusal, text

NOON = "03-02 12:00"


def _at(tmp_path: Path, *times: str, rows_per_batch: int = 1000, **time: Any) -> Read:
    lines = [ROW.replace("2026-03-02T00:00:00Z", f'"{moment}"') for moment in times]
    return read(text(tmp_path, HEADER, *lines), time=time, rows_per_batch=rows_per_batch)


def _refused(tmp_path: Path, moment: str, **time: Any) -> str:
    return refusal(text(tmp_path, HEADER, ROW.replace("2026-03-02T00:00:00Z", moment)), time=time)


def _typed(tmp_path: Path, values: list[Any], kind: pa.DataType, **options: Any) -> Path:
    table = reading_table([reading(0)] * len(values))
    path = tmp_path / "a.parquet"
    pq.write_table(table.set_column(1, "timestamp", pa.array(values, kind)), path, **options)
    return path


@pytest.mark.parametrize(
    "moment",
    [
        "2026-03-02T12:00:00Z",
        "2026-03-02 12:00:00.000000",
        "2026-03-02 12:00:00+00",
        "2026-03-02 07:00:00-05",
        "2026-03-02 12:00:00 UTC",
        "2026/03/02 12:00",
        "02-Mar-2026 12:00:00",
        "1772452800",
        "1772452800000",
        "1772452800000000",
    ],
)
def test_time_that_can_mean_only_one_moment_is_read(tmp_path: Path, moment: str) -> None:
    assert _at(tmp_path, moment).times == [NOON]


def test_epoch_by_magnitude_and_a_time_without_zone_are_said(tmp_path: Path) -> None:
    assert _at(tmp_path, "1772452800000").notes.assumed == ["timestamp holds numbers: read as epoch in ms, UTC"]
    assert _at(tmp_path, "2026-03-02 12:00").notes.assumed == ["timestamp names no time zone: read as UTC (readings.time.zone)"]
    assert _at(tmp_path, "2026-03-02 12:00", zone="UTC").notes.assumed == []


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (
            "09-03-26 06:00:00",
            "'09-03-26 06:00:00' (line 2) is no ISO 8601 time: its year has two digits; set readings.time.format in site.yaml",
        ),
        ("09-Mar-26 06:00:00", "its year has two digits"),
        ("09/03/2026 06:00", "day or month first? set readings.time.format in site.yaml: '%d/%m/%Y %H:%M' or '%m/%d/%Y %H:%M'"),
        ("13.03.2026", "day or month first? set readings.time.format in site.yaml: '%d.%m.%Y' or '%m.%d.%Y'"),
        ("46083.5", "'46083.5' is no ISO 8601 time (line 2); set readings.time.format in site.yaml"),
    ],
)
def test_time_that_could_mean_several_is_refused_with_line_word_and_cure(tmp_path: Path, moment: str, said: str) -> None:
    reason = _refused(tmp_path, moment)
    assert reason.startswith("wrong_type: timestamp: ")
    assert said in reason


def test_times_are_read_as_the_description_says(tmp_path: Path) -> None:
    assert _at(tmp_path, "02.03.2026 12:00:00", format="%d.%m.%Y %H:%M:%S").times == [NOON]
    assert _at(tmp_path, "02-03-26 12:00", format="%d-%m-%y %H:%M").times == [NOON]
    assert _at(tmp_path, "46083.5", format="excel_serial").times == [NOON]
    assert _at(tmp_path, "46083.5", format="excel_serial", zone="America/Chicago").times == ["03-02 18:00"]
    assert _at(tmp_path, "1772452800.5", format="epoch_s").times == [NOON]
    assert _at(tmp_path, "2026-03-02 12:00", zone="America/Chicago").times == ["03-02 18:00"]
    assert _at(tmp_path, "2026-03-02 12:00:00Z", zone="America/Chicago").times == [NOON]
    assert "does not follow '%d.%m.%Y'; set readings.time.format" in _refused(tmp_path, "2026-03-02", format="%d.%m.%Y")


def test_two_digit_year_under_a_pattern_of_four_is_no_time(tmp_path: Path) -> None:
    found = _at(tmp_path, "02.03.2026 12:00", "02.03.26 12:00", format="%d.%m.%Y %H:%M")
    assert found.times == [NOON, None]


def test_clock_that_goes_back_is_placed_by_order(tmp_path: Path) -> None:
    local = ["2026-11-01 00:30", "2026-11-01 01:00", "2026-11-01 01:30", "2026-11-01 01:00", "2026-11-01 01:30", "2026-11-01 02:00"]
    utc = ["11-01 05:30", "11-01 06:00", "11-01 06:30", "11-01 07:00", "11-01 07:30", "11-01 08:00"]
    for rows_per_batch in (1000, 2):
        assert _at(tmp_path, *local, zone="America/Chicago", rows_per_batch=rows_per_batch).times == utc
    assert _at(tmp_path, *reversed(local), zone="America/Chicago").times == utc[::-1]


def test_hourly_times_that_repeat_are_two_hours(tmp_path: Path) -> None:
    local = ["2026-10-31 23:00", "2026-11-01 00:00", "2026-11-01 01:00", "2026-11-01 01:00", "2026-11-01 02:00"]
    assert _at(tmp_path, *local, zone="America/Chicago").times == [
        "11-01 04:00",
        "11-01 05:00",
        "11-01 06:00",
        "11-01 07:00",
        "11-01 08:00",
    ]


def test_hour_that_the_file_has_once_is_named(tmp_path: Path) -> None:
    found = _at(tmp_path, "2026-11-01 00:30", "2026-11-01 01:00", "2026-11-01 02:00", zone="America/Chicago")
    assert found.times == ["11-01 05:30", "11-01 06:00", "11-01 08:00"]
    assert found.notes.assumed == [
        "1 times exist twice in America/Chicago on 2026-11-01, because the clock went back, but the file has them once: "
        "read as following the row before, first at line 3"
    ]


def test_hour_that_the_clock_skipped_has_no_time_and_is_named(tmp_path: Path) -> None:
    found = _at(tmp_path, "2026-03-08 01:30", "2026-03-08 02:30", "2026-03-08 03:30", zone="America/Chicago")
    assert found.times == ["03-08 07:30", None, "03-08 08:30"]
    assert found.notes.assumed == [
        "1 times do not exist in America/Chicago, because the clock went forward: they are left without a time, first 2026-03-08 02:30:00 (line 3)"
    ]


def test_typed_times_of_any_kind_are_utc(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 2, 12)
    for kind, options in (
        (pa.timestamp("ns"), {"use_deprecated_int96_timestamps": True}),
        (pa.timestamp("ns"), {}),
        (pa.timestamp("ms"), {}),
        (pa.timestamp("us", tz="Europe/Oslo"), {}),
    ):
        assert read(_typed(tmp_path, [moment], kind, **options)).times == [NOON]
    assert read(_typed(tmp_path, [1772452800000], pa.int64())).times == [NOON]
    days = read(_typed(tmp_path, [date(2026, 3, 2)], pa.date32()))
    assert days.times == ["03-02 00:00"]
    assert "timestamp holds days without a time: each is read as midnight" in days.notes.assumed


def test_times_are_aligned_where_told(tmp_path: Path) -> None:
    path = text(tmp_path, HEADER, ROW.replace("00:00:00Z", "11:59:40Z"), ROW.replace("00:00:00Z", "12:00:29Z"))
    assert read(path, align_seconds=60).times == [NOON, NOON]
    assert read(path).times == ["03-02 11:59", NOON]


def test_zone_behind_the_name_of_the_column_is_not_taken_for_utc(tmp_path: Path) -> None:
    row = ROW.replace("T00:00:00Z", " 12:00")
    local = text(tmp_path, HEADER.replace("timestamp", "Timestamp (CST)"), row)
    assert refusal(local).startswith("wrong_type: Timestamp (CST): 'CST' is no known time zone; set readings.time.zone in site.yaml")
    assert read(local, time={"zone": "America/Chicago"}).times == ["03-02 18:00"]
    assert read(text(tmp_path, HEADER.replace("timestamp", "Timestamp [UTC]"), row)).times == [NOON]
