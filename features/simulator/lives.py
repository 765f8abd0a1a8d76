"""The lives of one compressor, and the events that a planner would record.

A life is healthy time, onset, degradation and an end. Times are days since the start of the data, rounded to
whole minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from config.sections.simulator import FailureMode, HistoryConfig, MaintenanceConfig, SimulatorConfig
from features.contract import FAILURE, SENSORS
from features.simulator.compressor import HOURS_PER_DAY, MINUTES_PER_DAY
from features.simulator.units import draw

EndedBy = Literal["failure", "maintenance", "censored"]


@dataclass(frozen=True)
class Degradation:
    """One degradation: from the onset, wear grows in proportion to time until the failure."""

    mode: str
    onset: float
    duration: float  # d
    severity: float  # factor on every effect of the mode
    effect_gains: tuple[float, ...]  # [6], this life's own factor per sensor

    @property
    def failure(self) -> float:
        """When it fails if nobody repairs it, days since the start."""
        return _to_minute(self.onset + self.duration)


@dataclass(frozen=True)
class Life:
    """One life between two renewals. The degradation began within it if its onset lies before `end`."""

    number: int
    start: float
    end: float
    ended_by: EndedBy
    degradation: Degradation | None


@dataclass(frozen=True)
class Event:
    """One row of maintenance_events.csv.

    The unit is down from `time` for `downtime_hours`. It sends nothing then if `silent`.
    """

    time: float
    event_type: str
    description: str
    downtime_hours: float
    severity: str
    cost_usd: float
    silent: bool = False

    @property
    def end(self) -> float:
        """When the unit runs again, days since the start."""
        return self.time + self.downtime_hours / HOURS_PER_DAY


def script_lives(rng: np.random.Generator, unit_number: int, days: int, config: SimulatorConfig) -> tuple[list[Life], list[Event]]:
    """The demo's lives of `unit_number`: its scripted degradation, if any, and quarterly services.

    The degradation has nominal severity.
    """
    demo, maintenance = config.demo, config.maintenance
    first = demo.first_maintenance_hour / HOURS_PER_DAY
    events = [_planned_service(float(time), maintenance) for time in np.arange(first, days, maintenance.interval_days)]
    script = demo.lives.get(unit_number)
    if script is None:
        return [Life(1, 0.0, days, "censored", None)], events
    down = Degradation(demo.mode, script.onset_day, script.failure_day - script.onset_day, 1.0, (1.0,) * len(SENSORS))
    if script.failure_day >= days:
        return [Life(1, 0.0, days, "censored", down)], events
    failure = _failure(rng, script.failure_day, config.modes[demo.mode], maintenance, silent=False)
    lives = [Life(1, 0.0, script.failure_day, "failure", down), Life(2, script.failure_day, days, "censored", None)]
    return lives, sorted([*events, failure], key=lambda event: event.time)


def draw_lives(rng: np.random.Generator, days: int, config: SimulatorConfig) -> tuple[list[Life], list[Event]]:
    """Repeated lives over `days`.

    A life ends by failure, by a repair on condition, by a planned service, or with the data.
    """
    lives: list[Life] = []
    events: list[Event] = []
    services = _service_times(rng, days, config.history, config.maintenance)
    start = 0.0
    first_life_share = rng.random()  # the data begin somewhere within the first healthy time
    while start < days:
        healthy = draw(rng, config.history.healthy_days) * (1.0 if lives else first_life_share)
        down = _draw_degradation(rng, start + healthy, config.modes)
        event = _first_end(rng, start, down, services, config)
        number = len(lives) + 1
        if event.time >= days:
            lives.append(Life(number, start, days, "censored", down if down.onset < days else None))
            break
        ended_by: EndedBy = "failure" if event.event_type == FAILURE else "maintenance"
        lives.append(Life(number, start, event.time, ended_by, down if down.onset < event.time else None))
        events.append(event)
        start = event.end
    return lives, events


def _first_end(rng: np.random.Generator, start: float, down: Degradation, services: Sequence[float], config: SimulatorConfig) -> Event:
    """What ends the life that began at `start`.

    It is its failure, a repair on condition or the next planned service: the first of them.
    """
    history, maintenance = config.history, config.maintenance
    if rng.random() < history.repaired_share:
        time = _to_minute(down.onset + draw(rng, history.repaired_at) * down.duration)
        hours = round(draw(rng, maintenance.repair_downtime_hours), 1)
        event = Event(time, "unscheduled", maintenance.repair_description, hours, "medium", maintenance.repair_cost_usd)
    else:
        event = _failure(rng, down.failure, config.modes[down.mode], maintenance, silent=rng.random() < history.repair_gap_share)
    service = next((time for time in services if time > start), np.inf)
    return _planned_service(service, maintenance) if service < event.time else event


def _draw_degradation(rng: np.random.Generator, onset: float, modes: Mapping[str, FailureMode]) -> Degradation:
    shares = np.array([mode.share for mode in modes.values()])
    name = list(modes)[int(rng.choice(len(modes), p=shares / shares.sum()))]
    mode = modes[name]
    gains = rng.uniform(1 - mode.effect_spread, 1 + mode.effect_spread, len(SENSORS))
    return Degradation(name, _to_minute(onset), _to_minute(draw(rng, mode.duration_days)), draw(rng, mode.severity), tuple(gains.tolist()))


def _service_times(rng: np.random.Generator, days: int, config: HistoryConfig, maintenance: MaintenanceConfig) -> list[float]:
    first = rng.uniform(0, maintenance.interval_days)
    times = np.arange(first, days, maintenance.interval_days)
    jitter = rng.uniform(-config.maintenance_jitter_days, config.maintenance_jitter_days, len(times))
    return [_to_minute(time) for time in (times + jitter).tolist() if time > 0]


def _failure(rng: np.random.Generator, time: float, mode: FailureMode, maintenance: MaintenanceConfig, *, silent: bool) -> Event:
    hours = round(draw(rng, maintenance.failure_downtime_hours), 1)
    cost = round(draw(rng, maintenance.unplanned_cost_usd_per_day) * hours / HOURS_PER_DAY, 2)
    return Event(time, FAILURE, mode.event_description, hours, "critical", cost, silent)


def _planned_service(time: float, maintenance: MaintenanceConfig) -> Event:
    hours, cost = maintenance.planned_downtime_hours, maintenance.planned_cost_usd
    return Event(time, "scheduled", maintenance.planned_description, hours, "low", cost)


def _to_minute(days: float) -> float:
    return round(days * MINUTES_PER_DAY) / MINUTES_PER_DAY
