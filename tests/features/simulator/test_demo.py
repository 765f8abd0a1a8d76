"""The demo is the fleet of the design: exact counts, exact events, and the law of the degradation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sin

import numpy as np
import polars as pl
import pytest

from config.sections.fleet import FleetConfig
from config.sections.simulator import SimulatorConfig
from features.contract import READING_FIELDS, SENSORS
from features.simulator.plan import FleetRequest, resolve
from features.simulator.readings import simulate_unit
from tests.features.simulator.conftest import Simulated

START = datetime(2026, 3, 2, 6, tzinfo=UTC)


def law(days: float) -> dict[str, float]:
    """The design's law for vibration, temperature and pressure, and what the field exports show for the other three."""
    pressure = 1 + 0.3 * sin(days)
    return {
        "vibration_mms": 1 + (days / 2) ** 1.5,
        "discharge_temp_f": 1 + 0.15 * days,
        "suction_pressure_psi": pressure,
        "discharge_pressure_psi": pressure,
        "horsepower_consumption": 1 + 0.1 * days,
        "gas_flow_mcf": 1 + 0.1 * days,
    }


def mean_between(demo: Simulated, compressor_id: str, first_day: float, last_day: float) -> dict[str, float]:
    span = pl.col("timestamp").is_between(START + timedelta(days=first_day), START + timedelta(days=last_day), closed="left")
    return demo.readings.filter(span & (pl.col("compressor_id") == compressor_id)).select(SENSORS).mean().row(0, named=True)


def test_the_demo_has_ten_compressors_seven_days_and_10080_complete_rows(demo: Simulated) -> None:
    assert tuple(demo.readings.columns) == READING_FIELDS
    assert demo.readings.schema["timestamp"] == pl.Datetime("us", "UTC")
    assert demo.readings.height == demo.report.rows == 10_080
    assert sum(demo.readings.null_count().row(0)) == 0
    assert demo.readings["compressor_id"].unique().sort().to_list() == [f"COMP-{number:03d}" for number in range(1, 11)]
    assert demo.readings["timestamp"].min() == START
    assert demo.readings["timestamp"].max() == START + timedelta(days=7) - timedelta(minutes=10)
    assert demo.readings.unique(["compressor_id", "timestamp"]).height == 10_080


def test_one_minute_gives_100800_rows(config: SimulatorConfig, fleet: FleetConfig) -> None:
    plan = resolve(config, fleet, FleetRequest("demo", interval_min=1, seed=7))
    assert sum(len(simulate_unit(plan, index).steps) for index in range(plan.compressors)) == 100_800


def test_values_are_rounded_like_telemetry(demo: Simulated) -> None:
    assert demo.readings.select((pl.col(sensor).round(2) == pl.col(sensor)).all() for sensor in SENSORS).row(0) == (True,) * 6


def test_comp_003_fails_exactly_on_day_six_with_12_to_24_hours_of_downtime(demo: Simulated) -> None:
    failures = demo.events.filter(pl.col("event_type") == "failure")
    assert demo.report.failures == failures.height == 1
    failure = failures.row(0, named=True)
    assert failure["compressor_id"] == "COMP-003"
    assert failure["event_date"] == datetime(2026, 3, 8, 6)
    assert failure["description"] == "Bearing failure detected - high vibration levels"
    assert failure["severity"] == "critical"
    assert 12 <= failure["downtime_hours"] <= 24
    assert 50_000 <= failure["cost_usd"] / failure["downtime_hours"] * 24 <= 100_000


def test_every_unit_has_its_quarterly_service(demo: Simulated) -> None:
    services = demo.events.filter(pl.col("event_type") == "scheduled")
    assert services["compressor_id"].to_list() == [f"COMP-{number:03d}" for number in range(1, 11)]
    assert set(services["event_date"].to_list()) == {datetime(2026, 3, 2, 9)}
    assert services.row(0)[2:] == ("scheduled", "Quarterly preventive maintenance", 3.0, "low", 1200.0)


@pytest.mark.parametrize(
    ("compressor_id", "onset", "days"), [("COMP-003", 3, 1), ("COMP-003", 3, 2), ("COMP-003", 3, 2.9), ("COMP-007", 5, 1.9)]
)
def test_degradation_follows_the_design_law(demo: Simulated, compressor_id: str, onset: float, days: float) -> None:
    healthy = mean_between(demo, compressor_id, 0, onset)
    degraded = mean_between(demo, compressor_id, onset + days - 0.08, onset + days + 0.08)  # 23 readings: 3 % noise leaves 0.6 %
    for sensor, expected in law(days).items():
        assert degraded[sensor] / healthy[sensor] == pytest.approx(expected, rel=0.025), sensor


def test_comp_003_is_healthy_from_the_moment_of_its_failure_on(demo: Simulated) -> None:
    before, after = mean_between(demo, "COMP-003", 0, 3), mean_between(demo, "COMP-003", 6, 7)
    for sensor in SENSORS:
        assert after[sensor] / before[sensor] == pytest.approx(1.0, rel=0.015), sensor


def test_comp_007_is_degrading_when_the_data_end_and_no_failure_is_recorded(demo: Simulated) -> None:
    assert demo.events.filter((pl.col("compressor_id") == "COMP-007") & (pl.col("event_type") == "failure")).height == 0
    life = demo.lives.filter(pl.col("compressor_id") == "COMP-007").row(0, named=True)
    assert (life["onset"], life["planned_failure"], life["ended_by"]) == (datetime(2026, 3, 7, 6), datetime(2026, 3, 10, 6), "censored")


def test_healthy_units_stay_level_with_three_percent_noise(demo: Simulated) -> None:
    healthy = demo.readings.filter(~pl.col("compressor_id").is_in(["COMP-003", "COMP-007"]))
    spread = healthy.group_by("compressor_id").agg(pl.col(sensor).std() / pl.col(sensor).mean() for sensor in SENSORS)
    assert np.allclose(spread.select(SENSORS).to_numpy(), 0.03, atol=0.003)


def test_the_demo_covers_all_stations_and_takes_the_models_in_turn(demo: Simulated, fleet: FleetConfig) -> None:
    assert demo.metadata["station_id"].unique().sort().to_list() == ["STATION-A", "STATION-B", "STATION-C", "STATION-D"]
    assert demo.metadata["model"].to_list() == [list(fleet.models)[index % 4] for index in range(10)]
    assert demo.metadata.row(0)[:3] == ("COMP-001", "Ajax DPC-360", 1340)
    assert demo.metadata["install_date"].max() < START.date()
