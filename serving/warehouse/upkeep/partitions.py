"""The monthly partitions of the warehouse's tables: made ahead, and known where retention dropped them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import psycopg

# Of every table with partitions: the month of a moment and some months after it.
_AHEAD: Final = """
    SELECT coalesce(sum(ensure_month_partitions(relname::text, ARRAY(
        SELECT date_trunc('month', %(moment)s::timestamptz, 'UTC') + ahead * INTERVAL '1 month' FROM generate_series(0, %(months)s) AS ahead
    ))), 0)
    FROM pg_class WHERE relkind = 'p' AND relnamespace = current_schema()::regnamespace
"""

Month = tuple[int, int]  # year and month, UTC


def month_of(moment: datetime) -> Month:
    """The UTC month."""
    own = moment.astimezone(UTC)
    return own.year, own.month


def make_partitions_ahead(connection: psycopg.Connection, moment: datetime, months_ahead: int) -> int:
    """Make the partitions of the month of `moment` and of `months_ahead` months after it. Hourly writes then need none. Returns how many were made."""
    row = connection.execute(_AHEAD, {"moment": moment, "months": months_ahead}).fetchone()
    return int(row[0]) if row else 0


def make_partitions(connection: psycopg.Connection, table: str, times: Iterable[datetime]) -> None:
    """Make the partitions that `times` need. Raises psycopg.Error for a month that retention dropped, or that is more than a year ahead."""
    months = {month_of(time): time for time in times}
    connection.execute("SELECT ensure_month_partitions(%s, %s)", [table, list(months.values())])


def dropped_months(connection: psycopg.Connection, table: str, times: Iterable[datetime]) -> set[Month]:
    """The months of `times` that retention dropped."""
    row = connection.execute("SELECT kept_since FROM retention WHERE table_name = %s", [table]).fetchone()
    if row is None:
        return set()
    partitions = (
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = to_regclass(%s) AND NOT inhdetachpending"
    )
    present = {str(name) for (name,) in connection.execute(partitions, [table])}
    return {
        (year, month)
        for year, month in map(month_of, times)
        if (year, month) < month_of(row[0]) and f"{table}_y{year}m{month:02d}" not in present
    }
