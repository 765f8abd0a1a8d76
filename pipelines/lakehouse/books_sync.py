"""Writes the books of the lake to the warehouse, where pages without a lake can read them: rows that add up, and the quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final

import psycopg

from features.lake import SILVER, Lake
from features.quarantine import Refusal, open_refusals
from serving.schemas import QualityMetric
from serving.warehouse.quality import BOOKS, QUARANTINE, replace_quality_metrics

_MOST_FILES: Final = 200  # named; all are counted


@dataclass(frozen=True)
class LakeBooks:
    """Row counts (features.row_counts.count_rows), and the files that wait in quarantine."""

    rows: Mapping[str, Any]
    refused: Mapping[str, Refusal]


def sync_books(connection: psycopg.Connection, lake: Lake, rows: Mapping[str, Any]) -> int:
    """Make the books those of now, on the newest day of readings. Returns the rows inserted, changed or deleted."""
    days = sorted(lake.rows_by_date(SILVER))
    if not days:
        return 0
    metrics = book_metrics(LakeBooks(rows, open_refusals(lake)), datetime.combine(days[-1], time(), UTC))
    return replace_quality_metrics(connection, metrics, [BOOKS, QUARANTINE], days, days)  # one row each: those of earlier runs go


def book_metrics(books: LakeBooks, moment: datetime) -> list[QualityMetric]:
    """The books as metrics that are not judged."""
    counted = {name: books.rows[name] for name in ("bronze_rows", "silver_rows", "gold_rows", "pending_rows")}
    by_reason = {name: books.rows[name] for name in ("rejected_rows", "nulled_values")}
    newest = sorted(books.refused.values(), key=lambda item: item.last_seen, reverse=True)[:_MOST_FILES]
    files = [
        {
            "file": item.file,
            "reason": item.reason,
            "first_seen": item.first_seen.isoformat(),
            "last_seen": item.last_seen.isoformat(),
            "times": item.times,
        }
        for item in newest
    ]
    return [
        QualityMetric(moment, "bronze", BOOKS, float(counted["bronze_rows"]), None, {**counted, **by_reason}),
        QualityMetric(moment, "bronze", QUARANTINE, float(len(books.refused)), None, {"count": len(books.refused), "files": files}),
    ]
