"""The features of every reading as a CSV file for people."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from config.plain_text import spreadsheet_text
from features.arrays import Doubles
from features.contract import COMPRESSOR_ID, DAY_OF_WEEK, FEATURES, HOUR_OF_DAY, IS_WEEKEND, STATUS_FEATURES, STATUS_LEVELS, TIMESTAMP
from serving.edge.contract import EdgeInputError
from serving.edge.readings import Readings, iso_time


def require_unread(path: Path, sources: Sequence[Path]) -> None:
    """Raise EdgeInputError when `path` is one of the files that are read, also through links."""
    try:
        read = [source for source in sources if path.exists() and source.exists() and path.samefile(source)]
    except OSError as error:
        raise EdgeInputError(f"{path}: cannot be written ({error.strerror})") from error
    if read:
        raise EdgeInputError(f"{path}: is {read[0]}, which is read: choose another file for --features")


def write_features(path: Path, rows: Readings, features: dict[str, Doubles], compressor_ids: Sequence[str]) -> None:
    """Write the features as CSV: a row per reading, statuses as words, empty where gold has null.

    The file is written whole or not at all. Raises EdgeInputError.
    """
    columns = [[_text(name, value) for value in features[name].tolist()] for name in FEATURES]
    keys = ([spreadsheet_text(compressor_ids[unit]) for unit in rows.unit.tolist()], [iso_time(moment) for moment in rows.time_us.tolist()])
    target = Path(os.path.realpath(path))  # through a link: the file is replaced, not the link
    if target.exists() and not target.is_file():
        raise EdgeInputError(f"{path}: is not a file that can be replaced: choose another for --features")
    try:
        with tempfile.TemporaryDirectory(prefix=".features-", dir=target.parent) as aside:
            whole = Path(aside) / target.name
            with whole.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow([COMPRESSOR_ID, TIMESTAMP, *FEATURES])
                writer.writerows(zip(*keys, *columns, strict=True))
                stream.flush()
                os.fsync(stream.fileno())
            whole.replace(target)
    except OSError as error:
        raise EdgeInputError(f"{path}: cannot be written ({error.strerror})") from error


def _text(name: str, value: float) -> str:
    if value != value:
        return ""
    if name in STATUS_FEATURES:
        return STATUS_LEVELS[int(value)]
    return str(int(value)) if name in (HOUR_OF_DAY, DAY_OF_WEEK, IS_WEEKEND) else repr(value)
