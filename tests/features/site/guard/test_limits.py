"""Small files that would exhaust the reader are refused; wide honest files pass."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.sections.etl import ReadLimits
from features.contract import READING_FIELDS
from features.intake import RefusedFile, SiteReader
from features.site.guard.limits import MB, shipped_limits
from features.site.guard.parquet_pages import weigh
from tests.features.readings import reading, reading_table
from tests.features.site.files import HEADER, ROW, refusal, text
from tests.features.site.workbooks import write_sheets

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def _batches(path: Path, **limits: int) -> Iterator[pa.RecordBatch]:
    reader = SiteReader(limits=shipped_limits().model_copy(update=limits))
    return reader.read(path, path.name, 262_144)


def _why(path: Path, **limits: int) -> str:
    with pytest.raises(RefusedFile) as caught:
        for _ in _batches(path, **limits):
            pass
    return caught.value.reason


def _parquet(path: Path, rows: int, note: pa.Array | None = None, **options: Any) -> Path:
    """Readings that compress to next to nothing, with one more column."""
    first = reading(0)
    columns: dict[str, Any] = {name: pa.repeat(pa.scalar(first[name]), rows) for name in READING_FIELDS}
    if note is not None:
        columns["note"] = note
    pq.write_table(pa.table(columns), path, **{"compression": "zstd", "row_group_size": max(rows, 1), "store_schema": False, **options})
    return path


def _repeated(word: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows), pa.array([word])).cast(pa.string())


def test_a_parquet_file_of_some_kb_is_read_in_batches_bounded_by_bytes(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "bomb.parquet", 30_000, _repeated("x" * 2000, 30_000))
    assert path.stat().st_size < 20_000  # decodes to 62 MB
    sizes = [(batch.num_rows, batch.nbytes) for batch in _batches(path)]
    assert sum(rows for rows, _ in sizes) == 30_000
    assert max(size for _, size in sizes) < 1.1 * shipped_limits().batch_mb * MB


def test_text_that_repeats_what_came_before_is_read_in_bounded_batches(tmp_path: Path) -> None:
    encoding = {"use_dictionary": [], "column_encoding": {"note": "DELTA_BYTE_ARRAY"}}
    path = _parquet(tmp_path / "bomb.parquet", 20_000, _repeated("x" * 2000, 20_000), **encoding)
    assert path.stat().st_size < 20_000  # decodes to 40 MB
    with path.open("rb") as stream:
        assert weigh(stream, pq.read_metadata(path)).row_bytes > 2000
    sizes = [(batch.num_rows, batch.nbytes) for batch in _batches(path, batch_mb=4)]
    assert sum(rows for rows, _ in sizes) == 20_000
    assert max(size for _, size in sizes) < 6 * MB


def test_refused_before_decoding_is_a_parquet_file_with_too_large_pages_or_too_long_lists(tmp_path: Path) -> None:
    words = pa.array([str(number) * 500 for number in range(3000)])
    path = _parquet(tmp_path / "pages.parquet", 3000, words, data_page_size=8 * MB, use_dictionary=False)
    assert _why(path, page_mb=1).startswith("too_large: its pages decode to ")
    lists = pa.array([[1.0] * 300_000, [], []])
    path = _parquet(tmp_path / "lists.parquet", 3, lists)
    assert _why(path, page_mb=1).startswith("too_large: a column of lists decodes to 2 MB at once; the limit is 1 MB ")


def test_lists_and_structs_of_several_row_groups_are_kept_as_text(tmp_path: Path) -> None:
    rows = reading_table([reading(minute) for minute in range(40)])
    rows = rows.append_column("tags", pa.array([[f"w{number % 7}", f"v{number}"] for number in range(40)]))
    rows = rows.append_column("origin", pa.array([{"site": f"s{number % 2}"} for number in range(40)]))
    pq.write_table(rows, tmp_path / "a.parquet", row_group_size=9)
    read = pa.Table.from_batches(_batches(tmp_path / "a.parquet"))
    assert (read["tags"][30].as_py(), read["origin"][30].as_py()) == ('["w2", "v30"]', '{"site": "s0"}')


def test_refused_are_more_rows_columns_or_longer_cells_than_allowed(tmp_path: Path) -> None:
    assert _why(_parquet(tmp_path / "a.parquet", 101), rows=100).startswith("too_large: 101 rows; the limit is 100 ")
    path = _parquet(tmp_path / "b.parquet", 10, _repeated("x" * 60_000, 10))
    assert _why(path).startswith("too_large: a cell of 60,000 bytes; the limit is 32 KB (etl_config.yaml: ingest.limits.cell_kb)")
    path = _parquet(tmp_path / "c.parquet", 2, pa.array([{"a": 1.0, "b": 2.0}] * 2))
    assert _why(path, columns=10).startswith("too_large: 11 columns, nested ones counted apart")
    path = text(tmp_path, f"{HEADER},note", f"{ROW},{'x' * 40_000}")
    assert _why(path).startswith("too_large: a cell of 40,000 bytes")


def test_eight_thousand_columns_are_refused_whatever_the_format(tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(8000)]
    csv = text(tmp_path, ",".join([HEADER, *names]), ",".join([ROW, *["1"] * 8000]))
    line = text(tmp_path, json.dumps({**dict.fromkeys(names, 1)}), name="part.jsonl")
    parquet = tmp_path / "part.parquet"
    pq.write_table(pa.table({name: [1] for name in names}), parquet)
    for path in (csv, line, parquet):
        assert _why(path).startswith("too_large: ")
        assert "ingest.limits.columns" in _why(path)


@pytest.mark.parametrize("content", [b"x" * (3 * MB), b"compressor_id,timestamp\n" + b"y" * (3 * MB) + b"\n"])
def test_a_line_without_an_end_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "part.csv"
    path.write_bytes(content)
    assert _why(path).startswith("too_large: a line is too long; the limit is 1,024 KB ")


def test_long_names_of_columns_are_refused(tmp_path: Path) -> None:
    path = text(tmp_path, f"{HEADER},{'n' * 300_000}", f"{ROW},1")
    assert "ingest.limits.header_kb" in _why(path)


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.zip"])
def test_what_is_packed_is_refused_once_too_much_comes_out(tmp_path: Path, name: str) -> None:
    path, content = tmp_path / name, (ROW + "\n").encode() * 40_000
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(HEADER.encode() + b"\n" + content))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", HEADER.encode() + b"\n" + content)
    assert path.stat().st_size < 30_000
    assert _why(path, decoded_mb=1).startswith("too_large: it unpacks to too much")
    assert sum(batch.num_rows for batch in _batches(path)) == 40_000


def test_parquet_inside_an_archive_is_refused_beyond_what_memory_may_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress(b"PAR1" + b"\0" * (3 * MB)))
    assert _why(path, unpacked_mb=1).startswith("too_large: it unpacks to too much")


def test_json_that_is_nested_without_end_or_holds_half_a_character_is_refused(tmp_path: Path) -> None:
    assert "it is nested too deeply" in refusal(text(tmp_path, '{"a":' + "[" * 200_000, name="a.jsonl"))
    fields = json.dumps({**reading(0), "timestamp": "2026-03-02T00:00:00Z", "note": "\ud800"})
    assert refusal(text(tmp_path, fields, name="b.jsonl")).startswith("unreadable: ")


def test_a_sheet_with_two_cells_at_its_far_ends_is_refused(tmp_path: Path) -> None:
    path = write_sheets(
        tmp_path / "far.xlsx", Data='<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    )
    assert path.stat().st_size < 2000  # 17 billion cells
    assert _why(path, workbook_mb=512).startswith("too_large: its reading process ended with ")


def test_a_broken_page_header_is_no_endless_loop(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "a.parquet", 100)
    chunk = pq.read_metadata(path).row_group(0).column(2)
    content = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset
    content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(bytes(content))
    assert _why(path).startswith("unreadable: a page header of the Parquet file is broken")


def test_a_wide_export_with_hundreds_of_tags_passes(tmp_path: Path) -> None:
    tags = {f"TX.K101.TAG_{number:03}": pa.repeat(pa.scalar(1.5), 1440) for number in range(600)}
    columns = {name: pa.repeat(pa.scalar(reading(0)[name]), 1440) for name in READING_FIELDS}
    path = tmp_path / "wide.parquet"
    pq.write_table(pa.table(columns | tags), path)
    batches = list(_batches(path))
    assert sum(batch.num_rows for batch in batches) == 1440
    assert batches[0].num_columns == 609
    assert batches[0]["tx_k101_tag_599"][0].as_py() == "1.5"


def test_rows_split_by_bytes_keep_their_places(tmp_path: Path) -> None:
    lines = [ROW.replace("100.0", f"{number}.0") for number in range(5)]
    lines[3] = lines[3].replace("3.0,200.0", "bad word,200.0")
    path = text(tmp_path, f"{HEADER},note", *(f"{line},{'x' * 30_000}" for line in lines))
    batches = list(_batches(path, batch_mb=1))
    assert [value for batch in batches for value in batch["operating_hours"].to_pylist()] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert isinstance(shipped_limits(), ReadLimits)
