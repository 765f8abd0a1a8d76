"""The model as the Model page shows it: decisions, the champion's predictions against what came true, drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from serving.warehouse.decisions import ModelDecision, list_decisions


@dataclass(frozen=True)
class DriftRow:
    """The distance of one feature, or of the predictions, from the model's reference. None: too little data."""

    kind: str
    name: str
    psi: float | None
    psi_by_chance: float | None  # what as many compressors of the reference reach without any drift
    ks: float | None
    p_adjusted: float | None
    effect: float | None
    drifted: bool


@dataclass(frozen=True)
class DriftVerdict:
    """What followed from the drift of one moment."""

    metric_timestamp: datetime
    model_version: str
    drift: bool
    retrain: bool
    prediction_psi: float | None
    reasons: list[str]
    drifted: int  # features
    compared: int


@dataclass(frozen=True)
class OutcomeBand:
    """Predictions whose horizon is over, of one band of predicted failure probability, and the failures that came."""

    band: int  # 0: below 10 %, 9: from 90 %
    predictions: int
    mean_probability: float
    failed_share: float


def decisions(connection: psycopg.Connection) -> list[ModelDecision]:
    """All verdicts on models by the moment, newest first."""
    row = connection.execute("SELECT moment, replay_as_of FROM v_moment").fetchone()
    found = list_decisions(connection)
    if row is None or row[1] is not None:  # a replay's model was made by the clock, long after its data
        return found
    return [item for item in found if item.decided_at <= row[0]]


def champion_of(found: list[ModelDecision]) -> ModelDecision | None:
    """The verdict that made the champion what it is; None before the first. A rollback names the version that it went back to."""
    for item in found:
        if item.decision in ("promoted", "rolled_back"):
            return item
    return None


def drift_verdicts(connection: psycopg.Connection, most: int) -> list[DriftVerdict]:
    """What monitoring decided, newest first."""
    statement = """
        SELECT decision.metric_timestamp, decision.model_version, decision.drift, decision.retrain, decision.prediction_psi, decision.reasons,
               count(metric.name) FILTER (WHERE metric.drifted) AS drifted, count(metric.name) AS compared
        FROM (SELECT * FROM drift_decisions, v_moment WHERE metric_timestamp <= latest ORDER BY metric_timestamp DESC LIMIT %s) AS decision
        LEFT JOIN drift_metrics AS metric ON metric.kind = 'feature'
             AND (metric.model_version, metric.metric_timestamp) = (decision.model_version, decision.metric_timestamp)
        GROUP BY 1, 2, 3, 4, 5, 6
        ORDER BY 1 DESC
    """
    with connection.cursor(row_factory=class_row(DriftVerdict)) as cursor:
        return cursor.execute(statement, [most]).fetchall()


def drift_rows(connection: psycopg.Connection, verdict: DriftVerdict) -> list[DriftRow]:
    """What was measured for one verdict: drifted ones first, then by effect."""
    statement = """
        SELECT kind, name, psi, psi_by_chance, ks, p_adjusted, effect, drifted FROM drift_metrics
        WHERE model_version = %s AND metric_timestamp = %s
        ORDER BY drifted DESC, kind DESC, effect DESC NULLS LAST, name
    """
    with connection.cursor(row_factory=class_row(DriftRow)) as cursor:
        return cursor.execute(statement, [verdict.model_version, verdict.metric_timestamp]).fetchall()


def outcome_bands(connection: psycopg.Connection, days: int, most: int) -> list[OutcomeBand]:
    """Predicted failure probability against failures that came, in ten bands, of the last `days` days.

    A prediction counts when its horizon is over by the moment, and no repair ended the life before: what would have come is not known then.
    The newest usable prediction of a compressor and day counts. A fleet of more than `most` compressors is represented by `most` of them, which
    their ids choose at random and always alike.
    """
    statement = """
        WITH chosen AS (
            SELECT compressor_id FROM compressor_metadata WHERE retired_at IS NULL ORDER BY md5(compressor_id) LIMIT %(most)s
        ),
        judged AS (
            SELECT chosen.compressor_id, newest.*, newest.prediction_timestamp + newest.horizon_days * INTERVAL '1 day' AS until
            FROM chosen
            CROSS JOIN v_moment
            CROSS JOIN LATERAL generate_series(
                date_trunc('day', moment AT TIME ZONE 'UTC') - make_interval(days => %(days)s), moment AT TIME ZONE 'UTC', INTERVAL '1 day'
            ) AS day
            CROSS JOIN LATERAL (
                SELECT own.prediction_timestamp, own.failure_probability::float8 AS probability, own.horizon_days
                FROM ml_predictions AS own
                WHERE own.compressor_id = chosen.compressor_id AND own.status = 'ok' AND own.data_withdrawn_at IS NULL
                  AND own.prediction_timestamp >= day AT TIME ZONE 'UTC' AND own.prediction_timestamp < (day + INTERVAL '1 day') AT TIME ZONE 'UTC'
                ORDER BY own.prediction_timestamp DESC, own.updated_at DESC
                LIMIT 1
            ) AS newest
            WHERE newest.prediction_timestamp + newest.horizon_days * INTERVAL '1 day' <= moment
        ),
        ended AS (
            SELECT judged.*, (
                SELECT event.event_type FROM v_maintenance_events AS event
                WHERE event.compressor_id = judged.compressor_id AND event.event_type IN ('failure', 'scheduled', 'unscheduled')
                  AND event.event_date > judged.prediction_timestamp AND event.event_date <= judged.until
                ORDER BY event.event_date LIMIT 1
            ) AS first_event
            FROM judged
        )
        SELECT least(floor(probability * 10), 9)::int AS band, count(*) AS predictions, avg(probability) AS mean_probability,
               avg((first_event IS NOT DISTINCT FROM 'failure')::int)::float8 AS failed_share
        FROM ended
        WHERE first_event IS NULL OR first_event = 'failure'
        GROUP BY 1 ORDER BY 1
    """
    with connection.cursor(row_factory=class_row(OutcomeBand)) as cursor:
        return cursor.execute(statement, {"days": days, "most": most}).fetchall()


def used_versions(connection: psycopg.Connection) -> Mapping[str, Any]:
    """How many compressors the newest predictions of each version cover."""
    return dict(connection.execute("SELECT model_version, count(*) FROM v_latest_predictions GROUP BY 1 ORDER BY 1").fetchall())
