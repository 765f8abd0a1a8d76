"""JSON lines as a raw table: one object a line, with columns as keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from config.sections.etl import ReadLimits
from config.site.readings import TextFormat
from features.site.cells import cell_text
from features.site.guard.limits import MB, refuse_header
from features.site.lines import Member, find_encoding, open_lines
from features.site.notes import FileNotes, RefusedFile
from features.site.raw import RawBatch, RawTable

_OBJECT_GROWTH: Final = 8  # bytes of Python objects for a byte of JSON


def open_json_lines(member: Member, text_format: TextFormat, rows_per_batch: int, notes: FileNotes, limits: ReadLimits) -> RawTable:
    """The table of a file of objects. Reads it once for the keys. Raises RefusedFile."""
    encoding = find_encoding(member, text_format.encoding, notes)

    def objects() -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Line, its length, and its object."""
        for line, text in enumerate(open_lines(member, encoding, text_format.footer_rows, notes, limits), 1):
            if not text.strip():
                continue
            try:
                value = json.loads(text)
            except (ValueError, RecursionError) as error:
                reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
                raise RefusedFile(f"unreadable: line {line} is no JSON object ({reason}); write one object a line") from error
            if not isinstance(value, dict):
                raise RefusedFile(f"unreadable: line {line} is no JSON object; write one object a line")
            yield line, len(text), value

    found: dict[str, None] = {}
    for _, _, value in objects():
        if not value.keys() <= found.keys():
            found.update(dict.fromkeys(value))
            refuse_header(list(found), limits)
    names = list(found)

    def batches() -> Iterator[RawBatch]:
        held: list[dict[str, Any]] = []
        lines: list[int] = []
        size = 0
        for line, length, value in objects():
            held.append(value)
            lines.append(line - 1)
            size += length
            if len(held) == rows_per_batch or max(size, len(held) * len(names)) * _OBJECT_GROWTH > limits.batch_mb * MB:
                yield _as_text(held, lines, names)
                held, lines, size = [], [], 0
        if held:
            yield _as_text(held, lines, names)

    return RawTable(names, batches, lambda row: f"line {row + 1}", False)


def _as_text(held: list[dict[str, Any]], lines: list[int], names: list[str]) -> RawBatch:
    return RawBatch([pa.array([cell_text(value.get(name)) for value in held], pa.string()) for name in names], lines)
