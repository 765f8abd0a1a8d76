"""Guesses a first site.yaml from names, ranges, units and times, each line with its confidence."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import polars as pl

from config.sections.thresholds import ThresholdsConfig
from config.site.units import CONTRACT_UNITS, OPERATING_HOURS, UnknownUnit, conversion, is_unit
from features.contract import DISCHARGE_PRESSURE, DISCHARGE_TEMP, GAS_FLOW, HORSEPOWER, SENSORS, SUCTION_PRESSURE, VIBRATION
from features.site.columns import recognise, split_unit
from features.site.times import CURE, parse_timestamps

Confidence = Literal["high", "medium", "low"]

# Words in names of columns and tags, English and German. More words give more weight.
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    VIBRATION: (r"vib", r"schwing", r"velocity", r"^vt?[_\d]*$"),
    DISCHARGE_TEMP: (r"temp", r"disch.*temp|temp.*disch|t_?d(is)?$|^td|end.?temp|^tt"),
    SUCTION_PRESSURE: (r"press|druck|^p", r"suc|saug|inlet|^p_?s|in$", r"suc.*pres|pres.*suc|saugdruck|^ps"),
    DISCHARGE_PRESSURE: (r"press|druck|^p", r"disch|outlet|end.?druck|^p_?d|out$", r"disch.*pres|pres.*disch|^pd"),
    HORSEPOWER: (r"power|leistung|^kw|^hp|load", r"horse|shaft|bhp"),
    GAS_FLOW: (r"flow|menge|fluss|rate|^f[it]|mcf|scf", r"gas"),
    OPERATING_HOURS: (r"hour|stunden|hrs|runtime|run.?time|hmr", r"oper|run|betrieb|meter"),
}
_UNITS_TO_TRY: Final[dict[str, tuple[str, ...]]] = {
    VIBRATION: ("mm/s", "in/s"),
    DISCHARGE_TEMP: ("degF", "degC", "K"),
    SUCTION_PRESSURE: ("psig", "barg", "kPag", "MPag"),
    DISCHARGE_PRESSURE: ("psig", "barg", "kPag", "MPag"),
    HORSEPOWER: ("hp", "kW"),
    GAS_FLOW: ("Mcf/day", "MMSCFD", "m3/h", "m3/d", "e3m3/d"),
    OPERATING_HOURS: ("h",),
}
_ID_NAME: Final = re.compile(r"compressor|unit|asset|machine|equipment|anlage|verdichter|maschine|source", re.IGNORECASE)
_TIME_NAME: Final = re.compile(r"time|date|zeit|datum|stamp", re.IGNORECASE)
_QUALITY_NAME: Final = re.compile(r"qual|status|^q$|^ok$|good", re.IGNORECASE)
_GOOD_WORDS: Final = ("good", "ok", "g", "192", "valid")  # 0 is bad in OPC and good elsewhere
_CLOCKS: Final = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", " %I:%M:%S %p", " %I:%M %p")


@dataclass(frozen=True)
class Line:
    """One line of the draft: a key, its value in YAML, and how sure the guess is.

    `decide` is the question that a person must answer.
    """

    key: str
    value: str
    confidence: Confidence
    decide: str | None = None


_MOST_LEVELS: Final = 4  # of a tag before the compressor, such as region and station


@dataclass
class DraftColumn:
    """A column or a tag: its name, and its cells as text."""

    name: str
    cells: pl.Series
    unit: str | None = None  # of a units row

    @property
    def numbers(self) -> pl.Series:
        """The finite numbers, with either decimal sign."""
        text = self.cells.drop_nulls().str.strip_chars()
        values = text.str.replace(",", ".").cast(pl.Float64, strict=False).drop_nulls()
        return values.filter(values.is_finite())

    @property
    def named_unit(self) -> str | None:
        """The unit of the units row, in brackets, or at the end of the name."""
        ends = re.split(r"[\s_\-.]", self.name)
        found = self.unit or split_unit(self.name)[1] or (ends[-1] if len(ends) > 1 else None)
        return found if found and is_unit(found) else None


@dataclass
class Guess:
    """Which series is which sensor."""

    series: DraftColumn
    unit: str | None
    confidence: Confidence
    decide: str | None = None


@dataclass
class Drafter:
    """Guesses from names, units and ranges. `known` are the compressors of the reference file."""

    thresholds: ThresholdsConfig
    known: Collection[str] = field(default_factory=tuple)

    def guess_sensors(self, series: Sequence[DraftColumn]) -> dict[str, Guess]:
        """The best series of each sensor; a sensor that none fits is left out."""
        ranked = sorted(
            ((self._weight(sensor, item), -at, sensor) for sensor in CONTRACT_UNITS for at, item in enumerate(series)), reverse=True
        )
        found: dict[str, Guess] = {}
        taken: set[int] = set()
        for weight, minus_at, sensor in ranked:
            at = -minus_at
            if weight > 0 and sensor not in found and at not in taken and not series[at].numbers.is_empty():
                found[sensor] = self._with_unit(sensor, series[at], weight)
                taken.add(at)
        return found

    def _weight(self, sensor: str, item: DraftColumn) -> float:
        match = recognise(item.name)
        if match is not None:
            return 10.0 - match[1] if match[0] == sensor else 0.0
        name = split_unit(item.name)[0].strip().lower()
        words = sum(bool(re.search(pattern, name)) for pattern in _WORDS[sensor])
        if not words:
            return 0.0
        return words + (0.5 if self._fitting(sensor, item) else 0.0)

    def _with_unit(self, sensor: str, item: DraftColumn, weight: float) -> Guess:
        if recognise(item.name) in ((sensor, 0), (sensor, 1)) and item.named_unit is None:
            return Guess(item, CONTRACT_UNITS[sensor], "high")
        if item.named_unit is not None:
            try:
                conversion(sensor, item.named_unit)
                return Guess(item, item.named_unit, "high" if weight >= 2 else "medium")
            except UnknownUnit:
                pass  # what stands at the end of the name is no unit of this sensor
        fitting = self._fitting(sensor, item)
        if len(fitting) == 1:
            return Guess(item, fitting[0], "medium", "is this the unit? it is guessed from the range of the values")
        if fitting:
            return Guess(item, fitting[0], "low", f"which unit? {' or '.join(fitting)}")
        return Guess(item, CONTRACT_UNITS[sensor], "low", "which unit? no unit brings the values into the normal range")

    def _fitting(self, sensor: str, item: DraftColumn) -> list[str]:
        """Units in which the middle of the values is normal."""
        numbers = item.numbers
        if numbers.is_empty():
            return []
        middle = float(np.median(numbers.to_numpy()))
        if sensor not in SENSORS:
            return list(_UNITS_TO_TRY[sensor]) if middle >= 0 else []
        normal = self.thresholds.sensors[sensor].normal
        if normal is None:
            return []
        slack = 0.15 * (normal.high - normal.low)
        rules = [conversion(sensor, unit) for unit in _UNITS_TO_TRY[sensor]]
        return [rule.unit for rule in rules if normal.low - slack <= middle * rule.factor + rule.offset <= normal.high + slack]

    def guess_id(self, series: Sequence[DraftColumn]) -> tuple[DraftColumn | None, Confidence]:
        """The column of the compressor id."""
        for item in series:
            if self.known and item.cells.drop_nulls().is_in(list(self.known)).any():
                return item, "high"
        for item in series:
            if recognise(item.name) == ("compressor_id", 0) or recognise(item.name) == ("compressor_id", 1):
                return item, "high"
        named = [item for item in series if _ID_NAME.search(item.name)]
        return (named[0], "medium") if named else (None, "low")


def guess_time(series: Sequence[DraftColumn]) -> DraftColumn | None:
    """The column of the time: by name, else the first with cells that resemble times."""
    named = [item for item in series if _TIME_NAME.search(item.name) and not item.cells.drop_nulls().is_empty()]
    dated = [item for item in series if item.cells.drop_nulls().head(20).str.contains(r"\d[-/.:]\d+[-/.:]\d").any()]
    return next((item for item in [*named, *dated] if item in dated), named[0] if named else None)


def time_lines(item: DraftColumn) -> list[Line]:
    """Format and zone of the time column.

    A person decides between day and month where both are possible.
    """
    cells = item.cells.drop_nulls().str.strip_chars()
    lines = [Line("time.column", quoted(item.name), "high")]
    year_first = cells.str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", "$1-$2-$3")
    parsed = pl.select(parse_timestamps(pl.lit(year_first))).to_series()
    zoned = cells.str.contains(r"(Z|UTC|[+-]\d\d(:?\d\d)?)$").all() and cells.str.contains(":", literal=True).all()
    zone = Line("time.zone", "UTC", "low", "which zone are these times in? write an IANA name such as America/Chicago")
    if parsed.null_count() <= len(cells) // 2:
        return lines if zoned else [*lines, zone]
    if cells.str.contains(r"^\d{9,20}(\.\d+)?$").mean() == 1:
        return lines
    serial = cells.cast(pl.Float64, strict=False)
    if serial.null_count() == 0 and serial.is_between(20_000, 80_000).all():
        return [*lines, Line("time.format", "excel_serial", "medium", "are these numbers days of a spreadsheet?"), zone]
    fits = {pattern: fit for pattern in _patterns(cells) if (fit := cells.str.to_datetime(pattern, strict=False).is_not_null().mean())}
    days = {pattern.split(" ")[0]: pattern for pattern, fit in reversed(fits.items()) if fit == max(fits.values())}
    best = list(days.values())[::-1]  # one way to read the clock for each way to read the day
    if not best:
        return [*lines, Line("time.format", "iso", "low", f"how are times such as {cells[0]!r} written? {CURE}"), zone]
    unsure = len(best) > 1
    decide = f"day or month first? the other order is {best[1]}" if unsure else None
    return [*lines, Line("time.format", quoted(best[0]), "low" if unsure else "high", decide), zone]


def _patterns(cells: pl.Series) -> list[str]:
    sign = next((sign for sign in "./-" if cells.str.contains(sign, literal=True).any()), ".")
    year = "%Y" if cells.str.contains(r"\d{4}").any() else "%y"
    dates = (f"%d{sign}%m{sign}{year}", f"%m{sign}%d{sign}{year}", f"%d{sign}%b{sign}{year}")
    return [f"{day}{clock}" for day in dates for clock in _CLOCKS if clock]


def guess_quality(series: Sequence[DraftColumn]) -> tuple[DraftColumn, list[str]] | None:
    """A column of few words, one of which means good."""
    for item in series:
        words = item.cells.drop_nulls().str.strip_chars().unique().to_list()
        good = [word for word in words if word.lower() in _GOOD_WORDS]
        if _QUALITY_NAME.search(item.name) and good and len(words) <= 12:
            return item, good
    return None


@dataclass(frozen=True)
class TagParts:
    """How tags such as TX.K101.VIB name a compressor.

    It follows `before` parts, each ended by `sign`.
    """

    sign: str
    before: int

    @property
    def pattern(self) -> str:
        """The pattern for site.yaml."""
        part = f"[^{self.sign}]+[{self.sign}]"
        return f"^{f'(?:{part}){{{self.before}}}' if self.before else ''}(?P<compressor_id>[^{self.sign}]+)[{self.sign}](?P<tag>.+)$"

    def split(self, tag: str) -> tuple[str, str] | None:
        """Compressor and measurement; None where the tag has too few parts."""
        parts = tag.split(self.sign, self.before + 1)
        return (parts[self.before], parts[-1]) if len(parts) == self.before + 2 else None


def split_tags(tags: Sequence[str], known: Collection[str]) -> TagParts | None:
    """Where the compressor stands in tags such as K101.VIB or TX.K101.VIB. None: nowhere."""
    best, most = None, 0
    for sign in (".", ":", "/", "_", "-"):
        for before in range(_MOST_LEVELS):
            parts = TagParts(sign, before)
            pairs = [pair for pair in map(parts.split, tags) if pair is not None]
            if len(pairs) < len(tags):
                break
            heads, ends = {head for head, _ in pairs}, {end for _, end in pairs}
            known_heads = heads & set(known)
            score = len(tags) - len(heads) - len(ends) + 2 * len(known_heads) + 2
            if score > most and (known_heads or len(heads) > 1 or sign in ".:/"):  # the P of P_SUC and P_DIS is no compressor
                best, most = parts, score
    return best


def quoted(text: str) -> str:
    """Any text as a YAML string."""
    return "'" + text.replace("'", "''") + "'"
