"""Times of one file as UTC: ISO, a pattern, epoch numbers or Excel days.

The order in the file decides between the two readings of a repeated hour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from config.site.readings import TimeSource
from features.contract import TIMESTAMP
from features.site.notes import FileNotes, Locate, RefusedFile
from features.site.numbers import is_number, is_text, present_text
from features.site.wall_clock import WallClock

UTC_TIME: Final = pa.timestamp("us", tz="UTC")
CURE: Final = "set readings.time.format in site.yaml"
_FIRST_MOMENT, _LAST_MOMENT = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_PLAIN_TIMES: Final = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
_NAMED_MONTHS: Final = ("%d-%b-%Y %H:%M:%S%.f", "%d-%b-%Y %H:%M", "%d %b %Y %H:%M:%S%.f")
_EPOCHS: Final = {"epoch_s": (1e8, 1e11, 1e6), "epoch_ms": (1e11, 1e14, 1e3), "epoch_us": (1e14, 1e17, 1.0), "epoch_ns": (1e17, 1e20, 1e-3)}
_EXCEL_DAY_0: Final = -2_209_161_600_000_000  # 1899-12-30 in microseconds since 1970
_DAY_US: Final = 86_400_000_000
_FOUR_DIGIT_YEAR: Final = r"^\d{4}-\d{1,2}-\d{1,2}(?:[T ]|$)"
_SHORT_YEAR: Final = re.compile(r"^\d{1,2}[-/.](\d{1,2}|[A-Za-z]{3})[-/.]\d{2}(\D|$)")
_DAY_OR_MONTH: Final = re.compile(r"^\d{1,2}([-/.])\d{1,2}[-/.]\d{4}(.*)$")


def parse_timestamps(text: pl.Expr) -> pl.Expr:
    """ISO 8601 text with a year of four digits, as UTC microseconds.

    Without a zone it is UTC. Null where it is no time.
    """
    zoned, plain = _iso(text)
    return pl.coalesce(zoned, plain.dt.replace_time_zone("UTC"))


def _iso(text: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Times with a zone, in UTC; and times without one, unchanged."""
    clean = text.str.strip_chars()
    spaced = pl.when(clean.str.contains(_FOUR_DIGIT_YEAR)).then(clean).str.replace(r"^([\d-]+)T", "$1 ")
    whole = spaced.str.replace(r"(?: ?Z| UTC)$", "+00:00").str.replace(r"(:\d{2}(?:\.\d+)?) ?([+-]\d{2})$", "$1$2:00")
    zoned = whole.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%z", time_unit="us", time_zone="UTC", strict=False)
    plain = (spaced.str.to_datetime(pattern, time_unit="us", strict=False) for pattern in _PLAIN_TIMES)
    return zoned, pl.coalesce(*plain, spaced.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")))


def _usual_iso(text: pl.Series) -> pl.Series | None:
    """UTC microseconds by a fast path, if every cell names its zone in the usual way; else None."""
    sign = "T" if text.str.contains("T", literal=True).any() else " "
    parsed = text.str.to_datetime(f"%Y-%m-%d{sign}%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False)
    earliest = parsed.min()
    whole = parsed.null_count() == text.null_count() and isinstance(earliest, datetime) and earliest.year >= 1000
    return parsed if whole else None


@dataclass
class TimeReader:
    """Reads the time column of one file. The first filled cells decide the format."""

    source: TimeSource
    notes: FileNotes
    name: str = TIMESTAMP  # of the column, as the file calls it
    kind: str | None = field(init=False)
    clock: WallClock | None = field(init=False)

    def __post_init__(self) -> None:
        self.kind = self.source.format
        self.clock = WallClock(self.source.zone, self.notes) if self.source.zone not in (None, "UTC") else None

    def read(self, column: pa.Array, keys: pl.Series, rows: Sequence[int], locate: Locate) -> pl.Series:
        """UTC microseconds, null where a cell is no time; `keys` are compressor or tag of each row.

        Raises RefusedFile with line, word and what to do.
        """
        kind = column.type
        if pa.types.is_timestamp(kind):
            return self._typed(column, keys, rows, locate)
        if pa.types.is_date(kind):
            self.notes.assume(f"{self.name} holds days without a time: each is read as midnight")
            return self._typed(column.cast(pa.timestamp("us")), keys, rows, locate)
        if pa.types.is_null(kind):
            return pl.Series(pl.repeat(None, len(column), dtype=pl.Datetime("us", "UTC"), eager=True))
        if is_number(kind):
            return self._numbers(pl.Series(column.cast(pa.float64(), safe=False)), f"{kind}", rows, locate)
        if not is_text(kind):
            raise RefusedFile(f"wrong_type: {self.name} is {kind}, expected a timestamp")
        return self._text(pl.Series(present_text(column)), keys, rows, locate)

    def _typed(self, column: pa.Array, keys: pl.Series, rows: Sequence[int], locate: Locate) -> pl.Series:
        if column.type.tz is not None:
            return pl.Series(_on_calendar(column.cast(UTC_TIME, safe=False)))
        known = _on_calendar(column.cast(pa.timestamp("us"), safe=False).cast(UTC_TIME))
        return self._placed(pl.Series(known).dt.replace_time_zone(None), keys, rows, locate)

    def _placed(self, local: pl.Series, keys: pl.Series, rows: Sequence[int], locate: Locate) -> pl.Series:
        """Times that name no zone, in UTC."""
        if self.clock is not None:
            return self.clock.place(local, keys, rows, locate)
        if self.source.zone is None and local.null_count() < len(local):
            self.notes.assume(f"{self.name} names no time zone: read as UTC (readings.time.zone)")
        return local.dt.replace_time_zone("UTC")

    def _text(self, text: pl.Series, keys: pl.Series, rows: Sequence[int], locate: Locate) -> pl.Series:
        present = text.drop_nulls()
        if present.is_empty():
            return pl.Series(pl.repeat(None, len(text), dtype=pl.Datetime("us", "UTC"), eager=True))
        digits = int(present.str.contains(r"^\d{9,20}(\.\d+)?$").sum())
        if self.kind in (*_EPOCHS, "excel_serial") or (self.kind is None and 2 * digits > len(present)):
            numbers = text.cast(pl.Float64, strict=False)
            if numbers.null_count() == len(numbers):
                raise RefusedFile(f"wrong_type: {self.name}: {present[0]!r} ({_place(text, rows, locate)}) is no {self.kind}; {CURE}")
            return self._numbers(numbers, "a number", rows, locate)
        if self.kind is None:
            self.kind = self._settle(text, rows, locate)
        if self.kind == "iso":
            quick = _usual_iso(text)
            if quick is not None:
                return quick
            year_first = pl.lit(text).str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", "$1-$2-$3")
            zoned, plain = pl.select(*(item.alias(name) for name, item in zip("zp", _iso(year_first), strict=True)))
            if zoned.null_count() == text.null_count():
                return zoned
            placed = self._placed(plain, keys, rows, locate)
            return pl.select(pl.coalesce(pl.lit(zoned), pl.lit(placed))).to_series()
        patterns: Sequence[str] = _NAMED_MONTHS if self.kind == "named_month" else (self.kind,)
        if "%z" in patterns[0]:
            parsed = text.str.to_datetime(patterns[0], time_unit="us", time_zone="UTC", strict=False)
        else:
            parsed = pl.select(pl.coalesce(*(_by_pattern(text, pattern) for pattern in patterns))).to_series()
            parsed = self._placed(parsed, keys, rows, locate)
        if parsed.null_count() == len(parsed) and self.source.format is not None:
            raise RefusedFile(
                f"wrong_type: {self.name}: {present[0]!r} ({_place(text, rows, locate)}) does not follow {self.kind!r}; {CURE}"
            )
        return parsed

    def _settle(self, text: pl.Series, rows: Sequence[int], locate: Locate) -> str:
        present = text.drop_nulls()
        year_first = present.str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", "$1-$2-$3")
        if pl.select(parse_timestamps(pl.lit(year_first))).to_series().is_not_null().any():
            return "iso"
        if any(_by_pattern(present, pattern).is_not_null().any() for pattern in _NAMED_MONTHS):
            self.notes.assume(f"{self.name}: {present[0]!r} is read as day, month, year")
            return "named_month"
        word, place = present[0], _place(text, rows, locate)
        if _SHORT_YEAR.match(word):
            raise RefusedFile(f"wrong_type: {self.name}: {word!r} ({place}) is no ISO 8601 time: its year has two digits; {CURE}, with %y")
        if found := _DAY_OR_MONTH.match(word):
            sign, clock = found[1], " %H:%M:%S" if found[2].count(":") == 2 else " %H:%M" if ":" in found[2] else ""
            day, month = (f"'{first}{sign}{second}{sign}%Y{clock}'" for first, second in (("%d", "%m"), ("%m", "%d")))
            raise RefusedFile(
                f"wrong_type: {self.name}: {word!r} ({place}) is no ISO 8601 time: day or month first? {CURE}: {day} or {month}"
            )
        raise RefusedFile(f"wrong_type: {self.name}: {word!r} is no ISO 8601 time ({place}); {CURE}")

    def _numbers(self, numbers: pl.Series, kind: str, rows: Sequence[int], locate: Locate) -> pl.Series:
        present = numbers.drop_nulls()
        if present.is_empty():
            return pl.Series(pl.repeat(None, len(numbers), dtype=pl.Datetime("us", "UTC"), eager=True))
        if self.kind is None or self.kind not in (*_EPOCHS, "excel_serial"):
            size = float(present.median())  # type: ignore[arg-type]
            fitting = [name for name, (low, high, _) in _EPOCHS.items() if low <= size < high]
            if not fitting:
                raise RefusedFile(
                    f"wrong_type: {self.name} is {kind}, expected a timestamp ({present[0]:g} is no epoch time of these years); "
                    f"{CURE}, such as excel_serial"
                )
            self.kind = fitting[0]
            self.notes.assume(f"{self.name} holds numbers: read as {self.kind.replace('_', ' in ')}, UTC")
        if self.kind == "excel_serial":
            millis = (numbers * 86_400_000).round()  # a double holds a day to better than a millisecond
            micros = millis * 1_000 + _EXCEL_DAY_0
            whole = _to_moments(micros)
            return self._placed(whole.dt.replace_time_zone(None), pl.Series(pl.repeat("", len(whole), eager=True)), rows, locate)
        return _to_moments(numbers * _EPOCHS[self.kind][2])


def _to_moments(micros: pl.Series) -> pl.Series:
    inside = pl.lit(micros).is_between(_micros(_FIRST_MOMENT), _micros(_LAST_MOMENT))
    return pl.select(pl.when(inside).then(pl.lit(micros).round()).cast(pl.Int64).cast(pl.Datetime("us", "UTC"))).to_series()


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _on_calendar(moments: pa.Array) -> pa.Array:
    """Null for a time outside the years 1 to 9999: a logger wrote bits, not a time."""
    known = pc.and_(
        pc.greater_equal(moments, pa.scalar(_FIRST_MOMENT, UTC_TIME)), pc.less_equal(moments, pa.scalar(_LAST_MOMENT, UTC_TIME))
    )
    return pc.if_else(known, moments, pa.scalar(None, UTC_TIME))


def _by_pattern(text: pl.Series, pattern: str) -> pl.Series:
    """Local microseconds. A pattern without a time of day gives midnight."""
    timed = any(code in pattern for code in ("%H", "%I", "%M", "%S", "%s", "%T", "%R", "%c", "%X"))
    if timed:
        parsed = text.str.to_datetime(pattern, time_unit="us", strict=False)
    else:
        parsed = text.str.to_date(pattern, strict=False).cast(pl.Datetime("us"))
    if "%Y" in pattern:  # which would read 26 as the year 26
        parsed = pl.select(pl.when(pl.lit(parsed).dt.year() >= 1000).then(pl.lit(parsed))).to_series()
    return parsed


def _place(text: pl.Series, rows: Sequence[int], locate: Locate) -> str:
    return locate(int(rows[int(text.is_not_null().arg_max() or 0)]))
