"""What monitoring measured and decided, written to a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from config.errors import WarehouseError
from serving.warehouse.connection import Warehouse
from serving.warehouse.drift import DriftDecision, DriftMetric, newest_decision, upsert_drift
from tests.serving.warehouse.test_tables import T

TEMPERATURE = DriftMetric(
    metric_timestamp=T,
    model_version="3",
    kind="feature",
    name="temp_1hr_mean",
    psi=0.9,
    psi_by_chance=0.6,
    ks=0.3,
    p_value=0.01,
    p_adjusted=0.18,
    effect=0.8,
    drifted=True,
    details={"outside": 0.34, "fleet_shift": 1.5},
)
SILENT = replace(
    TEMPERATURE, name="vibration_1hr_mean", psi=None, psi_by_chance=None, ks=None, p_value=None, p_adjusted=None, effect=None, drifted=False
)
PREDICTION = replace(SILENT, kind="prediction", name="rul_days", psi=0.1, psi_by_chance=0.32)
DECISION = DriftDecision(T, "3", True, 0.1, True, ["drifted: temp_1hr_mean"], {"compared": 26})
HOUR = timedelta(hours=1)


def write(warehouse: Warehouse, *metrics: DriftMetric, decision: DriftDecision = DECISION) -> int:
    with warehouse.connection() as connection:
        return upsert_drift(connection, metrics, decision)


def rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with warehouse.connection() as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


def newest(warehouse: Warehouse, version: str, hours: float) -> DriftDecision | None:
    with warehouse.connection() as connection:
        return newest_decision(connection, version, T + hours * HOUR)


def test_the_same_moment_twice_is_written_once(warehouse: Warehouse) -> None:
    assert [write(warehouse, TEMPERATURE, SILENT, PREDICTION) for _ in range(2)] == [4, 0]
    assert rows(warehouse, "SELECT kind, name, psi, drifted, details FROM drift_metrics ORDER BY name") == [
        ("prediction", "rul_days", 0.1, False, TEMPERATURE.details),
        ("feature", "temp_1hr_mean", 0.9, True, TEMPERATURE.details),
        ("feature", "vibration_1hr_mean", None, False, TEMPERATURE.details),
    ]
    assert rows(warehouse, "SELECT retrain, reasons FROM drift_decisions") == [(True, ["drifted: temp_1hr_mean"])]


def test_a_moment_that_is_measured_anew_replaces_its_former_numbers(warehouse: Warehouse) -> None:
    write(warehouse, TEMPERATURE, SILENT)
    calm = replace(DECISION, drift=False, retrain=False, reasons=["no feature drifted"])
    assert write(warehouse, replace(TEMPERATURE, psi=0.2, drifted=False), SILENT, decision=calm) == 2
    assert rows(warehouse, "SELECT psi, drifted FROM drift_metrics ORDER BY name") == [(0.2, False), (None, False)]
    assert newest(warehouse, "3", 0) == calm


def test_moments_and_models_are_kept_apart(warehouse: Warehouse) -> None:
    write(warehouse, TEMPERATURE)
    write(warehouse, replace(TEMPERATURE, metric_timestamp=T + 800 * HOUR), decision=replace(DECISION, metric_timestamp=T + 800 * HOUR))
    write(warehouse, replace(TEMPERATURE, model_version="4"), decision=replace(DECISION, model_version="4"))
    assert rows(warehouse, "SELECT count(*) FROM drift_metrics") == [(3,)]
    assert rows(warehouse, "SELECT count(*) FROM drift_decisions") == [(3,)]


def test_the_newest_decision_is_that_of_the_model_up_to_the_moment(warehouse: Warehouse) -> None:
    later = replace(DECISION, metric_timestamp=T + 2 * HOUR, reasons=["later"])
    write(warehouse)
    write(warehouse, decision=later)
    assert [newest(warehouse, "3", hours) for hours in (-0.1, 0, 1.9, 2)] == [None, DECISION, DECISION, later]
    assert newest(warehouse, "4", 9) is None


def test_a_share_beyond_one_and_a_kind_nobody_knows_are_refused(warehouse: Warehouse) -> None:
    for wrong in (replace(TEMPERATURE, p_value=1.5), replace(TEMPERATURE, kind="level"), replace(TEMPERATURE, psi=-0.1)):  # type: ignore[arg-type]
        with pytest.raises(WarehouseError, match="violates check constraint"):
            write(warehouse, wrong)
    assert rows(warehouse, "SELECT count(*) FROM drift_metrics") == [(0,)]
