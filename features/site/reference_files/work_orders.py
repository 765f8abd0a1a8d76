"""Turns exported work orders into maintenance events. Unmapped words are rejected, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from config.sections.etl import ReadLimits
from config.site.reference_files import HOURS_OF, EventsSection, same_word
from features.contract import COMPRESSOR_ID, EVENT_FIELDS, EVENT_TYPES, MOST_DOWNTIME_HOURS
from features.site.guard.limits import shipped_limits
from features.site.reference_files.cell_values import Decimal, parse_number, parse_time
from features.site.reference_files.reference_file import DUPLICATE, Doubt, ReferenceFile, decimal_of, open_reference, words
from features.site.reference_files.table_file import Header, Row, read_table

UNKNOWN_COMPRESSOR: Final = "unknown_compressor"
_NEEDED: Final = (COMPRESSOR_ID, "event_date", "event_type")
_STATUS: Final = "status"
_MOST_COST_USD: Final = 9_999_999_999.0  # of the warehouse's column
_MOST_SEVERITY_CHARACTERS: Final = 20


def read_events(
    path: Path, section: EventsSection, known: set[str], earliest: datetime, now: datetime, limits: ReadLimits | None = None
) -> ReferenceFile:
    """The maintenance events of `known` compressors in `path`.

    They lie between `earliest` and the end of next year. Of several with one key the last counts. Raises
    MetadataError when the file cannot be read or lacks a column.
    """
    columns: dict[str, str] = {name: name for name in EVENT_FIELDS} | dict(section.columns)
    wanted = columns if section.status is None else columns | {_STATUS: section.status.column}
    needed = dict.fromkeys([*(_NEEDED if section.columns else EVENT_FIELDS), *section.columns, *([_STATUS] if section.status else [])])
    table = read_table(path, section, Header(wanted, list(needed)), limits or shipped_limits())
    file = open_reference(path, table)
    orders = _Orders(
        file=file,
        section=section,
        columns=columns,
        known=known,
        ids=words(section.compressor_ids),
        types=words({name: name for name in EVENT_TYPES}) | words(section.event_types),
        ignored=frozenset(map(same_word, section.ignore)),
        kept=frozenset(map(same_word, section.status.keep)) if section.status else frozenset(),
        decimal=decimal_of(file, table, section, ("downtime_hours", "cost_usd")),
        earliest=earliest,
        end=datetime(now.year + 2, 1, 1, tzinfo=UTC),
    )
    found: dict[tuple[str, datetime, str], tuple[Row, dict[str, Any]]] = {}
    for row in table.rows:
        event = orders.event(row, is_cut=not table.ends_its_lines and row is table.rows[-1])
        if event is None:
            continue
        key = (event[COMPRESSOR_ID], event["event_date"], event["event_type"])
        if key in found:
            earlier = found[key][0]
            cure = f"line {row.line} is the same event, and the one used: keep one of them"
            file.reject(earlier, columns["event_date"], earlier.cells["event_date"], DUPLICATE, cure)
        found[key] = (row, event)
    file.rows = [event for _, event in found.values()]
    return file


@dataclass(frozen=True)
class _Orders:
    """Judges the rows of one file. Every word is compared by `same_word`."""

    file: ReferenceFile
    section: EventsSection
    columns: Mapping[str, str]
    known: set[str]
    ids: Mapping[str, str]
    types: Mapping[str, str]
    ignored: frozenset[str]
    kept: frozenset[str]
    decimal: Decimal
    earliest: datetime
    end: datetime  # the first moment that is too late

    def event(self, row: Row, *, is_cut: bool) -> dict[str, Any] | None:
        """The event of `row`. None if it has none; the file's record holds the reason."""
        if self._is_left_out(row):
            return None
        before = len(self.file.rejected)
        compressor_id = self._compressor(row)
        moment = self._moment(row)
        if compressor_id is not None:
            self.file.named.add(compressor_id)
        if len(self.file.rejected) == before:
            event = self._whole(row, compressor_id, moment, is_cut=is_cut)
            if event is not None:
                return event
        del self.file.rejected[before + 1 :]  # one reason a row: the first
        self.file.doubts.append(Doubt(compressor_id, moment))
        return None

    def _is_left_out(self, row: Row) -> bool:
        """Whether site.yaml excludes the row: no maintenance, or not done yet."""
        word, status = row.cells["event_type"], row.cells.get(_STATUS)
        if word is not None and same_word(word) in self.ignored:
            self.file.left_out["ignored_type"] += 1
        elif self.section.status is not None and (status is None or same_word(status) not in self.kept):
            self.file.left_out["other_status"] += 1
        else:
            return False
        return True

    def _compressor(self, row: Row) -> str | None:
        column = self.columns[COMPRESSOR_ID]
        name = self.file.compressor_of(row, column)
        if name is None:
            return None
        compressor_id = self.ids.get(same_word(name), name)
        if compressor_id not in self.known:
            cure = "add it to the list of compressors, or map it in site.yaml (reference.events.compressor_ids)"
            self.file.reject(row, column, name, UNKNOWN_COMPRESSOR, cure)
            return None
        return compressor_id

    def _moment(self, row: Row) -> datetime | None:
        column, text = self.columns["event_date"], row.cells["event_date"]
        if text is None:
            self.file.reject(row, column, None, "missing_date", "write the date of the work")
            return None
        moment = parse_time(text, self.section.date_formats, self.section.time_zone)
        if moment is None:
            cure = "write YYYY-MM-DD HH:MM:SS with a year of four digits, or set date_formats in site.yaml (reference.events)"
            self.file.reject(row, column, text, "bad_date", cure)
            return None
        if not self.earliest <= moment < self.end:
            years = f"{self.earliest:%Y-%m-%d} to {self.end.year - 1}-12-31"
            self.file.reject(row, column, text, "implausible_date", f"write a date from {years} (etl_config.yaml: ingest.earliest)")
            return None
        return moment

    def _whole(self, row: Row, compressor_id: str | None, moment: datetime | None, *, is_cut: bool) -> dict[str, Any] | None:
        """The event of a row with valid compressor and date. The first fault is recorded."""
        if self.file.reject_ragged(row, self.columns):
            return None
        if is_cut:
            self.file.reject(row, "", "", "cut_off_line", "the last line has no line end: hand over the whole file, or end the line")
            return None
        column, word = self.columns["event_type"], row.cells["event_type"]
        if word is None or same_word(word) not in self.types:
            cure = f"write one of {', '.join(EVENT_TYPES)}, or map the word in site.yaml (reference.events.event_types or ignore)"
            self.file.reject(row, column, word, "unknown_event_type", cure)
            return None
        downtime, cost = self._number(row, "downtime_hours"), self._number(row, "cost_usd")
        hours = None if downtime is None else downtime * HOURS_OF[self.section.downtime_unit]
        most = f"{MOST_DOWNTIME_HOURS:g} h"
        if self._is_bad(row, "downtime_hours", hours, MOST_DOWNTIME_HOURS, f"write a number from 0 to {most}, or leave it empty"):
            return None
        if self._is_bad(row, "cost_usd", cost, _MOST_COST_USD, "write a number from 0 up, or leave it empty"):
            return None
        severity = row.cells.get("severity")
        return {
            COMPRESSOR_ID: compressor_id,
            "event_date": moment,
            "event_type": self.types[same_word(word)],
            "description": row.cells.get("description"),
            "downtime_hours": hours,
            "severity": None if severity is None else severity[:_MOST_SEVERITY_CHARACTERS],
            "cost_usd": cost,
        }

    def _number(self, row: Row, name: str) -> float | None:
        text = row.cells.get(name)
        return None if text is None else parse_number(text, self.decimal)

    def _is_bad(self, row: Row, name: str, number: float | None, most: float, cure: str) -> bool:
        """Whether the cell of `name` holds anything but a number from 0 to `most`."""
        text = row.cells.get(name)
        if text is None or (number is not None and 0 <= number <= most):
            return False
        reason = "bad_number" if number is None else f"implausible_{name.partition('_')[0]}"
        self.file.reject(row, self.columns[name], text, reason, cure)
        return True
