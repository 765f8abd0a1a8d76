"""Reads a workbook in a separate process with limited memory.

A few kilobytes of sheet can demand all memory there is.

    python workbook_process.py MEMORY_MB OUTPUT_MB [SHEET]      workbook on stdin

Writes JSON lines. The first is `{"sheets": [names of all]}`. Each sheet is `{"sheet": name}`, then its rows as
lists without blank ends. A time is `[kind, ISO text]`. Exit code 3: no workbook; 4: no room for the output.
The reason is on stderr. It imports nothing of Altaviz, so it starts at once.
"""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import sys
from datetime import date, datetime, time, timedelta
from typing import Any, Final

NO_WORKBOOK: Final = 3
NO_ROOM: Final = 4


def main() -> None:
    """Read stdin, write stdout."""
    memory, output = (int(argument) << 20 for argument in sys.argv[1:3])
    for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, output), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    from python_calamine import CalamineError, CalamineWorkbook  # under the limit, and only where a workbook is read

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        _write({"sheets": book.sheet_names})
        wanted = sys.argv[3] if len(sys.argv) > 3 else None
        for name in book.sheet_names if wanted is None else [wanted] if wanted in book.sheet_names else []:
            _write({"sheet": name})
            for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False):
                while row and row[-1] == "":
                    row.pop()
                _write([_cell(cell) for cell in row])
        sys.stdout.flush()
    except CalamineError as error:
        sys.stderr.write(str(error))
        sys.exit(NO_WORKBOOK)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        os.write(sys.stderr.fileno(), os.strerror(error.errno).encode())
        os._exit(NO_ROOM)  # at a usual end Python would try to write the rest, and give a code of its own


def _write(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


def _cell(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return ["datetime", cell.isoformat()]
    if isinstance(cell, (date, time)):
        return [type(cell).__name__, cell.isoformat()]
    return ["timedelta", cell.total_seconds()] if isinstance(cell, timedelta) else cell


if __name__ == "__main__":
    main()
