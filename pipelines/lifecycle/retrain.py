"""Trains a challenger on all labelled history up to now: `altaviz retrain`. Two concurrent calls start one training."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from config.errors import NoChampionError
from config.settings import Settings
from features.contract import CHAMPION
from pipelines.lifecycle.model_session import open_session
from pipelines.lifecycle.occasion import Occasion, fingerprint
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.moment import choose_moment
from serving.registry.transitions import FINGERPRINT_TAG, decision_of
from serving.warehouse.decisions import last_drift_training
from serving.warehouse.drift import newest_decision
from training.data.history import open_history

if TYPE_CHECKING:
    from pipelines.lifecycle.model_session import ModelSession
    from pipelines.runtime.spark import LazySpark
    from serving.registry.client import Registry
    from training.data.history import TrainingHistory


@dataclass(frozen=True)
class _NotNeeded:
    """No training is called for, and why."""

    reason: str


def retrain(settings: Settings, as_of: datetime | None, spark: LazySpark, report: StageReporter, *, if_drifted: bool) -> dict[str, Any]:
    """Train on the training lake and the home's own up to `as_of` (None: now). The gate decides.

    With `if_drifted` it trains only when the newest monitoring of the champion calls for it. A training that could only repeat an earlier
    one is skipped. The gate needs `spark` once, for its unseen fleet. Returns decision (promoted, refused, not_needed), version, reasons;
    after a training also what `train` returns. Raises MomentError, NoDataError, NoChampionError (`if_drifted` without one), ModelError,
    ExportError, WarehouseError, EnvironmentSetupError.
    """
    started = time.perf_counter()
    quieten()
    moment = choose_moment(settings, as_of)
    with open_session(settings) as session:
        history = open_history([settings.training_lake_uri, settings.lake_uri], moment)
        occasion = _drift_occasion(session, moment) if if_drifted else Occasion("retrain")
        if isinstance(occasion, Occasion):
            occasion = _known_result(settings, session.registry, history) or occasion
        if isinstance(occasion, _NotNeeded):
            outcome = {"decision": "not_needed", "version": session.registry.version_of(CHAMPION), "reasons": [occasion.reason]}
        else:
            outcome = _train(session, history, occasion, spark, report)
    return {**outcome, "as_of": moment, "seconds": round(time.perf_counter() - started, 2)}


def _train(session: ModelSession, history: TrainingHistory, occasion: Occasion, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    from pipelines.lifecycle.train import train_and_judge  # TensorFlow: only the hour that trains waits for it

    result, decision = train_and_judge(session, history, occasion, spark, report)
    return {"decision": decision.decision, "version": decision.model_version, "reasons": decision.reasons, **result}


def _drift_occasion(session: ModelSession, moment: datetime) -> Occasion | _NotNeeded:
    """Whether the newest monitoring of the champion calls for a training."""
    trigger = session.settings.retraining.trigger
    version = session.registry.version_of(CHAMPION)
    if version is None:
        raise NoChampionError("there is no champion whose drift could be measured: run `altaviz train` first")
    with session.warehouse.connection() as connection:
        drift = newest_decision(connection, version, moment)
        if drift is None:
            return _NotNeeded(f"version {version} has not been monitored up to {_utc(moment)}: run `altaviz monitor`")
        if not drift.retrain:
            return _NotNeeded(f"monitoring at {_utc(drift.metric_timestamp)} calls for none: {'; '.join(drift.reasons)}")
        cooldown = timedelta(days=trigger.cooldown_days.value)
        last = last_drift_training(connection, drift.metric_timestamp - cooldown, drift.metric_timestamp)
    if last is not None and last.drift_timestamp is not None:
        return _NotNeeded(
            f"drift at {_utc(last.drift_timestamp)} already led to a training (version {last.model_version}, {last.decision}); "
            f"the next one may follow {cooldown.days} days after it"
        )
    return Occasion("drift", drift.metric_timestamp)


def _known_result(settings: Settings, registry: Registry, history: TrainingHistory) -> _NotNeeded | None:
    """Name the version that came from the same rows, events, settings and champion; None if there is none."""
    champion = registry.version_of(CHAMPION)
    for version in registry.versions():
        decision = decision_of(version)
        if decision is None or FINGERPRINT_TAG not in version.tags:
            continue
        champion_after = version.version if decision.decision == "promoted" else decision.previous_version
        if champion == champion_after and version.tags[FINGERPRINT_TAG] == fingerprint(settings, history, decision.previous_version):
            return _NotNeeded(f"version {version.version} was trained on the same history and settings ({decision.decision})")
    return None


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
