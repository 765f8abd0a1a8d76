"""Faulty sensors are data faults, not drift, from gold to the decision. Real drift beside them is still found. No JVM."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from deltalake import DeltaTable

from config.settings import Settings
from features.contract import DISCHARGE_TEMP, FEATURES, FROZEN, GAS_FLOW, SENSORS, STATUS_FEATURES, UNIT_CHANGE
from features.grid import History
from features.model_file.onnx_model import OnnxModel
from features.sensor_health.fault import Fault, encode_faults
from monitoring.drift.reference import make_reference
from monitoring.drift.snapshots import COMPARED, take_snapshots
from pipelines.operations.monitor import Comparison, Watched, compare
from tests.serving.gold import gold_row, mean_model, write_gold

NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEEK = 7 * 24  # hours
HOURS = 4 * WEEK + 24
HEALTHY = 10
TEMPERATURES = [name for name in COMPARED if name.startswith("temp_") and name.endswith("_mean")]
VIBRATION = FEATURES.index("vibration_1hr_mean")
Hourly = npt.NDArray[np.float32]


def _fleet(seed: int, units: int, hours: int) -> Hourly:
    """Healthy compressors [units, hours, features] that wander from week to week; the vibration is the life that the model sees."""
    random = np.random.default_rng(seed)
    shape = (units, -(-hours // WEEK), len(FEATURES))
    values = random.normal(200, 20, (units, 1, len(FEATURES))) + np.repeat(random.normal(0, 1, shape), WEEK, axis=1)[:, :hours]
    values += random.normal(0, 0.5, values.shape)
    lives = random.uniform(16, 30, (units, -(-hours // 12)))
    values[:, :, VIBRATION] = np.repeat(lives, 12, axis=1)[:, :hours]
    values[:, :, [FEATURES.index(name) for name in STATUS_FEATURES]] = 0
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def quick(settings: Settings) -> Settings:
    """The shipped settings with fewer draws."""
    decision = settings.monitoring.decision.model_copy(update={"resamples": 3000})
    quick = replace(settings)
    quick.__dict__["monitoring"] = settings.monitoring.model_copy(update={"decision": decision})
    return quick


@pytest.fixture(scope="module")
def watched(settings: Settings) -> Watched:
    """A model whose predicted life is the mean vibration, and twenty weeks of its training fleet."""
    values, hours = _fleet(1, 20, 20 * WEEK), 20 * WEEK
    history = History(values.reshape(-1, len(FEATURES)), [f"T-{number}" for number in range(20)], NOON, hours)
    snapshots = take_snapshots(history, OnnxModel(mean_model().onnx, 1), 4, settings.scoring.min_steps, 256)
    return Watched(mean_model(), make_reference(snapshots, settings.monitoring.reference))


def _celsius(values: Hourly, units: range, days: int) -> Hourly:
    """The temperatures of `units` in degC for the last `days`, as they become features before anybody knows."""
    columns = [FEATURES.index(name) for name in TEMPERATURES]
    changed = values.copy()
    part = np.ix_(units, range(HOURS - 24 * days, HOURS), columns)
    changed[part] = (changed[part] - 32) / 1.8
    return changed


def _gold(
    folder: Path, values: Hourly, faulty: range = range(0), days: int = 0, sensors: tuple[str, ...] = (DISCHARGE_TEMP,)
) -> DeltaTable:
    """Hourly gold up to noon; `faulty` units report a fault of `sensors` from an hour after its beginning, `days` ago, on."""
    since = NOON - days * 24 * HOUR
    kind = FROZEN if len(sensors) > 1 else UNIT_CHANGE
    text = encode_faults([Fault(sensor, kind, int(since.timestamp()) * 1_000_000) for sensor in sensors])
    rows = []
    for unit, own in enumerate(values):
        for hour, features in enumerate(own.tolist()):
            moment = NOON - (HOURS - 1 - hour) * HOUR
            numbers = {name: features[FEATURES.index(name)] for name in COMPARED}
            named = {"data_faults": text} if unit in faulty and moment > since else {}
            rows.append(gold_row(f"C-{unit:02}", moment, **numbers, **named))
    return write_gold(folder, rows)


def _drifted(compared: Comparison) -> list[str]:
    return [name for name in compared.decision.drifted_features if name in TEMPERATURES]


def test_sensors_in_another_unit_are_data_faults_and_no_drift(tmp_path: Path, quick: Settings, watched: Watched) -> None:
    faulty = range(HEALTHY, HEALTHY + 8)
    values = _celsius(_fleet(2, HEALTHY + 8, HOURS), faulty, days=6)
    unnamed = compare(quick, watched, _gold(tmp_path / "unnamed", values), NOON)
    assert (_drifted(unnamed), unnamed.decision.retrain, unnamed.data_faults) == (TEMPERATURES, True, [])
    named = compare(quick, watched, _gold(tmp_path / "named", values, faulty, days=6), NOON)
    assert (named.decision.drift, named.decision.retrain) == (False, False)
    assert named.data_faults == [
        {"compressor_id": f"C-{unit}", "sensor": DISCHARGE_TEMP, "fault": UNIT_CHANGE, "since": "2026-03-24T12:00:00Z"} for unit in faulty
    ]
    assert named.decision.reasons[-1] == (
        "data faults are no drift, so hours with them are left out (8 compressors): "
        + "; ".join(f"C-{unit} (discharge temperature unit_change since 2026-03-24T12:00:00Z)" for unit in faulty[:4])
        + " and 4 more"
    )


def test_a_real_drift_is_found_beside_data_faults(tmp_path: Path, quick: Settings, watched: Watched) -> None:
    faulty = range(HEALTHY, HEALTHY + 8)
    values = _celsius(_fleet(2, HEALTHY + 8, HOURS), faulty, days=6)
    values[:5, -WEEK:, [FEATURES.index(name) for name in TEMPERATURES]] += 12
    compared = compare(quick, watched, _gold(tmp_path / "gold", values, faulty, days=6), NOON)
    assert _drifted(compared) == TEMPERATURES
    assert compared.decision.retrain is True


def test_when_too_few_are_left_the_decision_says_so_and_calls_for_no_retraining(tmp_path: Path, quick: Settings, watched: Watched) -> None:
    faulty = range(3, HEALTHY)
    values = _celsius(_fleet(2, HEALTHY, HOURS), faulty, days=8)
    compared = compare(quick, watched, _gold(tmp_path / "gold", values, faulty, days=8, sensors=SENSORS), NOON)
    assert (compared.decision.drift, compared.decision.retrain) == (False, False)
    assert compared.decision.reasons[-1].endswith(
        "; too few others are left to compare: repair the sensors first, retraining does not help"
    )
    assert "every sensor frozen since 2026-03-22T12:00:00Z" in compared.decision.reasons[-1]
    assert {item["sensor"] for item in compared.data_faults} == {"all"}


def test_a_fault_of_a_sensor_that_no_feature_is_made_of_leaves_nothing_out(tmp_path: Path, quick: Settings, watched: Watched) -> None:
    values = _fleet(2, HEALTHY, HOURS)
    plain = compare(quick, watched, _gold(tmp_path / "plain", values), NOON)
    faulty = compare(quick, watched, _gold(tmp_path / "faulty", values, range(3), days=6, sensors=(GAS_FLOW,)), NOON)
    assert (faulty.distances, faulty.decision, faulty.data_faults) == (plain.distances, plain.decision, [])
