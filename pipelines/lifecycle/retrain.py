"""altaviz retrain: a challenger from all labelled history up to now, and the gate's verdict on it. Two at once are one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from config.errors import NoChampionError
from config.settings import Settings
from features.contract import CHAMPION
from pipelines.lifecycle.occasion import Occasion, fingerprint
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.moment import choose_moment
from serving.registry.client import Registry
from serving.registry.model_record import ModelRecord
from serving.registry.transitions import FINGERPRINT_TAG, decision_of, settle
from serving.warehouse.decisions import last_drift_training, training_lock
from serving.warehouse.drift import newest_decision
from serving.warehouse.migrations import migrated_warehouse
from training.data.history import open_history

if TYPE_CHECKING:
    import psycopg

    from pipelines.runtime.spark import LazySpark
    from serving.warehouse.connection import Warehouse
    from serving.warehouse.decisions import TrainingLock
    from training.data.history import TrainingHistory


@dataclass(frozen=True)
class _NotNeeded:
    """No training is called for, and why."""

    reason: str


def retrain(settings: Settings, as_of: datetime | None, spark: LazySpark, report: StageReporter, *, if_drifted: bool) -> dict[str, Any]:
    """Train on the training lake and the home's own up to `as_of` (now when None), and let the gate decide.

    With `if_drifted` only when the newest monitoring of the champion calls for it. A training whose result is already there, because another
    one has just done it or nothing has changed since, is not repeated. `spark` is only needed for the gate's unseen fleet, once.
    Returns decision (promoted, refused, not_needed), version, reasons; after a training also what `train` returns.
    Raises MomentError, NoDataError, NoChampionError (`if_drifted` without one), ModelError, ExportError, WarehouseError, EnvironmentSetupError.
    """
    started = time.perf_counter()
    quieten()
    moment = choose_moment(settings, as_of)
    wait = timedelta(seconds=settings.retraining.trigger.lock_wait_s)
    with migrated_warehouse(settings.database, settings.home) as warehouse, training_lock(warehouse, wait) as lock:
        registry = Registry(settings.tracking_uri, ModelRecord(warehouse))
        past = open_history([settings.training_lake_uri, settings.lake_uri], moment)
        with warehouse.connection() as connection:
            settle(registry, connection)
            occasion = _drift_occasion(settings, registry, connection, moment) if if_drifted else Occasion("retrain")
        if isinstance(occasion, Occasion):
            occasion = _known_result(settings, registry, past) or occasion
        if isinstance(occasion, _NotNeeded):
            outcome = {"decision": "not_needed", "version": registry.version_of(CHAMPION), "reasons": [occasion.reason]}
        else:
            outcome = _train(settings, registry, warehouse, lock, past, occasion, spark, report)
    return {**outcome, "as_of": moment, "seconds": round(time.perf_counter() - started, 2)}


def _train(
    settings: Settings,
    registry: Registry,
    warehouse: Warehouse,
    lock: TrainingLock,
    past: TrainingHistory,
    occasion: Occasion,
    spark: LazySpark,
    report: StageReporter,
) -> dict[str, Any]:
    from pipelines.lifecycle.train import train_and_judge  # TensorFlow: only the hour that trains waits for it

    result, verdict = train_and_judge(settings, registry, warehouse, lock, past, occasion, spark, report)
    return {"decision": verdict.decision, "version": verdict.model_version, "reasons": verdict.reasons, **result}


def _drift_occasion(settings: Settings, registry: Registry, connection: psycopg.Connection, moment: datetime) -> Occasion | _NotNeeded:
    """What the newest monitoring of the champion calls for."""
    version = registry.version_of(CHAMPION)
    if version is None:
        raise NoChampionError("there is no champion whose drift could be judged yet: run `altaviz train`")
    drift = newest_decision(connection, version, moment)
    if drift is None:
        return _NotNeeded(f"version {version} has not been monitored up to {_said(moment)}: run `altaviz monitor`")
    if not drift.retrain:
        return _NotNeeded(f"monitoring at {_said(drift.metric_timestamp)} calls for none: {'; '.join(drift.reasons)}")
    cooldown = timedelta(days=settings.retraining.trigger.cooldown_days.value)
    last = last_drift_training(connection, drift.metric_timestamp - cooldown, drift.metric_timestamp)
    if last is not None and last.drift_timestamp is not None:
        return _NotNeeded(
            f"drift at {_said(last.drift_timestamp)} has called for a training (version {last.model_version}, {last.decision}); "
            f"the next one may follow {cooldown.days} days after it"
        )
    return Occasion("drift", drift.metric_timestamp)


def _known_result(settings: Settings, registry: Registry, past: TrainingHistory) -> _NotNeeded | None:
    """The version that the same rows, events, settings and champion have led to already; None when there is none."""
    champion = registry.version_of(CHAMPION)
    for version in registry.versions():
        decision = decision_of(version)
        if decision is None or FINGERPRINT_TAG not in version.tags:
            continue
        champion_after = version.version if decision.decision == "promoted" else decision.previous_version
        if champion == champion_after and version.tags[FINGERPRINT_TAG] == fingerprint(settings, past, decision.previous_version):
            return _NotNeeded(f"version {version.version} has been trained on this very history ({decision.decision})")
    return None


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
