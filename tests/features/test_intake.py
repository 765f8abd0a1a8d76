from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.errors import NoReadingsError
from features.contract import READING_FIELDS
from features.intake import RefusedFile, SiteReader, file_digest, list_reading_files, read_batches
from tests.features.readings import MONDAY, READING_SCHEMA, reading, reading_table, write_readings

HEADER = ",".join(READING_FIELDS)
LINE = "C-1,2026-03-02T00:00:00,3.0,200.0,60.0,1000.0,1400.0,10000.0,100.0"


def _load(path: Path, rows_per_batch: int = 1000) -> pa.Table:
    return pa.Table.from_batches(read_batches(path, rows_per_batch))


def _refusal(path: Path) -> str:
    with pytest.raises(RefusedFile) as caught:
        list(read_batches(path, 1000))
    return caught.value.reason


def _csv(tmp_path: Path, *lines: str, encoding: str = "utf-8", newline: str = "\n") -> Path:
    path = tmp_path / "part.csv"
    path.write_bytes(newline.join([*lines, ""]).encode(encoding))
    return path


def _parquet(tmp_path: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    path = tmp_path / "part.parquet"
    pq.write_table(change(reading_table([reading(0), reading(10)])), path)
    return path


def _with(name: str, values: list[Any], kind: pa.DataType | None = None) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.column_names.index(name), name, pa.array(values, kind))


def test_parquet_and_csv_of_the_same_readings_are_the_same(tmp_path: Path) -> None:
    parquet = _load(write_readings(tmp_path / "a.parquet", [reading(0)]))
    assert _load(_csv(tmp_path, HEADER, LINE)).equals(parquet)
    assert parquet.schema.equals(READING_SCHEMA)


def test_csv_with_byte_order_mark_windows_line_ends_and_quotes_is_read(tmp_path: Path) -> None:
    quoted = ",".join(f'"{name}"' for name in READING_FIELDS)
    assert _load(_csv(tmp_path, quoted, LINE, encoding="utf-8-sig", newline="\r\n")).to_pylist() == [reading(0)]


def test_columns_may_come_in_any_order(tmp_path: Path) -> None:
    table = _load(_parquet(tmp_path, lambda rows: rows.select(sorted(rows.column_names))))
    assert table.column_names == list(READING_FIELDS)
    assert table.to_pylist() == [reading(0), reading(10)]


def test_further_column_is_kept_as_text_in_lower_case(tmp_path: Path) -> None:
    table = _load(_parquet(tmp_path, lambda rows: rows.append_column("Firmware", pa.array([24, 25]))))
    assert table.column_names == [*READING_FIELDS, "firmware"]
    assert table["firmware"].to_pylist() == ["24", "25"]


def test_numbers_written_as_text_integers_or_decimals_become_numbers(tmp_path: Path) -> None:
    for values, kind in ((["3.0", " 4.5 "], None), ([3, 4], pa.int32()), ([Decimal("3.0"), Decimal("4.5")], pa.decimal128(5, 2))):
        vibration = _load(_parquet(tmp_path, _with("vibration_mms", values, kind)))["vibration_mms"].to_pylist()
        assert vibration == [3.0, float(values[1])]


def test_text_of_a_missing_value_is_null(tmp_path: Path) -> None:
    words = ("", "NA", "n/a", "NaN", "null", "None", "-")
    lines = [LINE.replace("3.0", word, 1) for word in words]
    assert _load(_csv(tmp_path, HEADER, *lines))["vibration_mms"].null_count == len(words)


def test_blank_compressor_id_is_null_and_blanks_around_one_are_cut(tmp_path: Path) -> None:
    assert _load(_parquet(tmp_path, _with("compressor_id", ["  ", " C-1 "])))["compressor_id"].to_pylist() == [None, "C-1"]


def test_timestamp_without_zone_is_utc_and_any_zone_becomes_utc(tmp_path: Path) -> None:
    central = timezone(timedelta(hours=-6))
    moments: list[tuple[list[Any], pa.DataType]] = [
        ([datetime(2026, 3, 2), None], pa.timestamp("ns")),
        ([datetime(2026, 3, 1, 18, tzinfo=central), None], pa.timestamp("ms", tz="America/Chicago")),
        (["2026-03-02", None], pa.string()),
        (["2026-03-02 00:00", None], pa.large_string()),
        (["2026-03-02T00:00:00.000Z", None], pa.string()),
        (["2026-03-01T18:00:00-06:00", None], pa.string()),
    ]
    for values, kind in moments:
        assert _load(_parquet(tmp_path, _with("timestamp", values, kind)))["timestamp"].to_pylist() == [MONDAY, None], kind


def test_time_that_cannot_be_read_costs_its_row_the_timestamp_not_the_file(tmp_path: Path) -> None:
    table = _load(_parquet(tmp_path, _with("timestamp", ["2026-03-02 00:00:00", "soon"])))
    assert table["timestamp"].to_pylist() == [MONDAY, None]


def test_file_without_a_single_time_is_no_file_of_the_wrong_type(tmp_path: Path) -> None:
    assert _load(_csv(tmp_path, HEADER, LINE.replace("2026-03-02T00:00:00", "")))["timestamp"].to_pylist() == [None]


def test_time_that_no_calendar_holds_is_a_missing_timestamp(tmp_path: Path) -> None:
    for unit in ("s", "us"):
        table = _load(_parquet(tmp_path, _with("timestamp", [0, 400_000_000_000 * (1 if unit == "s" else 1_000_000)], pa.timestamp(unit))))
        assert table["timestamp"].to_pylist() == [datetime(1970, 1, 1, tzinfo=UTC), None]


def test_dictionary_encoded_text_is_text(tmp_path: Path) -> None:
    ids = pa.array(["C-1", "C-2"]).dictionary_encode()
    table = _load(_parquet(tmp_path, lambda rows: rows.set_column(0, "compressor_id", ids)))
    assert table["compressor_id"].to_pylist() == ["C-1", "C-2"]


def test_file_with_a_header_and_no_rows_holds_no_rows(tmp_path: Path) -> None:
    assert list(read_batches(_csv(tmp_path, HEADER), 1000)) == []
    assert sum(map(len, read_batches(_parquet(tmp_path, lambda rows: rows.slice(0, 0)), 1000))) == 0


def test_number_of_rows_per_batch_changes_no_row(tmp_path: Path) -> None:
    path = write_readings(tmp_path / "a.parquet", [reading(minute) for minute in range(25)])
    assert _load(path, 7).equals(_load(path, 1000))


def test_refused_is_what_is_neither_parquet_nor_csv(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("call me")
    assert _refusal(path).startswith("unsupported_format: .txt; use one of .parquet, .csv, ")


def test_refused_is_a_file_without_a_column(tmp_path: Path) -> None:
    lacking = lambda rows: rows.drop_columns(["gas_flow_mcf", "timestamp"])  # noqa: E731
    assert _refusal(_parquet(tmp_path, lacking)) == (
        "missing_column: timestamp, gas_flow_mcf; name their columns in site.yaml (readings.sensors), "
        "or list them as absent (readings.absent)"
    )
    assert _refusal(_csv(tmp_path)).startswith("missing_column: compressor_id")


def test_refused_is_a_column_of_the_wrong_type(tmp_path: Path) -> None:
    wrong: dict[str, Callable[[pa.Table], pa.Table]] = {
        "wrong_type: vibration_mms is bool, expected a number": _with("vibration_mms", [True, False]),
        "wrong_type: vibration_mms: ": _with("vibration_mms", ["two", "three"]),
        "wrong_type: compressor_id is int64, expected text": _with("compressor_id", [1, 2]),
        "wrong_type: timestamp is double, expected a timestamp": _with("timestamp", [1.0, 2.0]),
        "wrong_type: timestamp: 'soon' is no ISO 8601 time": _with("timestamp", ["soon", "later"]),
    }
    for reason, change in wrong.items():
        assert _refusal(_parquet(tmp_path, change)).startswith(reason)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Ambient Temp (F)", "ambient_temp_f"),
        ("__index_level_0__", "index_level_0"),
        ("VIBRATION_MMS", "vibration_mms_2"),
        ("7", "column_7"),
        ("", "column_10"),
    ],
)
def test_column_that_nobody_reads_is_kept_under_a_plain_name_and_named(tmp_path: Path, name: str, plain: str) -> None:
    path = _parquet(tmp_path, lambda rows: rows.append_column(name, pa.array([[1], [2]])))
    reader = SiteReader()
    table = pa.Table.from_batches(reader.read(path, "part.parquet", 1000))
    assert table.column_names == [*READING_FIELDS, plain]
    assert table[plain].to_pylist() == ["[1]", "[2]"]
    assert reader.notes["part.parquet"].unused_columns == [name]


def test_refused_is_a_reading_column_given_twice(tmp_path: Path) -> None:
    refusal = _refusal(_csv(tmp_path, f"{HEADER},vibration_mms", f"{LINE},3.0"))
    assert refusal == "bad_column_name: 'vibration_mms' given twice; choose one column in site.yaml (readings.sensors)"


def test_refused_is_a_csv_line_with_too_few_fields(tmp_path: Path) -> None:
    assert _refusal(_csv(tmp_path, HEADER, LINE, "C-1,2026-03-02")).startswith(
        "unreadable: CSV parse error: Expected 9 columns, got 2: line 3: 'C-1,2026-03-02'; "
    )


def test_refused_is_a_file_that_is_cut_off(tmp_path: Path) -> None:
    path = write_readings(tmp_path / "a.parquet", [reading(0)])
    path.write_bytes(path.read_bytes()[:-20])
    assert _refusal(path).startswith("unreadable: ")


def test_refused_is_a_file_with_a_damaged_page_behind_a_valid_footer(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = [reading(minute) for minute in range(5000)]
    pq.write_table(reading_table(rows), path, row_group_size=1000, write_page_checksum=True, compression="snappy")
    content = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(3).column(2).data_page_offset
    content[start : start + 60] = b"\xff" * 60
    path.write_bytes(bytes(content))
    assert _refusal(path).startswith("unreadable: ")


def test_refused_is_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(RefusedFile, match="unreadable: No such file"):
        file_digest(tmp_path / "gone.parquet")


def test_files_are_listed_in_natural_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("part-10.csv", "part-2.csv", "day-1/part-1.csv", ".hidden.csv", "_SUCCESS"):
        (tmp_path / "readings" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "readings" / name).touch()
    listed = [str(path.relative_to(tmp_path / "readings")) for path in list_reading_files(tmp_path)]
    assert listed == ["day-1/part-1.csv", "part-2.csv", "part-10.csv"]


def test_folder_without_readings_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoReadingsError, match="readings is not a folder"):
        list_reading_files(tmp_path)
    (tmp_path / "readings").mkdir()
    with pytest.raises(NoReadingsError, match="readings holds no files"):
        list_reading_files(tmp_path)
