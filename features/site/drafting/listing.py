"""Lists the files below readings/ that are read.

Hidden folders are skipped. Of a Delta table, only live files count.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote

import numpy as np
import polars as pl
from deltalake import DeltaTable
from numpy.typing import NDArray

from config.errors import HomeError, NoReadingsError
from config.plain_text import encodable
from features.site.guard.opening import is_inside, open_inside
from features.site.notes import ChangingFile, RefusedFile

_DELTA_LOG: Final = "_delta_log"
_HIVE_NULL: Final = "__HIVE_DEFAULT_PARTITION__"
_CHUNK: Final = 1 << 20  # bytes
_READ_BY_US: Final = {"deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck", "typeWidening"}


@dataclass(frozen=True)
class LiveFile:
    """A file of a Delta table: its partition values, and which rows are not deleted (None: all)."""

    partition: dict[str, str | None]
    kept: NDArray[np.bool_] | None


def list_reading_files(folder: Path) -> list[Path]:
    """Files below `folder`/readings in natural order (part-2 before part-10).

    Names that are hidden or begin with `_`, anywhere in the path, are left out. A Delta table gives its live
    files. If its log cannot be read, it gives the folder, and opening that reports why. Raises
    NoReadingsError without the folder or without files.
    """
    readings = folder / "readings"
    if not readings.is_dir():
        raise NoReadingsError(f"{readings} is not a folder: put Parquet or CSV files of readings there")
    if not is_inside(readings, folder):
        raise NoReadingsError(
            f"{readings} is a link that leads out of {folder}: put the readings there, or pass the folder that holds them"
        )
    try:
        files = _walk(readings, folder)
    except OSError as error:
        raise NoReadingsError(f"{readings} cannot be listed: {error.strerror}") from error
    if not files:
        raise NoReadingsError(f"{readings} holds no files: put Parquet or CSV files of readings there")
    return sorted(files, key=lambda path: _in_order(str(path.relative_to(readings))))


def _in_order(name: str) -> list[int | str]:
    """The parts of a name, with its numbers as numbers. Every second part is one."""
    return [int(part) if at % 2 else part for at, part in enumerate(re.split(r"(\d+)", name))]


def name_files(folder: Path, files: Iterable[Path]) -> list[tuple[str, Path]]:
    """Each file with its path below `folder`/readings, for tables and reports.

    A byte that is not UTF-8 becomes an escape.
    """
    return [(encodable(str(path.relative_to(folder / "readings"))), path) for path in files]


def _walk(folder: Path, root: Path, within: tuple[str, ...] = ()) -> list[Path]:
    """All files below `folder`.

    Links out of `root`, pipes and the like are listed too: opening them reports why they are refused.
    """
    if (folder / _DELTA_LOG).is_dir():
        _live_files.cache_clear()
        try:
            return list(_live_files(folder))
        except RefusedFile:
            return [folder]
    found, here = [], os.path.realpath(folder)
    for path in folder.iterdir():
        if path.name.startswith((".", "_")):
            continue
        if not path.is_dir() or (path.is_symlink() and not is_inside(path, root)):
            found.append(path)
        elif os.path.realpath(path) not in (*within, here):  # a link to a folder around it has no end
            found += _walk(path, root, (*within, here))
    return found


@lru_cache(maxsize=64)
def _live_files(table: Path) -> Mapping[Path, LiveFile]:
    """The files that hold the table's rows now.

    Raises RefusedFile if they cannot be read as the log means them.
    """
    try:
        _refuse_strange_log(table)
        opened = DeltaTable(table)
        features = set(opened.protocol().reader_features or [])
        if strange := sorted(features - _READ_BY_US) or sorted(
            key for key in opened.metadata().configuration if key == "delta.columnMapping.mode"
        ):
            raise RefusedFile(
                f"unsupported_format: the Delta table uses {', '.join(strange)}; export its rows as Parquet, or turn that feature off"
            )
        columns = opened.metadata().partition_columns
        actions = pl.DataFrame(opened.get_add_actions(flatten=True))
        deleted = {
            _local(row["filepath"]): np.array(row["selection_vector"], bool) for row in pl.DataFrame(opened.deletion_vectors()).to_dicts()
        }
    except RefusedFile:
        raise
    except Exception as error:  # delta-rs raises many kinds for a log that it cannot follow
        raise RefusedFile(
            f"unreadable: the log of the Delta table cannot be read ({' '.join(str(error).split())[:200]}); export its rows as Parquet"
        ) from error
    found = {}
    for row in actions.to_dicts():
        path = table / unquote(row["path"])
        if ".." in path.parts or not path.is_relative_to(table):
            raise RefusedFile("outside_folder: the log of the Delta table names files outside of it; export its rows as Parquet")
        partition = {name: None if row.get(f"partition.{name}") is None else str(row[f"partition.{name}"]) for name in columns}
        found[path] = LiveFile(partition, deleted.get(_local(str(path))))
    return found


def _refuse_strange_log(table: Path) -> None:
    """Raise RefusedFile for a log that holds anything but its own files.

    Otherwise delta-rs would wait for a pipe and follow a link.
    """
    for path in (table / _DELTA_LOG, *(table / _DELTA_LOG).rglob("*")):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise RefusedFile(f"no_file: {path.name} in the log of a Delta table is a link or no file: remove it")


def _local(uri: str) -> str:
    return str(Path(unquote(uri.removeprefix("file://"))).resolve())


def live_file(path: Path) -> LiveFile | None:
    """The entry of `path` in the log of the Delta table around it. None outside of one. Raises RefusedFile."""
    if path.is_dir():
        _live_files(path)
    for folder in path.parents:
        if (folder / _DELTA_LOG).is_dir():
            found = _live_files(folder).get(path)
            if found is None:
                raise RefusedFile(f"unreadable: {path.name} is no live file of the Delta table {folder.name}; export its rows as Parquet")
            return found
    return None


def path_values(name: str) -> dict[str, str]:
    """`key=value` folders of a path below readings/; an empty value is left out."""
    pairs = (part.split("=", 1) for part in Path(name).parts[:-1] if "=" in part)
    return {key: unquote(value) for key, value in pairs if value and value != _HIVE_NULL}


def file_digest(path: Path, path_id: str = "", folder: Path | None = None, copy: Path | None = None) -> str:
    """SHA-256 that identifies a file: of its content, and of `path_id`, the id in its path.

    If `copy` is given, the bytes are written there too. Raises RefusedFile, ChangingFile, HomeError.
    """
    try:
        live = live_file(path)
        with open_inside(path, folder) as stream:
            digest = _hash(stream, path.name, copy)
    except OSError as error:
        raise RefusedFile(f"unreadable: {error.strerror}") from error
    if live is not None and live.partition:
        digest.update(repr(sorted(live.partition.items())).encode())
    if path_id:
        digest.update(path_id.encode())
    return digest.hexdigest()


def _hash(stream: BinaryIO, name: str, copy: Path | None) -> hashlib._Hash:
    before = os.fstat(stream.fileno())
    digest = hashlib.sha256()
    with nullcontext() if copy is None else _copy_to(copy, name) as write:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            if write is not None:
                write(chunk)
    after = os.fstat(stream.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ChangingFile(f"{name} changes while it is read")
    return digest


@contextmanager
def _copy_to(copy: Path, name: str) -> Iterator[Callable[[bytes], None]]:
    """A function that writes bytes to `copy`.

    A copy that cannot be opened, written or closed is no fault of the file: it raises HomeError.
    """

    @contextmanager
    def home_errors() -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HomeError(f"{copy}: {name} cannot be copied there ({error.strerror}): make room on the disk of the home") from error

    def write(chunk: bytes) -> None:
        rest = memoryview(chunk)
        with home_errors():
            while rest:
                rest = rest[target.write(rest) :]

    with home_errors():
        target = copy.open("wb", buffering=0)
    try:
        yield write
    finally:
        with home_errors():
            target.close()
