"""A meaningless value is refused on loading, with the file and the key."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.errors import ConfigError
from config.loader import CONFIG_DIR
from config.settings import load_settings

SECTIONS = {"model_config.yaml": "model", "etl_config.yaml": "etl"}  # where the section is not called as its file


def load_changed(folder: Path, file: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Load the shipped `file` as `change` leaves it."""
    for shipped in CONFIG_DIR.glob("*.yaml"):
        shutil.copy(shipped, folder)
    content = yaml.safe_load((folder / file).read_text(encoding="utf-8"))
    change(content)
    (folder / file).write_text(yaml.safe_dump(content), encoding="utf-8")
    settings = load_settings(folder, environ={"ALTAVIZ_CONFIG_DIR": str(folder)})
    getattr(settings, SECTIONS.get(file, file.removesuffix(".yaml")))


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("ablation.yaml", "compressors.no dropout", {"network.dropuot": 0}),
        ("serving.yaml", "keys.check_s", 60),
        ("serving.yaml", "champion.check_s", 60),
        ("serving.yaml", "limits.most_bulk_windows", 0),
        ("serving.yaml", "limits.most_bulk_body_bytes", -1),
        ("serving.yaml", "keys.keep_s", -60),
        ("serving.yaml", "limits.requests_per_minute", 0),
        ("costs.yaml", "unplanned.stop_usd_per_day.value", -50_000),
        ("costs.yaml", "unplanned.find_days.value", -1),
        ("costs.yaml", "unplanned.repair_days.value", -0.75),
        ("costs.yaml", "planned.repair_usd.value", -15_000),
        ("costs.yaml", "planned.repair_days.value", -0.35),
        ("costs.yaml", "planned.lead_days.value", -3),
        ("costs.yaml", "planned.crews.value", 1.5),
        ("costs.yaml", "planned.crew_days.value", -1),
        ("costs.yaml", "next_life.mean_days.value", 0),
        ("costs.yaml", "next_life.unannounced_share.value", 20),
        ("costs.yaml", "signs_days.value", 0.5),
        ("costs.yaml", "signs_share.value", 90),
        ("costs.yaml", "plan_days.value", float("inf")),
        ("dashboard.yaml", "listen.port", 65536),
        ("dashboard.yaml", "listen.proxy_hosts", ["https://altaviz.example"]),
        ("dashboard.yaml", "api_url", "altaviz.example:3000"),
        ("dashboard.yaml", "rows_per_page", 0),
        ("dashboard.yaml", "silent_hours", 0),
        ("work_orders.yaml", "priority.emergency_days.value", 4),
        ("work_orders.yaml", "priority.emergency_probability.value", 0.4),
        ("work_orders.yaml", "priority.urgent_probability.value", 50),
        ("work_orders.yaml", "maximo.prefix", "spi"),
        ("work_orders.yaml", "maximo.wopriority", {1: 1, 2: 2, 3: 3}),
        ("work_orders.yaml", "maximo.wopriority", {1: 1, 2: 2, 3: 3, 4: 1000}),
        ("work_orders.yaml", "sap.notification_type", "M"),
        ("work_orders.yaml", "sap.priority", {1: "1", 2: "2", 3: "3", 4: "low"}),
        ("evaluation.yaml", "protocol.alarm_rul_days.value", -7),
        ("evaluation.yaml", "protocol.alarm_hours.value", 2.5),
        ("evaluation.yaml", "protocol.lead_days.value", -3),
        ("evaluation.yaml", "protocol.min_degradation_days.value", -5),
        ("evaluation.yaml", "report.lead_quantiles", [2, -1]),
        ("evaluation.yaml", "report.lead_quantiles", [0.1, 0.9]),
        ("evaluation.yaml", "report.lead_quantiles", [0.5, 0.1]),
        ("evaluation.yaml", "report.rul_bands_days", [7, 3]),
        ("evaluation.yaml", "report.rul_bands_days", [3, 7]),
        ("evaluation.yaml", "report.rul_bands_days", [0]),
        ("evaluation.yaml", "report.rul_bands_days", []),
        ("evaluation.yaml", "report.lead_quantiles", []),
        ("evaluation.yaml", "prognostics.lambdas", []),
        ("evaluation.yaml", "reasons.leading_share.value", 75),
        ("evaluation.yaml", "prognostics.beta.value", 1),
        ("evaluation.yaml", "prognostics.lambdas", [0.5, 0.25]),
        ("evaluation.yaml", "mlp.hidden_units", [128, 0]),
        ("evaluation.yaml", "card.least_coverage.value", 80),
        ("evaluation.yaml", "card.range_quantiles", [0.99, 0.01]),
        ("fleet.yaml", "stations", {}),
        ("fleet.yaml", "models", {}),
        ("model_config.yaml", "calibration.life_bands", [21, 3, -7]),
        ("model_config.yaml", "calibration.life_bands", [21, 3, 7]),
        ("model_config.yaml", "cmapss.calibration.life_bands", [0, 25]),
        ("model_config.yaml", "network.lstm_units", [0]),
        ("model_config.yaml", "fit.learning_rate", float("inf")),
        ("monitoring.yaml", "reference.shift_quantiles", [0.97, 0.03]),
        ("monitoring.yaml", "reference.prediction_quantiles", [0, 1.1]),
        ("monitoring.yaml", "decision.false_drift_share.value", 2),
        ("monitoring.yaml", "decision.feature_psi.value", -0.25),
        ("monitoring.yaml", "decision.feature_effect.value", float("nan")),
        ("monitoring.yaml", "decision.fleet_effect.value", -1),
        ("monitoring.yaml", "decision.prediction_psi.value", -0.25),
        ("monitoring.yaml", "benchmark.disturbance.sensor", "discharge_tmp"),
        ("monitoring.yaml", "benchmark.disturbance.sensor", "horsepower_consumption"),
        ("quality.yaml", "alerts.group_minutes.value", 0),
        ("quality.yaml", "alerts.most_per_window.value", 2.5),
        ("quality.yaml", "alerts.normal_readings.value", -3),
        ("quality.yaml", "alerts.names.vibration", "vibration"),
        ("quality.yaml", "checks.completeness_readings.value", 95),
        ("quality.yaml", "checks.consistency_gold.value", -0.1),
        ("retraining.yaml", "trigger.cooldown_days.value", -7),
        ("retraining.yaml", "gate.least_certainty.value", 90),
        ("retraining.yaml", "gate.history_tolerance.value", -0.1),
        ("retraining.yaml", "gate.error_margin.value", 3),
        ("retraining.yaml", "gate.recall_margin.value", 10),
        ("retraining.yaml", "gate.slice_margin.value", -0.2),
        ("retraining.yaml", "gate.coverage.high", 98),
        ("retraining.yaml", "gate.calibration_error.value", 5),
        ("retraining.yaml", "gate.size_mb.value", -5),
        ("retraining.yaml", "gate.latency_ms.value", 0),
        ("scoring.yaml", "health.critical.value", -7),
        ("scoring.yaml", "reasons.least_days.value", -1),
        ("scoring.yaml", "reasons.stopped_share.value", 50),
        ("scoring.yaml", "reasons.notable_changes.temp_4hr_mean.value", 0),
        ("simulator.yaml", "units.baseline.vibration_mms.low", -1.5),
        ("simulator.yaml", "units.load_amplitude.high", 11),
        ("simulator.yaml", "faults.gap_hours.low", -0.5),
        ("simulator.yaml", "history.repaired_at.high", 90),
        ("thresholds.yaml", "sensors.vibration_mms.warning.value", -6),
        ("thresholds.yaml", "sensors.discharge_temp_f.critical.value", 2600),
        ("thresholds.yaml", "sensors.vibration_mms.deadband.value", -1),
        ("thresholds.yaml", "sensors.vibration_mms.on_delay_minutes.value", 2_000),
        ("thresholds.yaml", "derived.temp_delta", {}),
        ("thresholds.yaml", "escalation.critical_minutes.value", 0),
        ("thresholds.yaml", "escalation.levels", []),
        ("quality.yaml", "prediction_alerts.repair.warning.value", 2.5),
        ("quality.yaml", "alarm_kpis.priority_mix.low.value", 1.5),
        ("thresholds.yaml", "shelving.most_hours.value", 0),
        ("thresholds.yaml", "escalation.levels", [{"name": "manager", "description": "decides"}] * 2),
        ("thresholds.yaml", "overrides.Ariel JGK/4", {"gas_flow_mcf": {"warning": {"value": 60_000, "source": "the maker"}}}),
    ],
)
def test_nonsense_is_refused_with_file_and_key(tmp_path: Path, file: str, key: str, value: Any) -> None:
    def change(content: dict[str, Any]) -> None:
        *parents, leaf = key.split(".")
        for parent in parents:
            content = content[parent]
        content[leaf] = value

    named = re.escape(key.removesuffix(".value").removesuffix(".low").removesuffix(".high"))
    with pytest.raises(ConfigError, match=rf"{file}: .*{named}"):
        load_changed(tmp_path, file, change)


def test_a_sensor_under_a_wrong_name_is_refused_beside_those_that_are_known(tmp_path: Path) -> None:
    def rename(content: dict[str, Any]) -> None:
        content["sensors"]["vibraton_mms"] = content["sensors"].pop("vibration_mms")

    with pytest.raises(ConfigError, match=r"thresholds\.yaml: sensors\.vibraton_mms.*no such sensor; known: vibration_mms, "):
        load_changed(tmp_path, "thresholds.yaml", rename)


def test_a_sensor_without_thresholds_is_missed(tmp_path: Path) -> None:
    def forget(content: dict[str, Any]) -> None:
        del content["sensors"]["gas_flow_mcf"]

    with pytest.raises(ConfigError, match=r"thresholds\.yaml: sensors: .*gas_flow_mcf missing: every sensor needs a value"):
        load_changed(tmp_path, "thresholds.yaml", forget)


@pytest.mark.parametrize(
    ("section", "part", "name", "value", "says"),
    [
        ("prediction_alerts", "failure_probability", "critical", 0.1, "critical 0.1 must be above warning 0.2"),
        ("prediction_alerts", "failure_probability", "deadband", 0.2, "deadband 0.2 must be below warning 0.2"),
        ("prediction_alerts", "repair", "critical", 4, "critical 4 must be below warning 3"),
        ("alarm_kpis", "priority_mix", "low", 0.9, "low, medium and high make 1.1, not 1"),
    ],
)
def test_limits_of_alarms_that_contradict_each_other_are_told(
    tmp_path: Path, section: str, part: str, name: str, value: float, says: str
) -> None:
    def change(content: dict[str, Any]) -> None:
        content[section][part][name]["value"] = value

    with pytest.raises(ConfigError, match=rf"quality\.yaml: {section}\.{part}: .*{says}"):
        load_changed(tmp_path, "quality.yaml", change)


def test_a_number_out_of_range_is_told_with_its_unit_and_the_range(tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["gate"]["least_certainty"]["value"] = 90
        content["gate"]["coverage"]["high"] = 98

    with pytest.raises(ConfigError) as raised:
        load_changed(tmp_path, "retraining.yaml", change)
    said = str(raised.value)
    assert "gate.least_certainty: Value error, 90 share: must be from 0 to 1" in said
    assert "gate.coverage: Value error, 98 share: must be from 0 to 1" in said
