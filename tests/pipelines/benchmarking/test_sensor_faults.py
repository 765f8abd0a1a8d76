"""altaviz benchmark sensor-faults on one small fleet, without Spark: what it counts, and the table a person sees."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
import yaml

from benchmarks.sensor_faults import Planting, PlantingRules, count_false_alarms, judge_planted, plant, plantings, simulate_histories
from config.loader import CONFIG_DIR
from config.settings import Settings, load_settings
from features.contract import DISCHARGE_TEMP, FROZEN, SENSORS, UNIT_CHANGE, ZERO
from features.sensor_health.settings import HealthRules
from features.simulator.plan import FleetRequest, resolve
from pipelines.benchmarking.sensor_faults import sensor_faults
from pipelines.runtime.console import StageReporter
from pipelines.views.benchmark import show_sensor_faults

TRIAL = PlantingRules(interval_min=10, durations_h=[6, 12], before_h=48, after_h=6, least_runs_h=6, within_h=6, places=1)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped configuration, with two compressors for eight days."""
    folder = tmp_path_factory.mktemp("small")
    shutil.copytree(CONFIG_DIR, folder / "config", ignore=lambda _, names: [name for name in names if not name.endswith(".yaml")])
    content = yaml.safe_load((folder / "config" / "monitoring.yaml").read_text(encoding="utf-8"))
    content["benchmark"]["fleets"] |= {"seeds": [401], "compressors": 2, "days": 8}
    (folder / "config" / "monitoring.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_settings(folder / "home", environ={"ALTAVIZ_CONFIG_DIR": str(folder / "config")})


def test_the_report_counts_days_and_planted_faults_by_kind(small: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with StageReporter(interactive=False) as report:
        result: dict[str, Any] = sensor_faults(small, None, report)
    alarms = result["false_alarms"]
    assert alarms["compressor_days"] == 2 * 9  # the days begin at 06:00 UTC
    assert alarms["with_false_fault"] == 0
    assert {row["kind"]: row["planted"] for row in result["kinds"]}.keys() == {"frozen", "zero", "unit", "implausible"}
    assert sum(row["planted"] for row in result["kinds"]) == sum(row["planted"] for row in result["planted"])
    assert all(low <= row["share"] <= high for row in result["planted"] for low, high in [row["interval"]])
    show_sensor_faults(result)
    assert "False alarms: 0 of 18 compressor-days" in capsys.readouterr().out


def test_a_planted_fault_changes_its_sensors_within_its_rows_only() -> None:
    values = np.arange(24, dtype=np.float64).reshape(6, 4) + 200
    frozen = Planting(FROZEN, (DISCHARGE_TEMP,)).changed(values, 1, 3)
    assert frozen[1].tolist() == [204, 205, 205, 207]
    assert (np.delete(frozen, 1, axis=0) == np.delete(values, 1, axis=0)).all()
    assert Planting(ZERO, SENSORS).changed(values, 2, 4)[:, 2:].sum() == 0
    degrees = next(item for item in plantings({}) if item.fault == UNIT_CHANGE and item.variant == "degC")
    assert degrees.changed(values, 3, 4)[1].tolist() == [204, 205, 206, 97.22]


def test_the_same_seed_plants_the_same_faults(small: Settings) -> None:
    plan = resolve(small.simulator, small.fleet, FleetRequest("history", compressors=2, days=8, interval_min=10, seed=401))
    histories = simulate_histories(plan)
    rules = HealthRules.of(small.quality.sensor_health, small.thresholds)
    kinds = plantings({})[:3]
    first, again = (list(judge_planted(list(plant(histories, kinds, TRIAL, np.random.default_rng(1))), rules, TRIAL)) for _ in range(2))
    assert first == again
    assert all(item.hours <= 6 for item in first)
    assert count_false_alarms(histories, rules).healthy_refused == 0
