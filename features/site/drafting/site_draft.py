"""Drafts site.yaml for a folder, from one file of the most common header."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from config.sections.etl import ReadLimits
from config.sections.thresholds import ThresholdsConfig
from config.site.readings import TextFormat
from config.site.units import CONTRACT_UNITS
from features.contract import COMPRESSOR_ID, TIMESTAMP
from features.site.cells import as_text
from features.site.columns import fold
from features.site.drafting.draft import DraftColumn, Drafter, Guess, Line, guess_quality, guess_time, quoted, split_tags, time_lines
from features.site.drafting.listing import path_values
from features.site.formats import open_tables
from features.site.guard.opening import require_inside
from features.site.lines import UNPACKING_ERRORS
from features.site.long import TAG_NAMES, VALUE_NAMES
from features.site.notes import FileNotes, RefusedFile
from features.site.numbers import STATE_WORDS
from features.site.raw import RawTable

_ROWS_LOOKED_AT: Final = 200_000
_MOST_WORDS: Final = 20
_HEAD: Final = """# How this site writes its readings, drafted from {name} ({files} files have its columns).
# Each line ends with its confidence. Answer every line marked DECIDE. Then try it: altaviz ingest FOLDER --check
"""


@dataclass(frozen=True)
class Draft:
    """The text of site.yaml and its lines. `others` are files with different columns."""

    text: str
    lines: list[Line]
    drafted_from: str
    others: list[str]


@dataclass(frozen=True)
class Exports:
    """The reading files of `folder` (name -> path), and the limits for opening them."""

    folder: Path  # no link is followed out of it
    files: Mapping[str, Path]
    limits: ReadLimits

    def open(self, name: str) -> RawTable:
        """The first table of a file. Raises RefusedFile, and what opening it raises."""
        path = self.files[name]
        require_inside(path, self.folder)
        return open_tables(path, TextFormat(), [*TAG_NAMES, *VALUE_NAMES], _ROWS_LOOKED_AT, FileNotes(), self.limits)[0][1]


def draft_site(exports: Exports, known: Collection[str], thresholds: ThresholdsConfig) -> Draft:
    """A draft for the columns that most files have. Raises RefusedFile if none opens.

    `known` are ids of compressors.
    """
    headers: dict[str, tuple[str, ...]] = {}
    refused = "unreadable: no file could be opened"
    for name in exports.files:
        try:
            headers[name] = tuple(exports.open(name).names)
        except (RefusedFile, OSError, pa.ArrowException, *UNPACKING_ERRORS) as error:
            refused = f"{name}: {error}"
    if not headers:
        raise RefusedFile(refused)
    usual, count = Counter(headers.values()).most_common(1)[0]
    name = next(name for name, header in headers.items() if header == usual)
    series = _series(exports.open(name))
    drafter = Drafter(thresholds, known)
    folded = {fold(item.name): item for item in series}
    tag = next((folded[word] for word in TAG_NAMES if word in folded), None)
    value = next((folded[word] for word in VALUE_NAMES if word in folded), None)
    lines = _long_lines(series, tag, value, drafter) if tag is not None and value is not None else _wide_lines(series, name, drafter)
    text = _HEAD.format(name=name, files=count) + _render(lines)
    return Draft(text, lines, name, [other for other, header in headers.items() if header != usual])


def _series(table: RawTable) -> list[DraftColumn]:
    parts: list[list[pa.Array]] = [[] for _ in table.names]
    rows = 0
    for batch in table.batches():
        for part, array in zip(parts, batch.arrays, strict=True):
            part.append(as_text(array))
        rows += len(batch.rows)
        if rows >= _ROWS_LOOKED_AT:
            break
    units = table.units or [""] * len(table.names)
    cells = (pl.Series(pa.chunked_array(part, pa.string())) for part in parts)
    return [DraftColumn(name, cell, unit or None) for name, cell, unit in zip(table.names, cells, units, strict=True)]


def _time(series: Sequence[DraftColumn]) -> list[Line]:
    item = guess_time(series)
    return time_lines(item) if item is not None else [Line("time.column", TIMESTAMP, "low", "which column is the time?")]


def _wide_lines(series: Sequence[DraftColumn], name: str, drafter: Drafter) -> list[Line]:
    lines = [Line("layout", "wide", "high")]
    time = guess_time(series)
    lines += _time(series)
    unit, sure = drafter.guess_id(series)
    if COMPRESSOR_ID in path_values(name):
        unit = None
    elif unit is not None:
        lines.append(Line("compressor_id.column", quoted(unit.name), sure, None if sure == "high" else "is this the compressor?"))
        lines += _names(unit.cells, drafter.known)
    else:
        by_name = next((known for known in sorted(drafter.known, key=len, reverse=True) if known in name), None)
        if by_name is not None:
            pattern = f"(?P<compressor_id>{'|'.join(sorted(drafter.known))})"
            lines.append(Line("compressor_id.path", quoted(pattern), "medium", "does the path hold the id?"))
        else:
            value = min(drafter.known, default="COMP-001")
            lines.append(Line("compressor_id.value", quoted(value), "low", "which compressor is this? no column names it"))
    guesses = drafter.guess_sensors([item for item in series if item is not unit and item is not time])
    lines += _sensor_lines(guesses, "column")
    return [*lines, *_quality(series), *_missing(guesses)]


def _names(cells: pl.Series, known: Collection[str]) -> list[Line]:
    strange = [word for word in cells.drop_nulls().unique(maintain_order=True).to_list() if word not in known][:_MOST_WORDS]
    if not strange or not known:
        return []
    pairs = ", ".join(f"{quoted(word)}: {quoted(word)}" for word in strange)
    doubt = "which compressors of compressor_metadata.csv are these?"
    alike = [
        f"{word} may be {same[0]}"
        for word in strange
        if len(same := [name for name in sorted(known) if _number(name) == _number(word)]) == 1
    ]
    return [Line("compressor_id.names", f"{{{pairs}}}", "low", f"{doubt} by number, {', '.join(alike)}" if alike else doubt)]


def _number(name: str) -> int | None:
    """The number at the end of a name: 101 of K101."""
    digits = re.search(r"\d+$", name)
    return int(digits[0]) if digits else None


def _long_lines(series: Sequence[DraftColumn], tag: DraftColumn, value: DraftColumn, drafter: Drafter) -> list[Line]:
    lines = [
        Line("layout", "long", "high"),
        Line("tag_column", quoted(tag.name), "high"),
        Line("value_column", quoted(value.name), "high"),
        *_time([item for item in series if item is not tag and item is not value]),
    ]
    frame = pl.DataFrame({"tag": tag.cells, "value": value.cells}).drop_nulls("tag")
    tags = frame["tag"].unique(maintain_order=True).to_list()
    unit, sure = drafter.guess_id([item for item in series if item is not tag and item is not value])
    parts = None if unit is not None else split_tags(tags, drafter.known)
    if unit is not None:
        lines.append(Line("compressor_id.column", quoted(unit.name), sure, None if sure == "high" else "is this the compressor?"))
        lines += _names(unit.cells, drafter.known)
    elif parts is not None:
        ends = {tag: pair for tag in tags if (pair := parts.split(tag)) is not None}
        heads = pl.Series(list(dict.fromkeys(head for head, _ in ends.values())), dtype=pl.String)
        found = heads.is_in(list(drafter.known)).all()
        doubt = None if found else "does this part of the tag name the compressor?"
        lines.append(Line("compressor_id.tag", quoted(parts.pattern), "high" if found else "medium", doubt))
        lines += _names(heads, drafter.known)
        frame = frame.with_columns(pl.col("tag").replace_strict({tag: end for tag, (_, end) in ends.items()}, default=None)).drop_nulls(
            "tag"
        )
    else:
        lines.append(
            Line("compressor_id.value", quoted(min(drafter.known, default="COMP-001")), "low", "which compressor is this? no tag names it")
        )
    by_tag = [DraftColumn(name, part["value"]) for (name,), part in frame.partition_by("tag", as_dict=True, maintain_order=True).items()]
    guesses = drafter.guess_sensors(by_tag)
    return [*lines, *_sensor_lines(guesses, "tag"), *_quality(series), *_missing(guesses)]


def _sensor_lines(guesses: Mapping[str, Guess], place: str) -> list[Line]:
    lines = []
    for sensor in CONTRACT_UNITS:
        if sensor in guesses:
            guess = guesses[sensor]
            unit = f", unit: {quoted(guess.unit)}" if guess.unit else ""
            lines.append(Line(f"sensors.{sensor}", f"{{{place}: {quoted(guess.series.name)}{unit}}}", guess.confidence, guess.decide))
    absent = [sensor for sensor in CONTRACT_UNITS if sensor not in guesses]
    if absent:
        lines.append(Line("absent", f"[{', '.join(absent)}]", "low", f"are these not measured? else name their {place} under sensors"))
    return lines


def _quality(series: Sequence[DraftColumn]) -> list[Line]:
    found = guess_quality(series)
    if found is None:
        return []
    item, good = found
    value = f"{{column: {quoted(item.name)}, good: [{', '.join(map(quoted, good))}]}}"
    return [Line("quality", value, "medium", "are these the values that mean good?")]


def _missing(guesses: Mapping[str, Guess]) -> list[Line]:
    words: Counter[str] = Counter()
    for guess in guesses.values():
        cells = guess.series.cells.drop_nulls().str.strip_chars()
        words.update(cells.filter(~cells.str.contains(r"\d") & ~cells.str.to_lowercase().is_in(list(STATE_WORDS))).to_list())
        words.update(word for word in ("-9999", "-999", "-999.25", "9999") if (cells.str.replace(r"\.0+$", "") == word).any())
    if not words:
        return []
    listed = ", ".join(quoted(word) for word, _ in words.most_common(_MOST_WORDS))
    return [Line("missing", f"[{listed}]", "medium", "do these mean no value?")]


def _render(lines: Sequence[Line]) -> str:
    text = ["readings:"]
    group = ""
    for line in lines:
        head, _, leaf = line.key.rpartition(".")
        if head and head != group:
            text.append(f"  {head}:")
        group = head
        comment = f"{line.confidence}; DECIDE: {line.decide}" if line.decide else line.confidence
        text.append(f"{'    ' if head else '  '}{leaf}: {line.value}  # {comment}")
    return "\n".join(text) + "\n"
