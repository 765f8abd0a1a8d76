"""A home that a service can serve: four compressors, a day of gold, a champion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import mlflow.onnx
import onnx
import polars as pl
from deltalake import write_deltalake

from config.settings import load_settings
from features.contract import CHAMPION, DATA_FAULTS, FROZEN, SENSORS, STATUS_FEATURES, WINDOW_STEPS
from features.lake import COMPRESSORS, EVENTS, GOLD, Lake
from features.reference_tables.tables import COMPRESSOR_KEY, EVENT_SCHEMA, merge_reference
from features.sensor_health.fault import Fault, encode_faults
from pipelines.runtime.mlflow_runs import tracked_run
from serving.registry.client import Registry
from serving.registry.model_version import RegisteredModel
from serving.warehouse.connection import open_warehouse
from tests.serving.gold import gold_row, mean_model, write_gold

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
AS_OF = "2026-03-09T12:00:00Z"
FLEET = {"C-1": 5.0, "C-2": 20.0, "C-3": 10.0}  # vibration in mm/s, which is the life in days that mean_model predicts
SILENT = "C-4"  # known, with no reading in the last days
DEAD_AT = NOW - timedelta(days=3)  # when the link of SILENT had been dead for a day


def build_home(home: Path) -> None:
    """A lake with four compressors. Three have a day of gold, the fourth an older day with a dead link."""
    lake = Lake(str(home / "lake"))
    metadata = pl.DataFrame(
        {"compressor_id": [*FLEET, SILENT], "model": "Ariel JGK/4", "horsepower": 1480.0, "install_date": None, "station_id": "STATION-A"}
    ).with_columns(pl.col("install_date").cast(pl.Date))
    merge_reference(lake, COMPRESSORS, metadata, COMPRESSOR_KEY)
    rows = [
        gold_row(name, NOW - timedelta(hours=hour), **dict.fromkeys(("vibration_1hr_mean", "vibration_4hr_mean"), level))
        for name, level in FLEET.items()
        for hour in range(WINDOW_STEPS)
    ]
    since = round((DEAD_AT - timedelta(days=1)).timestamp() * 1e6)
    dead = {
        **dict.fromkeys(STATUS_FEATURES),
        DATA_FAULTS: encode_faults([Fault(sensor, FROZEN, since) for sensor in SENSORS]),
    }
    rows += [gold_row(SILENT, DEAD_AT - timedelta(hours=hour), **dead) for hour in range(WINDOW_STEPS)]
    write_gold(Path(lake.uri(GOLD)), rows)


def make_champion(home: Path, model: RegisteredModel | None = None) -> str:
    """Register a model and make it champion; returns its version."""
    model = model or mean_model()
    settings = load_settings(home, environ={})
    with tracked_run(settings, "test"):
        logged = mlflow.onnx.log_model(
            onnx.load_from_string(model.onnx), name="model", save_as_external_data=False, pip_requirements=["onnxruntime"]
        )
    registry = Registry(settings.tracking_uri)
    version = registry.register(logged.model_uri, model.facts, {})
    registry.set_alias(CHAMPION, version)
    return version


def query(home: Path, text: str) -> list[tuple[Any, ...]]:
    settings = load_settings(home, environ={})
    with open_warehouse(settings.database, home) as warehouse, warehouse.connection() as connection:
        return connection.execute(text).fetchall()  # type: ignore[arg-type]


def forget_events(home: Path) -> None:
    """Remove every event from the lake and the warehouse."""
    write_deltalake(Lake(str(home / "lake")).uri(EVENTS), pl.DataFrame(schema=EVENT_SCHEMA), mode="overwrite", schema_mode="overwrite")
    query(home, "WITH gone AS (DELETE FROM maintenance_events RETURNING 1) SELECT * FROM gone")
