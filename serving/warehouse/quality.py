"""Data quality metrics in the warehouse, by day of readings. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

import psycopg

from serving.schemas import QualityMetric
from serving.warehouse.tables import upsert_quality_metrics

_NAMING: Final = ("by_compressor", "hours_since_reading", "worst")  # parts of the details whose keys are compressors


def replace_quality_metrics(
    connection: psycopg.Connection,
    metrics: Sequence[QualityMetric],
    names: Collection[str],
    measured: Collection[date],
    days: Collection[date],
) -> int:
    """Make `metrics` all there are, of the metrics `names`, on the days `measured` and on days that are none of `days` any more.

    Returns the rows inserted, changed or deleted.
    """
    written = upsert_quality_metrics(connection, metrics)
    gone = """
        DELETE FROM data_quality_metrics
        WHERE metric_name = ANY(%s) AND (metric_timestamp = ANY(%s) OR metric_timestamp <> ALL(%s))
          AND (stage, metric_name, metric_timestamp) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[]))
    """
    keys = [[getattr(metric, name) for metric in metrics] for name in ("stage", "metric_name", "metric_timestamp")]
    return written + connection.execute(gone, [list(names), _midnights(measured), _midnights(days), *keys]).rowcount


def summarize_quality(connection: psycopg.Connection) -> dict[str, Any]:
    """Checks judged and failed in all, and the newest day with what failed on it.

    Of each failure: metric_name, metric_value, limit_is, limit, and the compressors that its details name, by name.
    """
    counts = "SELECT count(passed), count(*) FILTER (WHERE NOT passed), max(metric_timestamp) FROM data_quality_metrics"
    checks, failed, newest = connection.execute(counts).fetchone() or (0, 0, None)
    query = """
        SELECT metric_name, metric_value, details ->> 'limit_is', (details ->> 'limit')::float8, details
        FROM data_quality_metrics WHERE metric_timestamp = %s AND NOT passed ORDER BY metric_name
    """
    fields = ("metric_name", "metric_value", "limit_is", "limit", "compressors")
    rows = connection.execute(query, [newest]).fetchall()
    failures = [dict(zip(fields, (*row[:-1], _named(row[-1])), strict=True)) for row in rows]
    day = None if newest is None else newest.date().isoformat()
    return {
        "checks": checks,
        "failed": failed,
        "newest_day": day,
        "failed_on_newest_day": failures,
    }


def _named(details: Mapping[str, Any]) -> list[str]:
    return sorted({name for part in _NAMING for name in details.get(part, ())})


def _midnights(days: Collection[date]) -> list[datetime]:
    return [datetime.combine(day, time(), UTC) for day in days]
