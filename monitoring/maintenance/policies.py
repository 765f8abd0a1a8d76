"""Maintenance policies: at which hours each asks for a repair. Pure.

Predictions must ask for `alarm_hours` in a row, as for alarms (monitoring.evaluation.alarms). Statuses must last as long as costs.yaml
requires. Hours count once a prediction's whole window lies within its life: readings from before a repair never trigger a new one.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from config.sections.costs import CostsConfig
from features.arrays import Bools
from features.contract import STATUS_LEVELS, WINDOW_STEP_HOURS, WINDOW_STEPS
from monitoring.maintenance.complete_lives import Episodes
from serving.prediction.repair_cost import NOT_DUE

OURS: Final = "act_by"
TO_FAILURE: Final = "run_to_failure"
INTERVAL: Final = "fixed_interval"
WARNING, CRITICAL = "threshold_warning", "threshold_critical"
LIFE: Final = "predicted_life"
FORESIGHT: Final = "perfect_foresight"  # no policy, but what the best one could cost

_HOURS: Final = 24  # per day


def policies(episodes: Episodes, interval_days: float | None, alarm_hours: int, costs: CostsConfig) -> dict[str, Bools]:
    """At which hours [hours] each policy asks for a repair, by name. An interval of None never does."""
    lives, predictions, planned, simulation = episodes.lives, episodes.predictions, costs.planned, costs.simulation
    age_days, left_days = lives.age_hours / _HOURS, lives.left_days
    own_window = lives.age_hours >= WINDOW_STEPS * WINDOW_STEP_HOURS
    due = (predictions.due_days != NOT_DUE) & (predictions.due_days <= planned.earliest_day)
    short = np.asarray(predictions.rul_days <= simulation.predicted_life_days.value, np.bool_)

    def last(asks: Bools, hours: float) -> Bools:
        return np.concatenate([lasting(part, int(hours)) for part in np.split(asks, lives.first[1:])])

    def at_least(level: str) -> Bools:
        return np.asarray(predictions.status >= STATUS_LEVELS.index(level), np.bool_)

    never = np.zeros(len(age_days), np.bool_)
    lead = planned.lead_days.value
    return {
        TO_FAILURE: never,
        INTERVAL: never if interval_days is None else age_days >= interval_days - lead,
        WARNING: last(at_least("warning"), simulation.threshold_warning_hours.value),
        CRITICAL: last(at_least("critical"), simulation.threshold_critical_hours.value),
        LIFE: last(short & own_window, alarm_hours),
        OURS: last(due & own_window, alarm_hours),
        FORESIGHT: left_days <= lead + planned.crew_days.value,
    }


def lasting(asks: Bools, hours_in_a_row: int) -> Bools:
    """Which of consecutive hours [n] are at least the `hours_in_a_row`-th in a row that asks."""
    kept = asks.copy()
    for back in range(1, hours_in_a_row):
        kept[back:] &= asks[:-back]
        kept[:back] = False
    return kept
