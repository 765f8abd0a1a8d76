"""Lives: onset, duration, and how each one ends."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from config.sections.simulator import MaintenanceConfig, SimulatorConfig
from features.simulator.lives import draw_lives, script_lives
from tests.features.simulator.conftest import Simulated


def test_a_history_holds_every_kind_of_end_and_every_mode(history: Simulated, config: SimulatorConfig) -> None:
    assert set(history.lives["ended_by"]) == {"failure", "maintenance", "censored"}
    assert set(history.lives["mode"].drop_nulls()) == set(config.modes)
    assert {"bearing_wear", "cooling_degradation", "valve_failure", "ring_wear", "packing_leak", "fouling"} <= set(config.modes)


def test_degradations_last_2_to_21_days_and_end_in_the_recorded_failure(history: Simulated) -> None:
    failed = history.lives.filter(pl.col("ended_by") == "failure")
    assert failed["duration_days"].min() >= 2  # type: ignore[operator]
    assert failed["duration_days"].max() <= 21  # type: ignore[operator]
    assert failed["end"].to_list() == failed["planned_failure"].to_list()
    recorded = history.events.filter(pl.col("event_type") == "failure").select("compressor_id", "event_date")
    assert recorded.rows() == failed.select("compressor_id", "end").rows()


def test_the_event_names_the_failed_part_in_words(history: Simulated, config: SimulatorConfig) -> None:
    failed = history.lives.filter(pl.col("ended_by") == "failure")
    recorded = history.events.filter(pl.col("event_type") == "failure")
    assert recorded["description"].to_list() == [config.modes[mode].event_description for mode in failed["mode"]]


def test_a_life_cut_short_by_maintenance_has_no_failure_event(history: Simulated) -> None:
    cut = history.lives.filter((pl.col("ended_by") == "maintenance") & pl.col("onset").is_not_null())
    assert cut.height > 0
    kinds = cut.join(history.events, left_on=["compressor_id", "end"], right_on=["compressor_id", "event_date"], how="left")["event_type"]
    assert set(kinds) <= {"scheduled", "unscheduled"}
    assert (cut["end"] < cut["planned_failure"]).all()


def test_the_last_life_of_a_unit_is_censored_by_the_end_of_the_data(history: Simulated) -> None:
    last = history.lives.group_by("compressor_id").last()
    censored = last.filter(pl.col("ended_by") == "censored")
    assert censored.height >= 20
    assert set(censored["end"]) == {history.report.end.replace(tzinfo=None)}


def test_lives_follow_each_other_after_the_downtime(config: SimulatorConfig) -> None:
    lives, events = draw_lives(np.random.default_rng(1), 400, config)
    assert [life.number for life in lives] == list(range(1, len(lives) + 1))
    assert [life.start for life in lives[1:]] == [event.end for event in events]
    assert [life.end for life in lives[:-1]] == [event.time for event in events]
    assert lives[-1].end == 400


def test_planned_service_comes_about_every_quarter(config: SimulatorConfig) -> None:
    _, events = draw_lives(np.random.default_rng(5), 2000, config)
    services = np.array([event.time for event in events if event.event_type == "scheduled"])
    gaps = np.diff(services) / config.maintenance.interval_days
    assert np.allclose(gaps, np.round(gaps), atol=2 * config.history.maintenance_jitter_days / config.maintenance.interval_days)


@pytest.mark.parametrize("days", [6, 8])
def test_a_scripted_failure_at_the_end_of_the_data_is_not_recorded(config: SimulatorConfig, days: int) -> None:
    number = 3 if days == 6 else 7
    maintenance: MaintenanceConfig = config.maintenance
    lives, events = script_lives(np.random.default_rng(0), number, days, config.model_copy(update={"maintenance": maintenance}))
    assert [life.ended_by for life in lives] == ["censored"]
    assert [event.event_type for event in events] == ["scheduled"]
