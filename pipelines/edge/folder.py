"""The folder for the edge: contract.json, run.py, zoneinfo/, one file per model."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import onnx
import polars as pl

from config.errors import ConfigError
from config.settings import Settings
from features.contract import (
    COMPRESSOR_ID,
    DAY_OF_WEEK,
    FEATURE_SET_VERSION,
    FEATURES,
    HOUR_OF_DAY,
    IS_WEEKEND,
    MAX_LOOKBACK_HOURS,
    OPERATING_HOURS,
    PRESSURE_DIFFERENTIAL,
    READING_FIELDS,
    REGISTERED_MODEL,
    ROLLING_FEATURES,
    SENSORS,
    STATUS_FEATURES,
    STATUS_LEVELS,
    TEMP_DELTA,
    TIMESTAMP,
    WINDOW_STEP_HOURS,
    WINDOW_STEPS,
)
from features.model_file.onnx_model import CALIBRATION_LAYER
from features.model_file.onnx_session import INPUT, OUTPUTS
from features.model_file.quantile_levels import INTERVAL_MASS
from features.sensor_health.settings import HealthRules
from pipelines.edge.archive import PROGRAM_FILE, program_archive
from serving.edge.contract import CONTRACT_FILE, DEFAULT_LIMITS, ZONE_FOLDER

if TYPE_CHECKING:
    from serving.registry.model_version import RegisteredModel

QUANTISED_FILE: Final = "model.int8.onnx"


def write_folder(folder: Path, models: Mapping[str, bytes], document: dict[str, Any]) -> None:
    """Write contract, program, models and time zones into the existing `folder`. The contract is that of `contract_document`."""
    files = {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in models.items()}
    complete = {**document, "model": {**document["model"], "files": files}}
    (folder / CONTRACT_FILE).write_text(json.dumps(complete, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (folder / PROGRAM_FILE).write_bytes(program_archive())
    for name, content in models.items():
        (folder / name).write_bytes(content)
    for name in sorted({compressor["time_zone"] for compressor in document["compressors"].values()}):
        target = folder / ZONE_FOLDER / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_zone_bytes(name))


def contract_document(model: RegisteredModel, compressors: pl.DataFrame, settings: Settings) -> dict[str, Any]:
    """The content of contract.json, without the models' files. The columns of `compressors` are those of compressor_metadata.csv."""
    thresholds, fleet, scoring, outliers = settings.thresholds, settings.fleet, settings.scoring, settings.etl.outliers
    known = {}
    for compressor_id, kind, station_id in compressors.select("compressor_id", "model", "station_id").sort("compressor_id").iter_rows():
        station = fleet.stations.get(station_id or "")
        known[compressor_id] = {"model": kind, "station_id": station_id, "time_zone": station.time_zone if station else fleet.time_zone}
    kinds = sorted({item["model"] for item in known.values() if item["model"]} | set(fleet.models))
    return {
        "model": {"name": REGISTERED_MODEL, "version": model.version, **_interface()},
        "feature_set_version": FEATURE_SET_VERSION,
        "labels": {"max_rul_days": model.facts.max_rul_days, "horizon_days": model.facts.horizon_days},
        "calibration": _calibration(model.onnx),
        "reading_fields": {name: _reading_unit(name, settings) for name in READING_FIELDS},
        "sensors": {
            name: {
                "unit": thresholds.sensors[name].physical.unit,
                "physical": {"low": thresholds.sensors[name].physical.low, "high": thresholds.sensors[name].physical.high},
                "direction": thresholds.sensors[name].direction,
            }
            for name in SENSORS
        },
        "features": _features(settings),
        "status_codes": {level: code for code, level in enumerate(STATUS_LEVELS)},
        "limits": {name: _limits(kind, settings) for name, kind in ((DEFAULT_LIMITS, None), *((kind, kind) for kind in kinds))},
        "window": {
            "steps": WINDOW_STEPS,
            "step_hours": WINDOW_STEP_HOURS,
            "step": "the last value of each feature in (mark - 1 h, mark], marks counted back from as_of; oldest first, float32, NaN where there is none",
            "gaps": "take the value of the step before, at the start that of the first step that has one; a feature without any stays NaN",
            "min_steps": scoring.min_steps,
            "stale_after_hours": scoring.stale_after_hours,
        },
        "spike_rule": outliers.model_dump(),
        "sensor_health": HealthRules.of(settings.quality.sensor_health, thresholds).to_dict(),
        "delta_tolerance_s": settings.etl.gold.delta_tolerance_s,
        "clock_skew_minutes": settings.etl.ingest.clock_skew_minutes,
        "earliest": settings.etl.ingest.earliest.isoformat(),
        # steps, look-back of their features, and twice that of the spike rule (features/increments.py)
        "lookback_hours": WINDOW_STEPS * WINDOW_STEP_HOURS + MAX_LOOKBACK_HOURS + 2 * outliers.spread_hours,
        "health": {"warning": scoring.health.warning.value, "critical": scoring.health.critical.value, "unit": "days"},
        "compressors": known,
    }


def _interface() -> dict[str, Any]:
    units = ("days", "days", "days", "0..1")
    return {
        "input": {"name": INPUT, "shape": ["n", WINDOW_STEPS, len(FEATURES)], "dtype": "float32"},
        "outputs": [{"name": name, "shape": ["n"], "unit": unit} for name, unit in zip(OUTPUTS, units, strict=True)],
    }


def _calibration(model: bytes) -> dict[str, Any]:
    """The calibration inside the graph, read from its nodes. Versions before the calibration layer have none."""
    inside = any(f"/{CALIBRATION_LAYER}" in node.name for node in onnx.load_from_string(model).graph.node)
    return {
        "in_graph": {
            "normalisation": "features are normalised, clipped, and a missing one set to the training mean",
            **(
                {
                    "rul_lower, rul_upper": f"conformal {INTERVAL_MASS:.0%} interval, widened by predicted life, fitted on compressors held out from training",
                    "failure_probability": "slope and intercept of the log-odds (Platt), fitted on the same compressors",
                }
                if inside
                else {}
            ),
        },
        "outside": {"confidence_score": "1 - (rul_upper - rul_lower) / max_rul_days, within 0..1: run.py computes it"},
    }


def _features(settings: Settings) -> list[dict[str, Any]]:
    """Name, unit and definition of every feature, in the model's order."""
    thresholds = settings.thresholds
    found: dict[str, dict[str, Any]] = {
        item.name: {
            "unit": thresholds.sensors[item.sensor].physical.unit,
            "sensor": item.sensor,
            "statistic": item.statistic,
            "hours": item.hours,
        }
        for item in ROLLING_FEATURES
    }
    found |= {name: {"unit": thresholds.derived[name].warning.unit} for name in (TEMP_DELTA, PRESSURE_DIFFERENTIAL)}
    found |= {name: {"unit": "level", "sensor": sensor} for name, sensor in STATUS_FEATURES.items()}
    local = "in the station's time zone"
    found |= {
        HOUR_OF_DAY: {"unit": f"0-23 {local}"},
        DAY_OF_WEEK: {"unit": f"1 Monday to 7 Sunday {local}"},
        IS_WEEKEND: {"unit": f"0 or 1 {local}"},
    }
    return [{"name": name, **found[name]} for name in FEATURES]


def _limits(kind: str | None, settings: Settings) -> dict[str, dict[str, float | None]]:
    found = {sensor: settings.thresholds.limits(sensor, kind) for sensor in STATUS_FEATURES.values()}
    return {sensor: {"warning": limits.warning, "critical": limits.critical} for sensor, limits in found.items()}


def _reading_unit(name: str, settings: Settings) -> str:
    if name in SENSORS:
        return settings.thresholds.sensors[name].physical.unit
    return {COMPRESSOR_ID: "text", TIMESTAMP: "ISO 8601, UTC where no zone is given", OPERATING_HOURS: "h"}[name]


def _zone_bytes(name: str) -> bytes:
    """The compiled time zone: of this machine, else of the package tzdata. Raises ConfigError."""
    for root in zoneinfo.TZPATH:
        path = Path(root) / name
        if path.is_file():
            return path.read_bytes()
    try:
        return importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    except OSError as error:
        raise ConfigError(f"time zone {name} is not on this machine: install tzdata") from error
