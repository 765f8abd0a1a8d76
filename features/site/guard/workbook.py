"""Workbooks as grids of cells. A separate process reads them and may die (workbook_process.py)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any, Final

from config.errors import HomeError
from config.sections.etl import ReadLimits
from features.site.guard import workbook_process
from features.site.guard.limits import too_large
from features.site.notes import RefusedFile

_LONGEST_S: Final = 600.0  # a full sheet takes about 20 s
_OF_TEXT: Final = {"datetime": datetime.fromisoformat, "date": date.fromisoformat, "time": time.fromisoformat}


@dataclass(frozen=True)
class Workbook:
    """The names of all sheets, and the cells of those that were read."""

    sheet_names: list[str]
    grids: dict[str, list[list[Any]]]


def read_workbook(content: bytes, sheet: str | None, limits: ReadLimits) -> Workbook:
    """All sheets, or only `sheet`; a missing sheet has no grid.

    Raises RefusedFile, and HomeError without room for a temporary file.
    """
    command = [sys.executable, "-P", str(Path(workbook_process.__file__)), str(limits.workbook_mb), str(limits.unpacked_mb)]
    with _temporary_file() as output:
        try:
            done = subprocess.run(
                [*command, *([] if sheet is None else [sheet])], input=content, stdout=output, stderr=subprocess.PIPE, timeout=_LONGEST_S
            )
        except subprocess.TimeoutExpired:
            raise RefusedFile(f"too_large: reading the workbook takes more than {_LONGEST_S:.0f} s; save it as CSV") from None
        reason = " ".join(done.stderr.decode(errors="replace").split())
        if done.returncode == workbook_process.NO_WORKBOOK:
            raise RefusedFile(f"unreadable: no workbook ({reason[:200]}); save it again, or as CSV")
        if done.returncode == workbook_process.NO_ROOM:
            raise _no_room(reason)
        if done.returncode:
            raise too_large(f"its reading process ended with {reason[-100:] or done.returncode}", "workbook_mb", limits.workbook_mb)
        output.seek(0)
        return _gather(output)


def _temporary_file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise _no_room(error.strerror) from error


def _no_room(reason: str | None) -> HomeError:
    """A full disk is no fault of the file."""
    return HomeError(f"a workbook needs a temporary file ({reason}): make room in /tmp, or set TMPDIR to another folder")


def _gather(lines: IO[bytes]) -> Workbook:
    names: list[str] = json.loads(next(lines))["sheets"]
    grids: dict[str, list[list[Any]]] = {}
    rows: list[list[Any]] = []
    for line in lines:
        value = json.loads(line)
        if isinstance(value, dict):
            rows = grids[value["sheet"]] = []
        else:
            rows.append([_cell(cell) for cell in value])
    for grid in grids.values():
        width = max(map(len, grid), default=0)
        for row in grid:
            row.extend([""] * (width - len(row)))
    return Workbook(names, grids)


def _cell(cell: Any) -> Any:
    if not isinstance(cell, list):
        return cell
    kind, value = cell
    return timedelta(seconds=value) if kind == "timedelta" else _OF_TEXT[kind](value)
