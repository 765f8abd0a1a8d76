"""Keeps alerts from predictions up with `ml_predictions`: after each scoring, a withdrawal, or a repair that was entered late."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

import psycopg

from config.settings import Settings
from monitoring.alerts.predictions import PredictionAlertRules, find_prediction_alerts
from serving.warehouse.alerts import Alert, Source, live_since, replace_alerts
from serving.warehouse.prediction_points import (
    alerted,
    earliest,
    last_judged,
    look_back,
    oldest_predictions,
    prediction_alert_lock,
    read_life_ends,
    read_points,
    record_judged,
    recorded_since,
    rejected_models,
)

SOURCES: Final[tuple[Source, ...]] = ("prediction",)
_PER_PASS: Final = 500  # compressors whose predictions are in memory at a time
_LATE_COMMIT: Final = timedelta(hours=1)  # a transaction that lasted this long may have entered a repair unseen


def sync_prediction_alerts(connection: psycopg.Connection, settings: Settings, changed: Mapping[str, datetime]) -> int:
    """Bring alerts up to the predictions, in the caller's transaction. Returns the rows inserted, changed or deleted.

    changed: by compressor, the oldest moment of a prediction that was written, marked or unmarked. Repairs that were entered since the
    last time are found here. Changed limits, or a model that was rejected, recompute everything.
    """
    rules = PredictionAlertRules.of(settings.quality, settings.scoring.health)
    prediction_alert_lock(connection)
    rejected = rejected_models(connection)
    fingerprint = _fingerprint(settings, rejected)
    judged = last_judged(connection, fingerprint)
    if judged is None:
        restarts = oldest_predictions(connection)
    else:
        entered = recorded_since(connection, judged - _LATE_COMMIT)
        restarts = _restarts(connection, earliest(chain(changed.items(), entered.items())), rules, rejected)
    written = _rewrite(connection, restarts, rules, rejected)
    record_judged(connection, fingerprint)
    return written


def follow_predictions(connection: psycopg.Connection, settings: Settings, changed: Mapping[str, datetime]) -> int:
    """`sync_prediction_alerts` for the prediction service: only the compressors in `changed`, whatever else waits for the hourly cycle."""
    if not changed:
        return 0
    rules = PredictionAlertRules.of(settings.quality, settings.scoring.health)
    prediction_alert_lock(connection)
    rejected = rejected_models(connection)
    return _rewrite(connection, _restarts(connection, changed, rules, rejected), rules, rejected)


def _fingerprint(settings: Settings, rejected: list[str]) -> str:
    """Changes if anything but predictions and repairs changes the result."""
    shaping = {
        "alerts": settings.quality.prediction_alerts.numbers(),
        "health": settings.scoring.health.numbers(),
        "rejected": rejected,
    }
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:16]


def _restarts(
    connection: psycopg.Connection, changed: Mapping[str, datetime], rules: PredictionAlertRules, rejected: list[str]
) -> dict[str, datetime]:
    """By compressor in `changed`: the newest moment with no live alert before it, and with the predictions of an on-delay after it."""
    restarts: dict[str, datetime] = {}
    earlier = changed
    while earlier:  # an alert may have begun while an older one of another type was live
        begins = look_back(connection, earlier, rules.on_delay, rejected)
        restarts.update(begins)
        earlier = live_since(connection, begins, SOURCES)
    return restarts


def _rewrite(connection: psycopg.Connection, restarts: Mapping[str, datetime], rules: PredictionAlertRules, rejected: list[str]) -> int:
    """Find the alerts of each compressor again from its restart on."""
    places = sorted(restarts.items())
    alerts: list[Alert] = []
    for start in range(0, len(places), _PER_PASS):
        since = dict(places[start : start + _PER_PASS])
        points, ends = read_points(connection, since, rejected), read_life_ends(connection, list(since))
        for name in since:
            alerts += find_prediction_alerts(name, points.get(name, ()), ends.get(name, ()), rules)
    # in the order of the key, as all who lock several alerts do
    alerts.sort(key=lambda alert: (alert.compressor_id, alert.alert_type, alert.alert_timestamp))
    reached = alerted(connection, restarts) | {alert.compressor_id for alert in alerts}  # most compressors have no alert, and want none
    return replace_alerts(connection, alerts, {name: restarts[name] for name in sorted(reached)}, SOURCES) if reached else 0
