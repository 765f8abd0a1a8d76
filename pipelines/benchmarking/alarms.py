"""Counts the alarms of unseen fleets, and how long before each failure the first one stood: `altaviz benchmark alarms`."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import yaml

from config.settings import Settings
from features.lake import Lake
from monitoring.evaluation.alarms import watch_compressor
from monitoring.evaluation.alert_leads import AlertedFailure, StandingAlert, alert_verdicts, alerted_failures
from monitoring.evaluation.unseen_fleet import UnseenFleet
from pipelines.benchmarking.alarm_predictions import hourly_predictions
from pipelines.benchmarking.alarm_totals import (
    WITH_GROUPING,
    WITHOUT_GROUPING,
    FleetAlarms,
    compare_targets,
    describe_fleet,
    pool_loads,
    sum_failures,
    sum_verdicts,
)
from pipelines.evaluation.simulated_fleets import label_unseen
from pipelines.lakehouse.prediction_alerts import sync_prediction_alerts
from pipelines.lakehouse.quality_sync import sync_quality
from pipelines.lakehouse.warehouse_sync import sync_reference, sync_view_rules
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.spark import LazySpark
from serving.alerts.alarm_load import read_alarms
from serving.alerts.kpis import Alarm, measure_alarms
from serving.home.passage import new_home
from serving.registry.client import Registry
from serving.warehouse import tables
from serving.warehouse.migrations import migrated_warehouse

if TYPE_CHECKING:
    from serving.schemas import Prediction
    from serving.warehouse.connection import Warehouse

_CHUNK: Final = 20_000  # predictions written at a time
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class _Fleet:
    """A simulated fleet with its hourly predictions."""

    seed: int
    fleet: UnseenFleet
    lake: Lake
    predictions: list[Prediction]


def alarms(settings: Settings, seeds: list[int] | None, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """Run the fleet of each of `seeds` (None: those of quality.yaml) through features, hourly predictions and alerts, and count.

    Every fleet has its own lake and embedded warehouse below the home, whatever database is configured. Returns `fleets`, `loads` over all of
    them, `failures`, `verdicts` and `targets`. Raises NoChampionError, HomeError, EnvironmentSetupError, WarehouseError.
    """
    started = time.perf_counter()
    quieten()
    champion = Registry(settings.tracking_uri).champion()
    size = settings.quality.alarm_kpis.benchmark
    fleets = []
    for seed in seeds or size.seeds:
        own, place = settings.below(f"benchmark-alarms/seed-{seed}"), settings.home / "benchmark-alarms" / f"warehouse-{seed}"
        with new_home(place):
            place.mkdir(parents=True, exist_ok=True)
        fleet = label_unseen(own, size, seed, spark, report)
        with report.stage(f"predict, fleet {seed}"):
            predictions = list(hourly_predictions(settings, fleet, champion))
        fleets.append(_count_fleet(replace(own, home=place), _Fleet(seed, fleet, Lake(own.lake_uri), predictions), report))
    return {
        "model_version": champion.version,
        "fleets": [describe_fleet(fleet) for fleet in fleets],
        "loads": {name: pool_loads(settings, fleets, name) for name in (WITH_GROUPING, WITHOUT_GROUPING)},
        "failures": sum_failures(settings, fleets),
        "verdicts": sum_verdicts(fleets),
        "targets": compare_targets(settings, fleets),
        "seconds": round(time.perf_counter() - started, 2),
    }


def _count_fleet(own: Settings, made: _Fleet, report: StageReporter) -> FleetAlarms:
    fleet, predictions = made.fleet, made.predictions
    history, rules = fleet.labelled.history, own.quality.alarm_kpis
    start = own.simulator.history.start
    end = start + timedelta(days=fleet.days)
    found: dict[str, list[Alarm]] = {}
    database = own.database.model_copy(update={"host": None})  # simulated fleets stay out of a real warehouse
    with report.stage(f"alerts, fleet {made.seed}") as advance, migrated_warehouse(database, own.home) as warehouse:
        sync_reference(warehouse, made.lake, own.fleet)
        sync_view_rules(warehouse, own)
        _write_predictions(warehouse, own, predictions)
        for name, settings in ((WITH_GROUPING, own), (WITHOUT_GROUPING, _without_grouping(own))):
            sync_quality(warehouse, made.lake, settings, advance)
            with warehouse.connection() as connection:
                found[name] = read_alarms(connection, start, end)
    loads = {name: measure_alarms(own_alarms, start, end, rules) for name, own_alarms in found.items()}
    failures, verdicts = _judge(own, fleet, predictions, found[WITH_GROUPING])
    return FleetAlarms(
        seed=made.seed,
        compressors=history.compressor_ids,
        loads=loads,
        by_compressor={
            name: np.array([times[compressor_id] for compressor_id in history.compressor_ids], np.float64)
            for name, own_alarms in found.items()
            for times in [_annunciations(own_alarms, end)]
        },
        failures=failures,
        verdicts=verdicts,
    )


def _write_predictions(warehouse: Warehouse, settings: Settings, predictions: Iterable[Prediction]) -> None:
    """Write the rows anew, with their alerts."""
    rows = iter(predictions)
    with warehouse.connection() as connection:
        connection.execute("TRUNCATE ml_predictions")
        while chunk := list(islice(rows, _CHUNK)):
            tables.upsert_predictions(connection, chunk)
        connection.execute("DELETE FROM lake_sync WHERE table_name = 'prediction_alerts'")
        sync_prediction_alerts(connection, settings, {})


def _without_grouping(own: Settings) -> Settings:
    """The same settings, from a copy of the configuration that groups no alerts."""
    folder = own.home / "config-without-grouping"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(own.config_dir, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    file: Path = folder / "quality.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["alerts"]["grouping"] = False
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return replace(own, config_dir=folder)


def _judge(
    settings: Settings, fleet: UnseenFleet, predictions: Sequence[Prediction], found: Sequence[Alarm]
) -> tuple[list[AlertedFailure], Counter[tuple[str, str]]]:
    """The failures with the alerts before them, and the verdicts on alerts, by the protocol of evaluation.yaml."""
    history, protocol = fleet.labelled.history, settings.evaluation.protocol
    lives_of_rows = np.array([np.nan if row.rul_days is None else row.rul_days for row in predictions], np.float64)
    by_unit = lives_of_rows.reshape(len(history.compressor_ids), history.hours)
    days = np.arange(history.hours, dtype=np.float64) / 24
    failures: list[AlertedFailure] = []
    verdicts: Counter[tuple[str, str]] = Counter()
    for unit, compressor_id in enumerate(history.compressor_ids):
        lives = fleet.lives[compressor_id]
        watch = watch_compressor(days, ~np.isnan(by_unit[unit]), by_unit[unit] < protocol.alarm_rul_days.value, lives, protocol)
        own = [_standing(alarm, history.first_mark) for alarm in found if alarm.compressor_id == compressor_id and alarm.source != "data"]
        failures += alerted_failures(compressor_id, lives, watch.failures, own, protocol)
        verdicts.update(alert_verdicts(lives, own, protocol))
    return failures, verdicts


def _standing(alarm: Alarm, origin: datetime) -> StandingAlert:
    ended = float("inf") if alarm.resolved_at is None else (alarm.resolved_at - origin) / _DAY
    return StandingAlert(alarm.source, (alarm.raised_at - origin) / _DAY, ended)


def _annunciations(found: Iterable[Alarm], end: datetime) -> Counter[str]:
    """How often each compressor was heard."""
    times: Counter[str] = Counter()
    for alarm in found:
        later = alarm.critical_at is not None and alarm.raised_at < alarm.critical_at < end
        times[alarm.compressor_id] += 2 if later else 1
    return times
