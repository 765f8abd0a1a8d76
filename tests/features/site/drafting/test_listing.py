from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from features.contract import READING_FIELDS
from features.intake import RefusedFile, SiteReader, list_reading_files
from tests.features.readings import reading, reading_table
from tests.features.site.files import HEADER, ROW


def _load(folder: Path) -> pl.DataFrame:
    """All rows below readings/, in the order of the files."""
    reader = SiteReader()
    batches = [
        batch for path in list_reading_files(folder) for batch in reader.read(path, str(path.relative_to(folder / "readings")), 1000)
    ]
    frame = pl.from_arrow(pa.Table.from_batches(batches))
    assert isinstance(frame, pl.DataFrame)
    return frame


def test_hidden_and_underscored_folders_are_skipped_anywhere(tmp_path: Path) -> None:
    for name in (".trash/a.csv", "out/_temporary/0/b.csv", "out/.part/c.csv", "_d.csv", "out/e.csv"):
        path = tmp_path / "readings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert [path.name for path in list_reading_files(tmp_path)] == ["e.csv"]


def test_delta_table_gives_its_live_rows_and_files_once_loaded_keep_their_digest(tmp_path: Path) -> None:
    table = tmp_path / "readings" / "telemetry"
    write_deltalake(table, reading_table([reading(0), reading(10, "C-2")]))
    first = {SiteReader().digest(path, path.name) for path in list_reading_files(tmp_path)}
    write_deltalake(table, reading_table([reading(20)]), mode="append")
    grown = {SiteReader().digest(path, path.name) for path in list_reading_files(tmp_path)}
    assert first < grown
    assert len(grown) == 2
    DeltaTable(table).delete("compressor_id = 'C-2'")
    assert sorted(_load(tmp_path)["compressor_id"].to_list()) == ["C-1", "C-1"]
    assert len(list(table.glob("*.parquet"))) == 3  # the superseded file is still there


def test_partition_of_a_delta_table_is_the_id_and_tells_equal_files_apart(tmp_path: Path) -> None:
    table = tmp_path / "readings" / "telemetry"
    rows = pl.DataFrame(reading_table([reading(0), reading(0, "C 2")]))
    write_deltalake(table, rows, partition_by=["compressor_id"])
    files = list_reading_files(tmp_path)
    assert len({SiteReader().digest(path, "same/name") for path in files}) == 2
    assert sorted(_load(tmp_path)["compressor_id"].to_list()) == ["C 2", "C-1"]


def test_delta_table_that_cannot_be_followed_is_refused_as_one(tmp_path: Path) -> None:
    table = tmp_path / "readings" / "telemetry"
    write_deltalake(table, reading_table([reading(0)]))
    next((table / "_delta_log").iterdir()).write_text("{")
    reader = SiteReader()
    assert [path.name for path in list_reading_files(tmp_path)] == ["telemetry"]
    with pytest.raises(RefusedFile, match="unreadable: the log of the Delta table cannot be read "):
        reader.digest(table, "telemetry")


def test_same_content_of_two_compressors_is_two_files(tmp_path: Path) -> None:
    header, row = HEADER.replace("compressor_id,", ""), ROW.replace("C-1,", "")
    for unit in ("C-1", "C-2"):
        path = tmp_path / "readings" / f"compressor_id={unit}" / "part-0.csv"
        path.parent.mkdir(parents=True)
        path.write_text(f"{header}\n{row}\n")
    files = list_reading_files(tmp_path)
    reader = SiteReader()
    assert len({reader.digest(path, str(path.relative_to(tmp_path / "readings"))) for path in files}) == 2
    assert _load(tmp_path)["compressor_id"].to_list() == ["C-1", "C-2"]
    assert _load(tmp_path).columns == list(READING_FIELDS)
