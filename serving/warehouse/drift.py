"""What monitoring measured and decided, in the warehouse. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import psycopg
from psycopg.rows import class_row

from serving.warehouse.tables import Table, upsert_rows

_METRICS: Final = Table("drift_metrics", ("model_version", "kind", "name", "metric_timestamp"), "metric_timestamp")
_DECISIONS: Final = Table("drift_decisions", ("model_version", "metric_timestamp"))


@dataclass(frozen=True)
class DriftMetric:
    """The distance of one feature, or of the predictions, from a model's reference. None: too little data.

    It covers the days before `metric_timestamp`.
    """

    metric_timestamp: datetime
    model_version: str
    kind: Literal["feature", "prediction"]
    name: str
    psi: float | None
    psi_by_chance: float | None
    ks: float | None
    p_value: float | None
    p_adjusted: float | None
    effect: float | None
    drifted: bool
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DriftDecision:
    """What follows from the metrics of one moment and one model."""

    metric_timestamp: datetime
    model_version: str
    drift: bool
    prediction_psi: float | None
    retrain: bool
    reasons: list[str]
    details: Mapping[str, Any] = field(default_factory=dict)


def upsert_drift(connection: psycopg.Connection, metrics: Iterable[DriftMetric], decision: DriftDecision) -> int:
    """Write what one monitoring measured and decided; returns the rows inserted or changed."""
    return upsert_rows(connection, _METRICS, DriftMetric, metrics) + upsert_rows(connection, _DECISIONS, DriftDecision, [decision])


def newest_decision(connection: psycopg.Connection, model_version: str, as_of: datetime) -> DriftDecision | None:
    """The newest decision about `model_version` at or before `as_of`."""
    query = """
        SELECT metric_timestamp, model_version, drift, prediction_psi, retrain, reasons, details
        FROM drift_decisions
        WHERE model_version = %s AND metric_timestamp <= %s
        ORDER BY metric_timestamp DESC
        LIMIT 1
    """
    with connection.cursor(row_factory=class_row(DriftDecision)) as cursor:
        return cursor.execute(query, [model_version, as_of]).fetchone()
