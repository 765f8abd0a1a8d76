"""Which files below readings/ are read: hidden folders are skipped, and of a Delta table only the files that its log calls live."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import numpy as np
import polars as pl
from deltalake import DeltaTable
from numpy.typing import NDArray

from config.errors import NoReadingsError
from features.site.notes import RefusedFile

_DELTA_LOG: Final = "_delta_log"
_HIVE_NULL: Final = "__HIVE_DEFAULT_PARTITION__"
_READ_BY_US: Final = {"deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck", "typeWidening"}


@dataclass(frozen=True)
class LiveFile:
    """A file of a Delta table: the values of its partition, and which of its rows are still there (None: all)."""

    partition: dict[str, str | None]
    kept: NDArray[np.bool_] | None


def list_reading_files(folder: Path) -> list[Path]:
    """Files below `folder`/readings in natural order (part-2 before part-10), without what is hidden or begins with `_` anywhere in the path.

    Of a Delta table its live files; the folder itself where the table cannot be read: opening it says why.
    Raises NoReadingsError when there is no such folder or nothing in it.
    """
    readings = folder / "readings"
    if not readings.is_dir():
        raise NoReadingsError(f"{readings} is no folder: put Parquet or CSV files of readings there")
    try:
        files = _walk(readings)
    except OSError as error:
        raise NoReadingsError(f"{readings} cannot be listed: {error.strerror}") from error
    if not files:
        raise NoReadingsError(f"{readings} holds no files: put Parquet or CSV files of readings there")
    return sorted(
        files, key=lambda path: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(path.relative_to(readings)))]
    )


def _walk(folder: Path) -> list[Path]:
    if (folder / _DELTA_LOG).is_dir():
        _live_files.cache_clear()
        try:
            return list(_live_files(folder))
        except RefusedFile:
            return [folder]
    found = []
    for path in folder.iterdir():
        if path.name.startswith((".", "_")):
            continue
        if path.is_dir():
            found += _walk(path)
        elif path.is_file():
            found.append(path)
    return found


@lru_cache(maxsize=64)
def _live_files(table: Path) -> Mapping[Path, LiveFile]:
    """The files that hold the table's rows now. Raises RefusedFile where they cannot be read as the log means them."""
    try:
        opened = DeltaTable(table)
        features = set(opened.protocol().reader_features or [])
        if strange := sorted(features - _READ_BY_US) or sorted(
            key for key in opened.metadata().configuration if key == "delta.columnMapping.mode"
        ):
            raise RefusedFile(f"unsupported_format: a Delta table with {', '.join(strange)}; export its rows as Parquet, or turn it off")
        columns = opened.metadata().partition_columns
        actions = pl.DataFrame(opened.get_add_actions(flatten=True))
        deleted = {
            _local(row["filepath"]): np.array(row["selection_vector"], bool) for row in pl.DataFrame(opened.deletion_vectors()).to_dicts()
        }
    except RefusedFile:
        raise
    except Exception as error:  # delta-rs raises many kinds for a log that it cannot follow
        raise RefusedFile(f"unreadable: a Delta table whose log cannot be followed: {' '.join(str(error).split())[:200]}") from error
    found = {}
    for row in actions.to_dicts():
        path = table / unquote(row["path"])
        partition = {name: None if row.get(f"partition.{name}") is None else str(row[f"partition.{name}"]) for name in columns}
        found[path] = LiveFile(partition, deleted.get(_local(str(path))))
    return found


def _local(uri: str) -> str:
    return str(Path(unquote(uri.removeprefix("file://"))).resolve())


def live_file(path: Path) -> LiveFile | None:
    """What the log of the Delta table around `path` says of it; None outside of one. Raises RefusedFile."""
    if path.is_dir():
        _live_files(path)
    for folder in path.parents:
        if (folder / _DELTA_LOG).is_dir():
            found = _live_files(folder).get(path)
            if found is None:
                raise RefusedFile(f"unreadable: {path.name} is no live file of the Delta table {folder.name}")
            return found
    return None


def path_values(name: str) -> dict[str, str]:
    """`key=value` folders of a path below readings/; an empty value is left out."""
    pairs = (part.split("=", 1) for part in Path(name).parts[:-1] if "=" in part)
    return {key: unquote(value) for key, value in pairs if value and value != _HIVE_NULL}


def file_digest(path: Path, told: str = "") -> str:
    """SHA-256 of the content: what makes a file the same file again. `told` is what its path says of its rows. Raises RefusedFile."""
    try:
        live = live_file(path)
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256")
    except OSError as error:
        raise RefusedFile(f"unreadable: {error.strerror}") from error
    if live is not None and live.partition:
        digest.update(repr(sorted(live.partition.items())).encode())
    if told:
        digest.update(told.encode())
    return digest.hexdigest()
