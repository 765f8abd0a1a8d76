"""The readings of one site: opens each file, matches it with the contract, and yields batches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from config.sections.etl import ReadLimits
from config.site.readings import COMPRESSOR_GROUP, ReadingsSection
from features.contract import COMPRESSOR_ID
from features.site.columns import match_columns
from features.site.drafting.listing import file_digest, live_file, path_values
from features.site.formats import open_tables
from features.site.guard.limits import shipped_limits
from features.site.guard.opening import require_inside
from features.site.lines import UNPACKING_ERRORS
from features.site.long import TAG_NAMES, TIME_NAMES, VALUE_NAMES, LongTable
from features.site.notes import FileNotes, RefusedFile
from features.site.wide import WideTable


@dataclass
class SiteReader:
    """Reads the files of one site by its description.

    `stations` is the station of each compressor. Once a file has been read to its end, `notes` holds what was
    assumed, counted and left out.
    """

    site: ReadingsSection = field(default_factory=ReadingsSection)
    stations: Mapping[str, str] = field(default_factory=dict)
    notes: dict[str, FileNotes] = field(default_factory=dict)
    limits: ReadLimits = field(default_factory=shipped_limits)
    folder: Path | None = None  # no link is followed out of it; None: wherever the caller's path leads

    def digest(self, path: Path, name: str, copy: Path | None = None) -> str:
        """The identity of a file: a hash of its content and of the id in its path.

        If `copy` is given, the bytes are written there too. Raises RefusedFile, ChangingFile.
        """
        self._stay_inside(path)
        return file_digest(path, self._id_of_path(path, name) or "", self.folder, copy)

    def read(self, path: Path, name: str, rows_per_batch: int, copy: Path | None = None) -> Iterator[pa.RecordBatch]:
        """Batches with the nine reading columns, in the contract's types and units.

        Then follows `_flagged_bad`, if the site has a quality column. Further columns follow as text. `name`
        is the path below readings/. `copy` holds the bytes to read if they are not at `path`.

        Raises RefusedFile at the first thing that does not fit. Batches yielded before that must be dropped.
        """
        notes = self.notes[name] = FileNotes()
        try:
            yield from self._read(path, name, rows_per_batch, notes, copy or path)
        except (pa.ArrowException, pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, *UNPACKING_ERRORS) as error:
            cure = "; set readings.format.encoding in site.yaml" if isinstance(error, UnicodeDecodeError) else ""
            raise RefusedFile(f"unreadable: {' '.join(str(error).split())[:200]}{cure}") from error

    def _read(self, path: Path, name: str, rows_per_batch: int, notes: FileNotes, content: Path) -> Iterator[pa.RecordBatch]:
        self._stay_inside(path)
        live = live_file(path)
        constant = self._id_of_path(path, name)
        opened = open_tables(content, self.site.format, self._wanted(), rows_per_batch, notes, self.limits)
        tables = [(member, table.without_deleted(None if live is None else live.kept)) for member, table in opened]
        if self.site.layout == "long":
            for member, table in tables:
                yield from _named(
                    LongTable(self.site, table, constant, self.stations, rows_per_batch, notes, self.limits).batches(), member
                )
            return
        plans = []
        for member, table in tables:
            try:
                plans.append(match_columns(table.names, table.units, self.site, constant, self.stations, notes))
            except RefusedFile as refusal:
                raise RefusedFile(f"{refusal.reason} (in {member})" if member else refusal.reason) from None
        extras = list(dict.fromkeys(plain for plan in plans for _, plain in plan.extras))
        for (member, table), plan in zip(tables, plans, strict=True):
            conversion = WideTable(self.site, plan, table, extras, notes)
            yield from _named(conversion.batches(), member)

    def _stay_inside(self, path: Path) -> None:
        if self.folder is not None:
            require_inside(path, self.folder)

    def _wanted(self) -> list[str]:
        """Column names that help to find the header."""
        site = self.site
        sources = [
            *site.sensors.values(),
            *(source for group in (site.stations, site.compressors) for of in group.values() for source in of.values()),
        ]
        named = [*(source.column for source in sources), site.time.column, site.compressor_id.column, site.tag_column, site.value_column]
        if site.quality is not None:
            named += [site.quality.column, *site.quality.columns.values()]
        if site.layout == "long":
            named += [*TAG_NAMES, *VALUE_NAMES, *TIME_NAMES]
        return [name for name in named if name is not None]

    def _id_of_path(self, path: Path, name: str) -> str | None:
        """The id of the whole file: a constant, or part of its path or partition."""
        source = self.site.compressor_id
        if source.value is not None:
            return source.value
        if source.path is not None:
            found = re.search(source.path, name)
            if found is None:
                raise RefusedFile(f"missing_column: the path {name} does not fit readings.compressor_id.path ({source.path})")
            word = found[COMPRESSOR_GROUP]
            return source.names.get(word, word)
        live = live_file(path)
        keys = {**path_values(name), **({} if live is None else live.partition)}
        key = source.column or COMPRESSOR_ID
        found_word = next((value for given, value in keys.items() if given.lower() == key.lower()), None)
        return source.names.get(found_word, found_word) if found_word is not None else None


def _named(batches: Iterator[pa.RecordBatch], member: str) -> Iterator[pa.RecordBatch]:
    """The same batches. A refusal names the archive member."""
    try:
        yield from batches
    except RefusedFile as refusal:
        raise RefusedFile(f"{refusal.reason} (in {member})" if member else refusal.reason) from None
