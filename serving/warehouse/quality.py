"""Data quality metrics in the warehouse, by day of readings. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

import psycopg

from serving.schemas import QualityMetric
from serving.warehouse.tables import upsert_quality_metrics

# Written by every `altaviz features`, and judged by nobody: how the lake's rows add up, and what lies in quarantine.
BOOKS: Final = "lake_rows"
QUARANTINE: Final = "quarantined_files"


def replace_quality_metrics(
    connection: psycopg.Connection,
    metrics: Sequence[QualityMetric],
    names: Collection[str],
    measured: Collection[date],
    days: Collection[date],
) -> int:
    """Make `metrics` all there are of the metrics `names`, on the days `measured` and on days outside `days`.

    Returns the rows inserted, changed or deleted.
    """
    written = upsert_quality_metrics(connection, metrics)
    deletion = """
        DELETE FROM data_quality_metrics
        WHERE metric_name = ANY(%s) AND (metric_timestamp = ANY(%s) OR metric_timestamp <> ALL(%s))
          AND (stage, metric_name, metric_timestamp) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[]))
    """
    keys = [[getattr(metric, name) for metric in metrics] for name in ("stage", "metric_name", "metric_timestamp")]
    return written + connection.execute(deletion, [list(names), _midnights(measured), _midnights(days), *keys]).rowcount


def summarize_quality(connection: psycopg.Connection) -> dict[str, Any]:
    """The number of checks judged and failed, and the newest day with its failed checks.

    Each has metric_name, metric_value, limit_is and limit. The compressors that fail are in `failing`, value by name. None means that the check
    is about the fleet.
    """
    counts = "SELECT count(passed), count(*) FILTER (WHERE NOT passed), max(metric_timestamp) FROM data_quality_metrics"
    checks, failed, newest = connection.execute(counts).fetchone() or (0, 0, None)
    query = """
        SELECT metric_name, metric_value, details ->> 'limit_is', (details ->> 'limit')::float8, details -> 'failing'
        FROM data_quality_metrics WHERE metric_timestamp = %s AND NOT passed ORDER BY metric_name
    """
    fields = ("metric_name", "metric_value", "limit_is", "limit", "failing")
    rows = connection.execute(query, [newest]).fetchall()
    day = None if newest is None else newest.date().isoformat()
    return {
        "checks": checks,
        "failed": failed,
        "newest_day": day,
        "failed_on_newest_day": [dict(zip(fields, row, strict=True)) for row in rows],
    }


def _midnights(days: Collection[date]) -> list[datetime]:
    return [datetime.combine(day, time(), UTC) for day in days]
