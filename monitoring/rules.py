"""The maintenance policies that are compared: when each asks for a repair in the hours of monitoring.episodes. Pure.

Signals must last `alarm_hours` in a row, as alarms must (monitoring.alarms); the hours before the whole window of a prediction lies within
its life do not count: whoever has just mended a machine does not mend it for what was read before.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from config.costs import CostsConfig
from features.contract import STATUS_LEVELS, WINDOW_STEP_HOURS, WINDOW_STEPS
from monitoring.episodes import Episodes
from monitoring.policy import Bools, Doubles, Policy
from serving.costs import NOT_DUE

OURS: Final = "act_by"
TO_FAILURE: Final = "run_to_failure"
INTERVAL: Final = "fixed_interval"
WARNING, CRITICAL = "threshold_warning", "threshold_critical"
FORESIGHT: Final = "perfect_foresight"  # no policy, but what the best one could cost

_HOURS: Final = 24  # per day


def policies(episodes: Episodes, interval_days: float | None, alarm_hours: int, costs: CostsConfig) -> dict[str, Policy]:
    """Every policy by name; an interval of None never repairs."""
    lives, told, lead = episodes.lives, episodes.told, costs.planned.lead_days.value
    age_days, left_days = lives.age_hours / _HOURS, lives.left_days
    own_window = lives.age_hours >= WINDOW_STEPS * WINDOW_STEP_HOURS
    due = (told.due_days != NOT_DUE) & (told.due_days <= costs.planned.earliest_day) & own_window
    in_turn = np.zeros(len(age_days))

    def last(asks: Bools) -> Bools:
        return np.concatenate([lasting(part, alarm_hours) for part in np.split(asks, lives.first[1:])])

    def at_least(level: str) -> Bools:
        return np.asarray(told.status >= STATUS_LEVELS.index(level), np.bool_)

    never = np.zeros(len(age_days), np.bool_)
    saving: Doubles = told.saving_usd
    return {
        TO_FAILURE: Policy(never, in_turn),
        INTERVAL: Policy(never if interval_days is None else age_days >= interval_days - lead, in_turn),
        WARNING: Policy(last(at_least("warning")), in_turn),
        CRITICAL: Policy(last(at_least("critical")), in_turn),
        OURS: Policy(last(due), saving),
        FORESIGHT: Policy(left_days <= lead + costs.planned.crew_days.value, -left_days),
    }


def lasting(asks: Bools, hours_in_a_row: int) -> Bools:
    """Which of consecutive hours [n] are at least the `hours_in_a_row`-th in a row that asks."""
    kept = asks.copy()
    for back in range(1, hours_in_a_row):
        kept[back:] &= asks[:-back]
        kept[:back] = False
    return kept
