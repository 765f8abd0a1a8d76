"""Compares the last days with the champion's reference and decides about retraining: `altaviz monitor`."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mlflow

from config.errors import ModelError, NoDataError
from config.settings import Settings
from features.contract import COMPRESSOR_ID
from features.grid import read_faults, read_history
from features.lake import GOLD, Lake
from features.model_file.onnx_model import OnnxModel
from monitoring.drift.decision import decide
from monitoring.drift.distances import measure_drift
from monitoring.drift.faulty_sensors import faulty_hours, name_faults
from monitoring.drift.reference import REFERENCE_FILE, Reference
from monitoring.drift.snapshots import take_snapshots
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.mlflow_runs import find_run, tracked_run
from pipelines.runtime.moment import choose_moment
from serving.registry.client import Registry
from serving.registry.model_record import ModelRecord
from serving.warehouse.drift import DriftDecision, DriftMetric, newest_decision, upsert_drift
from serving.warehouse.migrations import migrated_warehouse

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from monitoring.drift.decision import Decision
    from monitoring.drift.distances import Distances
    from monitoring.drift.snapshots import FleetSnapshots
    from serving.registry.model_version import RegisteredModel
    from serving.warehouse.connection import Warehouse

_REPORT_FILE: Final = "monitoring/drift.html"
_KEY_TAG: Final = "altaviz.monitored"  # model version and moment: a repeated monitoring finds its run
_DIGITS: Final = 6
_TICK: Final = timedelta(microseconds=1)  # of the warehouse's clock
_COUNTS: Final = ("compressors", "compared", "current_days", "baseline_days", "reference_weeks")


@dataclass(frozen=True)
class Watched:
    """The champion with what its training fleet looked like."""

    champion: RegisteredModel
    reference: Reference


@dataclass(frozen=True)
class Comparison:
    """The last days as they were looked at, and what came of it."""

    snapshots: FleetSnapshots
    distances: Distances
    decision: Decision
    data_faults: list[dict[str, str]]  # compressor_id, sensor, fault, since: what was left out


def monitor(settings: Settings, as_of: datetime | None, report: StageReporter, *, page: bool = True) -> dict[str, Any]:
    """Compare the days before `as_of` (None: now) with the champion's reference. A repeated moment writes no row twice.

    Returns drift, prediction_psi, features, decision (retrain, reasons) and data_faults (compressors, named): the hours left out. Without
    `page`, the HTML page is only written for drift and for the first monitoring of a day. Raises MomentError, NoChampionError, NoDataError,
    ModelError (no reference), WarehouseError.
    """
    started = time.perf_counter()
    quieten()
    moment = choose_moment(settings, as_of)
    with report.stage("reference"):
        watched = watch_champion(settings)
    with report.stage("compare") as advance:
        compared = compare(settings, watched, Lake(settings.lake_uri).delta(GOLD), moment)
        distances, decision = compared.distances, compared.decision
        advance(1, 1, compressors=distances.compressors, drifted=len(decision.drifted_features), retrain=decision.retrain)
    version = watched.champion.version
    with report.stage("write"), migrated_warehouse(settings.database, settings.home) as warehouse:
        ModelRecord(warehouse).compare_champion(watched.champion)
        wanted = page or decision.drift or _is_first_of_day(warehouse, version, moment)
        written = _write(warehouse, version, moment, compared)
    run_id = None
    if wanted:
        with report.stage("page"):
            run_id = _log(settings, watched, moment, compared)
    return {
        "model_version": version,
        "as_of": moment,
        "drift": decision.drift,
        "prediction_psi": _rounded(distances.prediction_psi),
        "prediction_psi_by_chance": _rounded(distances.prediction_psi_by_chance),
        "features": [
            {
                **{name: _rounded(value) if isinstance(value, float) else value for name, value in asdict(distance).items()},
                "drifted": distance.name in decision.drifted_features,
            }
            for distance in distances.features
        ],
        "decision": {"retrain": decision.retrain, "reasons": decision.reasons},
        "compared": {name: getattr(distances, name) for name in _COUNTS},
        "data_faults": _counted(compared.data_faults),
        "rows_written": written,
        "run_id": run_id,
        "seconds": round(time.perf_counter() - started, 2),
    }


def watch_champion(settings: Settings) -> Watched:
    """The champion and its reference. Raises NoChampionError, ModelError (no reference, or a damaged one)."""
    registry = Registry(settings.tracking_uri)
    champion = registry.champion()
    content = registry.run_file(champion.run_id, REFERENCE_FILE)
    if content is None:
        raise ModelError(
            f"version {champion.version} was registered without a monitoring reference: run `altaviz train` or `altaviz retrain`"
        )
    return Watched(champion, Reference.from_bytes(content))


def compare(settings: Settings, watched: Watched, gold: DeltaTable, moment: datetime) -> Comparison:
    """Look at the days of `gold` before `moment`, measure how far they lie from the reference, and decide. Raises NoDataError.

    Hours with a sensor fault are left out: bad data is not drift.
    """
    config, scoring = settings.monitoring, settings.model.scoring
    days = config.windows.current_days + config.windows.baseline_days
    stride, model = watched.reference.snapshots.stride_hours, OnnxModel(watched.champion.onnx, scoring.threads)
    hours = days * 24 + model.steps
    history, faults = read_history(gold, moment, hours), read_faults(gold, moment, hours)
    if not history.compressor_ids:
        raise NoDataError(
            f"gold has no readings in the {days} days up to {moment:%Y-%m-%dT%H:%M:%S}: ingest newer readings, or choose an earlier --as-of"
        )
    snapshots = take_snapshots(history, model, stride, settings.scoring.min_steps, scoring.batch_size, faulty_hours(history, faults))
    snapshots = snapshots.newest(days * 24 // stride)
    distances = measure_drift(watched.reference, snapshots, config, settings.scoring.health.warning.value)
    data_faults = name_faults(faults)
    return Comparison(snapshots, distances, decide(distances, config.decision, data_faults), data_faults)


def _is_first_of_day(warehouse: Warehouse, version: str, moment: datetime) -> bool:
    with warehouse.connection() as connection:
        newest = newest_decision(connection, version, moment - _TICK)  # not its own row, so that a repeated monitoring does the same
    return newest is None or newest.metric_timestamp.date() < moment.astimezone(UTC).date()


def _write(warehouse: Warehouse, version: str, moment: datetime, compared: Comparison) -> int:
    """Write metrics and decision in one transaction. Returns the rows inserted or changed."""
    distances, decision = compared.distances, compared.decision
    details = {**{name: getattr(distances, name) for name in _COUNTS}, "data_faults": _counted(compared.data_faults)}
    metrics = [
        DriftMetric(
            metric_timestamp=moment,
            model_version=version,
            kind="feature",
            name=item.name,
            psi=_rounded(item.psi),
            psi_by_chance=_rounded(item.psi_by_chance),
            ks=_rounded(item.ks),
            p_value=_rounded(item.p_value),
            p_adjusted=_rounded(item.p_adjusted),
            effect=_rounded(item.effect),
            drifted=item.name in decision.drifted_features,
            details={name: _rounded(getattr(item, name)) for name in ("outside", "fleet_shift", "fleet_effect", "fleet_p_adjusted")},
        )
        for item in distances.features
    ]
    metrics.append(
        DriftMetric(
            moment,
            version,
            "prediction",
            "rul_days",
            _rounded(distances.prediction_psi),
            _rounded(distances.prediction_psi_by_chance),
            None,
            None,
            None,
            None,
            decision.prediction_drifted,
        )
    )
    judged = DriftDecision(moment, version, decision.drift, _rounded(distances.prediction_psi), decision.retrain, decision.reasons, details)
    with warehouse.connection() as connection:
        return upsert_drift(connection, metrics, judged)


def _log(settings: Settings, watched: Watched, moment: datetime, compared: Comparison) -> str:
    """Log numbers and page as an MLflow run, once per model and moment. Returns the run's id."""
    from monitoring.drift.evidently_report import write_report  # Evidently loads for seconds, and most hours write no page

    version, distances, decision = watched.champion.version, compared.distances, compared.decision
    key = f"{version}@{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    known = find_run(settings.tracking_uri, _KEY_TAG, key)
    if known is not None:
        return known
    with tempfile.TemporaryDirectory() as folder, tracked_run(settings, "monitor") as run:
        mlflow.log_params({"model_version": version, "as_of": moment.isoformat()})
        mlflow.log_metrics(
            {
                "drifted_features": len(decision.drifted_features),
                "retrain": float(decision.retrain),
                **({} if distances.prediction_psi is None else {"prediction_psi": distances.prediction_psi}),
                **{f"psi.{item.name}": item.psi for item in distances.features if item.psi is not None},
            }
        )
        mlflow.set_tag("reasons", "; ".join(decision.reasons)[:5000])
        page = Path(folder) / Path(_REPORT_FILE).name
        if write_report(page, watched.reference, compared.snapshots, settings.monitoring, settings.scoring.health.warning.value):
            mlflow.log_artifact(str(page), str(Path(_REPORT_FILE).parent))
        mlflow.set_tag(_KEY_TAG, key)  # last, so that an interrupted run is not found, and is repeated
        return str(run.info.run_id)


def _counted(data_faults: list[dict[str, str]]) -> dict[str, Any]:
    return {"compressors": len({item[COMPRESSOR_ID] for item in data_faults}), "named": data_faults}


def _rounded(value: float | None) -> float | None:
    """Round as the warehouse and the report show it; None stays None."""
    return None if value is None else round(value, _DIGITS)
