"""Wall-clock times of a zone as UTC.

When the clock goes back, an hour exists twice. The order in the file decides which one a row means.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import polars as pl

from features.site.notes import FileNotes, Locate

_HOUR: Final = timedelta(hours=1)


@dataclass
class _Course:
    """How the times of one key have moved so far."""

    last: datetime | None = None
    step: timedelta | None = None
    rising: int = 0  # steps forward minus steps back
    passed: set[date] = field(default_factory=set)  # days of a change whose hour has begun again


@dataclass
class WallClock:
    """Converts the local times of one file. Times that order cannot settle are noted."""

    zone: str
    notes: FileNotes
    courses: defaultdict[str | None, _Course] = field(default_factory=lambda: defaultdict(_Course))
    once: dict[tuple[str | None, date], tuple[int, str]] = field(
        default_factory=dict
    )  # (key, day of the change) -> rows seen in one pass, place

    def place(self, local: pl.Series, keys: pl.Series, rows: Sequence[int], locate: Locate) -> pl.Series:
        """UTC; null for a time that the clock skipped.

        `keys` separate independent series: a compressor, or a tag.
        """
        frame = pl.select(
            local=pl.lit(local),
            first=pl.lit(local).dt.replace_time_zone(self.zone, ambiguous="earliest", non_existent="null"),
            second=pl.lit(local).dt.replace_time_zone(self.zone, ambiguous="latest", non_existent="null"),
        )
        skipped = frame.select(pl.col("first").is_null() & pl.col("local").is_not_null()).to_series()
        if skipped.any():
            at = int(skipped.arg_max() or 0)
            self.notes.assume(
                f"{int(skipped.sum())} times do not exist in {self.zone}, because the clock went forward: "
                f"they are left without a time, first {local[at]} ({locate(int(rows[at]))})"
            )
        twice = frame.select((pl.col("first") != pl.col("second")).fill_null(False)).to_series()
        second = pl.Series(pl.repeat(False, len(local), eager=True))
        if twice.any():
            second = pl.Series(self._second_pass(local.to_list(), keys.to_list(), twice.to_list(), rows, locate), dtype=pl.Boolean)
        self._remember(local, keys)
        chosen = pl.when(pl.lit(second)).then(pl.col("second")).otherwise(pl.col("first"))
        return frame.select(chosen.dt.convert_time_zone("UTC")).to_series()

    def _second_pass(
        self, local: list[datetime | None], keys: list[str | None], twice: list[bool], rows: Sequence[int], locate: Locate
    ) -> list[bool]:
        """Whether each row lies in the second of two equal hours.

        A step back begins it, and so does a repeated hourly time.
        """
        falling = self._fall(local, keys)
        found = []
        for at, (moment, key, doubled) in enumerate(zip(local, keys, twice, strict=True)):
            course = self.courses[key]
            if moment is None:
                found.append(False)
                continue
            step = None if course.last is None else moment - course.last
            if doubled:
                day = moment.date()
                back = step is not None and step != timedelta(0) and (step > timedelta(0)) == (key in falling)
                repeated = step == timedelta(0) and course.step is not None and abs(course.step) >= _HOUR
                if (back or repeated) and course.last is not None and abs(course.last - moment) <= _HOUR:
                    course.passed.add(day)
                count, place = self.once.get((key, day), (0, locate(int(rows[at]))))
                self.once[key, day] = (count + 1, place)
                found.append((day in course.passed) != (key in falling))
            else:
                found.append(False)
            if step:
                course.step = step
            course.last = moment
        return found

    def _fall(self, local: list[datetime | None], keys: list[str | None]) -> set[str | None]:
        """Keys whose file runs from the newest time to the oldest."""
        last: dict[str | None, datetime] = {}
        rising: defaultdict[str | None, int] = defaultdict(int, {key: course.rising for key, course in self.courses.items()})
        for moment, key in zip(local, keys, strict=True):
            if moment is not None:
                if key in last and moment != last[key]:
                    rising[key] += 1 if moment > last[key] else -1
                last[key] = moment
        return {key for key, steps in rising.items() if steps < 0}

    def _remember(self, local: pl.Series, keys: pl.Series) -> None:
        """The last time and step of each key, for the rows that come after this batch."""
        ends = pl.DataFrame({"key": keys, "local": local}).drop_nulls("local").group_by("key", maintain_order=True)
        for key, last, before, rising in ends.agg(
            pl.col("local").last().alias("last"),
            pl.col("local").get(-2, null_on_oob=True).alias("before"),
            (pl.col("local").last() > pl.col("local").first()).alias("rising"),
        ).iter_rows():
            course = self.courses[key]
            course.step = last - before if before is not None else last - course.last if course.last is not None else course.step
            course.last = last
            course.rising += 1 if rising else -1 if before is not None else 0

    def finish(self) -> None:
        """Note the hours that the file has only once: their rows may lie before or after the change."""
        single = {key_day: seen for key_day, seen in self.once.items() if key_day[1] not in self.courses[key_day[0]].passed}
        if single:
            rows = sum(count for count, _ in single.values())
            day, place = min((day, place) for (_, day), (_, place) in single.items())
            self.notes.assume(
                f"{rows} times exist twice in {self.zone} on {day}, because the clock went back, but the file has them once: "
                f"read as following the row before, first at {place}"
            )
