"""Why a prediction is what it is, in a planner's words: what the model made of each sensor, and what that sensor did.

Only sensors are named, and the age of the machine where it decides about a repair; docs/concepts/reasons.md explains the numbers, docs/results/reasons.md how far to trust them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import numpy as np

from config.sections.scoring import ReasonsSection
from config.sections.thresholds import Limit
from features.arrays import Doubles, Float32s
from features.contract import (
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    FEATURES,
    HOUR_VALUES,
    MODEL_SENSORS,
    ROLLING_FEATURES,
    SENSOR_UNITS,
    STATUS_FEATURES,
    STATUS_LEVELS,
    VIBRATION,
    WINDOW_STEP_HOURS,
    WINDOW_STEPS,
)
from features.windows import has_data
from serving.prediction.attribution import BLOCKS, SENSOR_OF
from serving.prediction.reference_day import DAYS

WINDOW_HOURS = WINDOW_STEPS * WINDOW_STEP_HOURS
SENSOR_WORDS: Final = {VIBRATION: "vibration", DISCHARGE_TEMP: "discharge temperature", DISCHARGE_PRESSURE: "discharge pressure"}

_LEVEL_FEATURES: Final = {
    feature.sensor: feature.name for feature in ROLLING_FEATURES if (feature.hours, feature.statistic) == (WINDOW_HOURS, "mean")
}
_STATUS_OF: Final = {sensor: name for name, sensor in STATUS_FEATURES.items()}
_INTERVAL_UNITS: Final = ("F",)  # whose zero means nothing, so that a share of a value means nothing either
_MOST_RELATIVE: Final = 2.0  # a larger change is told as two values, not as hundreds of per cent
_LEAST_TOLD: Final = 0.005  # failure probability that would be told as 0.00


def driving_reasons(
    window: Float32s, before: Float32s, days_before: int, rul_days: Doubles, probability: Doubles, config: ReasonsSection
) -> list[str]:
    """The sensors that shorten the predicted life, most days first, each with what it did since its best day.

    window, before: [steps, features] of now and of that day, `days_before` days before. rul_days, probability: [sensors, blocks], what the hours of
    each sensor add to the prediction (serving.prediction.attribution). A sensor is named from `least_days` off the life on.
    """
    lost = -rul_days.sum(axis=1)
    named = [number for number in np.argsort(-lost, kind="stable") if lost[number] >= config.least_days.value]
    return [
        f"{_sign(window[-1], before[-1], days_before, MODEL_SENSORS[number], config.notable_changes)}: "
        f"{lost[number]:.1f} days off the predicted life, {_hours(-rul_days[number])}{_risk(float(probability[number].sum()))}"
        for number in named
    ] or [f"no sensor takes {config.least_days.value:g} d or more off the predicted life of the best day of the last {DAYS}"]


def incomparable_reason() -> str:
    """Why no sensor is named: there is no earlier day of this compressor."""
    return f"no reason can be given: no day of the last {DAYS} has enough readings to compare with"


def healthy_reason(warning_days: float) -> str:
    """Why no sensor is named: nothing is to be done."""
    return f"nothing to plan: the predicted life is above {warning_days:g} days"


def old_reason(age_days: float, fails: float, plan_days: float) -> str:
    """Why a repair is due that the readings alone do not call for. fails: share of machines of that age that fail within `plan_days`."""
    return f"age: {_of_age(age_days, fails, plan_days)}"


def young_reason(age_days: float, fails: float, plan_days: float) -> str:
    """Why none is due yet that the readings alone do call for."""
    return f"no date yet: {_of_age(age_days, fails, plan_days)}"


def renewed_reason() -> str:
    """Why none is due of a machine that was mended within its window, or still is."""
    return f"no date yet: the readings of the last {WINDOW_HOURS} h begin before it ran again after its last failure, repair or service"


def _of_age(age_days: float, fails: float, plan_days: float) -> str:
    return f"{_days(round(age_days))} since the last failure, repair or service; of machines of that age {fails:.0%} fail within {_days(plan_days)}"


def stale_reason(last_reading: datetime | None, stale_after_hours: float) -> str:
    """Why there is no number: no reading is recent enough."""
    if last_reading is None:
        return f"no reading in the last {WINDOW_HOURS} h"
    newest = last_reading.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    return f"no reading in the last {stale_after_hours:g} h; the newest is of {newest} UTC"


def history_reason(window: Float32s, min_steps: int) -> str:
    """Why there is no number for [steps, features] before filling: too few hours have data, or a sensor in too few of them."""
    hours = {sensor: int((~np.isnan(window[:, FEATURES.index(name)])).sum()) for sensor, name in HOUR_VALUES.items()}
    together = int(has_data(window).sum())
    if set(hours.values()) == {together}:
        return f"{together} of the last {WINDOW_HOURS} hours have data, a prediction needs {min_steps}"
    each = ", ".join(f"{SENSOR_WORDS[sensor]} {own}" for sensor, own in hours.items())
    return f"{together} of the last {WINDOW_HOURS} hours have values of every sensor ({each}), a prediction needs {min_steps}"


def _sign(now: Float32s, then: Float32s, days: int, sensor: str, notable_changes: Mapping[str, Limit]) -> str:
    """What the sensor did between two steps [features]: of its notable changes the largest, else where it stands; with its status unless normal."""
    sizes = {
        name: abs(float(now[column]) - float(then[column])) / limit.value
        for name, limit in notable_changes.items()
        if SENSOR_OF[name] == sensor and np.isfinite(now[column := FEATURES.index(name)]) and np.isfinite(then[column])
    }
    most = max(sizes, key=lambda name: sizes[name], default=None)
    level = float(now[FEATURES.index(_LEVEL_FEATURES[sensor])])
    told = f"24 h mean at {level:.4g} {SENSOR_UNITS[sensor]}"
    if most is None:
        text = f"{SENSOR_WORDS[sensor]} " + (f"{told}, the level before is not known" if np.isfinite(level) else "is not known")
    elif sizes[most] < 1:
        text = f"{SENSOR_WORDS[sensor]} little changed, {told}"
    else:
        column = FEATURES.index(most)
        text = _change(notable_changes[most], float(then[column]), float(now[column]), days)
    code = now[FEATURES.index(_STATUS_OF[sensor])]
    return f"{text} ({STATUS_LEVELS[int(code)]})" if code > 0 else text  # NaN is not above 0


def _change(limit: Limit, then: float, now: float, days: int) -> str:
    word = "up" if now > then else "down"
    when = f"in {_days(days)}"
    if limit.unit in _INTERVAL_UNITS:
        return f"{limit.description} {word} {abs(now - then):.3g} {limit.unit} {when} to {now:.4g} {limit.unit}"
    if abs(now - then) > _MOST_RELATIVE * then:
        return f"{limit.description} {word} from {then:.3g} to {now:.4g} {limit.unit} {when}"
    return f"{limit.description} {word} {abs(now - then) / then:.0%} {when} to {now:.4g} {limit.unit}"


def _days(number: float) -> str:
    return f"{number:g} day{'' if number == 1 else 's'}"


def _hours(lost: Doubles) -> str:
    """Which of the blocks of hours [blocks] took most of the days: the one that took more than half of them, else all of them."""
    most = int(np.argmax(lost))
    if lost[most] <= lost.sum() / 2:
        return f"by all of the last {WINDOW_HOURS} h"
    first, last = BLOCKS[most]
    return f"most by the last {last} h" if first == 0 else f"most by {last} to {first} h before"


def _risk(added: float) -> str:
    return f", {added:+.2f} failure probability" if abs(added) >= _LEAST_TOLD else ""


def finite_or_none(values: Float32s) -> dict[str, float | None]:
    """One step [features] by feature name, fit for JSON: a missing value is None."""
    return {name: float(value) if np.isfinite(value) else None for name, value in zip(FEATURES, values, strict=True)}
