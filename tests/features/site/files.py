"""Tiny reading files and what a site's description makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from config.site.readings import ReadingsSection
from features.contract import READING_FIELDS
from features.intake import FileNotes, RefusedFile, SiteReader

HEADER = ",".join(READING_FIELDS)
ROW = "C-1,2026-03-02T00:00:00Z,3.0,200.0,60.0,1000.0,1400.0,10000.0,100.0"


@dataclass
class Read:
    """What one file became."""

    rows: pl.DataFrame
    notes: FileNotes

    def column(self, name: str) -> list[Any]:
        return self.rows[name].to_list()

    @property
    def times(self) -> list[str]:
        return self.rows["timestamp"].dt.strftime("%m-%d %H:%M").to_list()


def read(path: Path, *, rows_per_batch: int = 1000, station_of: dict[str, str] | None = None, name: str | None = None, **site: Any) -> Read:
    reader = SiteReader(ReadingsSection.model_validate(site), station_of or {})
    name = name or path.name
    frame = pl.from_arrow(pa.Table.from_batches(list(reader.read(path, name, rows_per_batch))))
    assert isinstance(frame, pl.DataFrame)
    return Read(frame, reader.notes[name])


def refusal(path: Path, *, name: str | None = None, **site: Any) -> str:
    with pytest.raises(RefusedFile) as caught:
        list(SiteReader(ReadingsSection.model_validate(site)).read(path, name or path.name, 1000))
    return caught.value.reason


def text(tmp_path: Path, *lines: str, name: str = "part.csv", encoding: str = "utf-8", newline: str = "\n") -> Path:
    path = tmp_path / name
    path.write_bytes(newline.join([*lines, ""]).encode(encoding))
    return path
