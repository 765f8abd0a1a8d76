"""Reference files that would bring an ingest down, or lead it astray."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.errors import ConfigError, MetadataError
from config.sections.fleet import FleetConfig
from config.settings import Settings
from config.site.description import load_site
from config.site.reference_files import CompressorsSection
from features.contract import METADATA_FIELDS
from features.site.guard.limits import shipped_limits
from features.site.reference_files.compressor_list import read_compressors
from features.site.reference_files.reference_file import ReferenceFile
from tests.features.site.workbooks import write_sheets

HEADER = ",".join(METADATA_FIELDS)
NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def fleet(settings: Settings) -> FleetConfig:
    return settings.fleet


def _read(path: Path, fleet: FleetConfig, **limits: int) -> ReferenceFile:
    return read_compressors(path, CompressorsSection(), fleet, NOW, shipped_limits().model_copy(update=limits))


def _to_a_pipe(path: Path) -> None:
    os.mkfifo(path)


def _to_a_link(path: Path) -> None:
    outside = path.parent.parent / "secret.csv"
    outside.write_text("root:x:0:0\n")
    path.symlink_to(outside)


def _to_a_sheet(path: Path) -> None:
    write_sheets(path, Data='<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')


@pytest.mark.parametrize(
    ("name", "make", "why"),
    [
        ("a.csv", _to_a_pipe, "no_file: a.csv is a named pipe"),
        ("a.csv", Path.mkdir, "no_file: a.csv is a folder"),
        ("a.csv", _to_a_link, "outside_folder: a.csv is a link that leads out of"),
        ("a.xlsx", _to_a_sheet, "too_large: its reading process"),
        ("a.csv", lambda path: path.write_text(HEADER + "\n" + "x" * 1_100_000), "is larger than 1 MB"),
        ("a.csv", lambda path: path.write_text("," * 3000 + "\n"), "has 3,001 columns; the limit is 2,000"),
    ],
)
def test_such_a_file_is_refused(name: str, make: Callable[[Path], object], why: str, tmp_path: Path, fleet: FleetConfig) -> None:
    path = tmp_path / "site" / name
    path.parent.mkdir()
    make(path)
    with pytest.raises(MetadataError) as caught:
        _read(path, fleet, workbook_mb=512, reference_mb=1)
    assert why in str(caught.value)
    assert "root:x" not in str(caught.value)


def test_an_id_with_control_characters_costs_its_row(tmp_path: Path, fleet: FleetConfig) -> None:
    path = tmp_path / "compressor_metadata.csv"
    path.write_text(
        f"{HEADER}\nC-\x1b[31m1,Ajax,1340,2020-01-01,STATION-A\nC-3,{'A' * 99},1340,,STATION-A\nC-2,Aj\0ax,1340,2020-01-01,STATION-A\n"
    )
    file = _read(path, fleet)
    assert [(row.reason, row.word) for row in file.rejected] == [("bad_compressor_id", "C-\x1b[31m1")]
    assert [(row["compressor_id"], row["model"]) for row in file.rows] == [("C-3", "A" * 99), ("C-2", "Aj\ufffdax")]


def test_the_description_of_a_site_is_no_link_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "other.yaml").write_text("readings: {}\n")
    (tmp_path / "site" / "site.yaml").symlink_to(tmp_path / "other.yaml")
    with pytest.raises(ConfigError, match="is a link that leads out of"):
        load_site(tmp_path / "site")
    load_site(tmp_path / "site", tmp_path / "other.yaml")
    (tmp_path / "other.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"is not UTF-8 \(byte 0\): save it as UTF-8"):
        load_site(tmp_path / "site", tmp_path / "other.yaml")
