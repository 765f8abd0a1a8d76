"""The sentences of `reasons`: what each sensor did, and its effect on the prediction.

They name only sensors, and the age of the machine where it decides about a repair. The page docs/concepts/reasons.md explains the numbers.
How far to trust them is measured in docs/results/reasons.md.
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
_INTERVAL_UNITS: Final = ("F",)  # their zero is arbitrary, so a share of a value has no meaning
_MOST_RELATIVE: Final = 2.0  # a larger change is given as two values, not as hundreds of per cent
_LEAST_PROBABILITY: Final = 0.005  # a smaller change would read as 0.00


def driving_reasons(
    window: Float32s, before: Float32s, days_before: int, rul_days: Doubles, probability: Doubles, config: ReasonsSection
) -> list[str]:
    """The sensors that shorten the predicted life, most days first, each with its change since the best day.

    Windows `window` and `before` are [steps, features], now and on the best day `days_before` days ago. The effects `rul_days` and
    `probability` are [sensors, blocks] (serving.prediction.attribution). A sensor needs `least_days` to be named.
    """
    lost = -rul_days.sum(axis=1)
    named = [number for number in np.argsort(-lost, kind="stable") if lost[number] >= config.least_days.value]
    return [
        f"{_sign(window[-1], before[-1], days_before, MODEL_SENSORS[number], config.notable_changes)}: "
        f"{lost[number]:.1f} days off the predicted life, {_hours(-rul_days[number])}{_risk(float(probability[number].sum()))}"
        for number in named
    ] or [f"no sensor takes {config.least_days.value:g} d or more off the predicted life, compared with the best of the last {DAYS} days"]


def incomparable_reason() -> str:
    """No sensor is named, because no earlier day of this compressor can be compared."""
    return f"no reasons: none of the last {DAYS} days has enough readings to compare with"


def healthy_reason(warning_days: float) -> str:
    """No sensor is named, because the predicted life is long."""
    return f"nothing to plan: the predicted life is above {warning_days:g} days"


def old_reason(age_days: float, fails: float, plan_days: float) -> str:
    """The age alone makes a repair due. The share `fails` of machines of that age fails within `plan_days`."""
    return f"age: {_of_age(age_days, fails, plan_days)}"


def young_reason(age_days: float, fails: float, plan_days: float) -> str:
    """The readings alone would make a repair due, but the age does not."""
    return f"no repair date yet: {_of_age(age_days, fails, plan_days)}"


def renewed_reason() -> str:
    """No repair is due: the window reaches back to before the last restart."""
    return (
        f"no repair date yet: the readings of the last {WINDOW_HOURS} h begin before the restart after the last failure, repair or service"
    )


def _of_age(age_days: float, fails: float, plan_days: float) -> str:
    return f"{_days(round(age_days))} since the last failure, repair or service; {fails:.0%} of machines of that age fail within {_days(plan_days)}"


def stale_reason(last_reading: datetime | None, stale_after_hours: float) -> str:
    """No number, because no reading is recent enough."""
    if last_reading is None:
        return f"no reading in the last {WINDOW_HOURS} h"
    newest = last_reading.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    return f"no reading in the last {stale_after_hours:g} h; the last one is from {newest} UTC"


def history_reason(window: Float32s, min_steps: int) -> str:
    """No number, because too few hours have data. window: [steps, features] before gaps are filled."""
    hours = {sensor: int((~np.isnan(window[:, FEATURES.index(name)])).sum()) for sensor, name in HOUR_VALUES.items()}
    together = int(has_data(window).sum())
    if set(hours.values()) == {together}:
        return f"only {together} of the last {WINDOW_HOURS} hours have data; a prediction needs {min_steps}"
    each = ", ".join(f"{SENSOR_WORDS[sensor]} {own}" for sensor, own in hours.items())
    return f"only {together} of the last {WINDOW_HOURS} hours have values of every sensor ({each}); a prediction needs {min_steps}"


def _sign(now: Float32s, then: Float32s, days: int, sensor: str, notable_changes: Mapping[str, Limit]) -> str:
    """The largest notable change of a sensor between two steps [features], else its level. With its status unless that is normal."""
    sizes = {
        name: abs(float(now[column]) - float(then[column])) / limit.value
        for name, limit in notable_changes.items()
        if SENSOR_OF[name] == sensor and np.isfinite(now[column := FEATURES.index(name)]) and np.isfinite(then[column])
    }
    most = max(sizes, key=lambda name: sizes[name], default=None)
    level = float(now[FEATURES.index(_LEVEL_FEATURES[sensor])])
    level_text = f"24 h mean at {level:.4g} {SENSOR_UNITS[sensor]}"
    if most is None:
        text = f"{SENSOR_WORDS[sensor]} " + (f"{level_text}, earlier level unknown" if np.isfinite(level) else "is unknown")
    elif sizes[most] < 1:
        text = f"{SENSOR_WORDS[sensor]} little changed, {level_text}"
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
    """The block of hours [blocks] that took over half of the days, else all hours."""
    most = int(np.argmax(lost))
    if lost[most] <= lost.sum() / 2:
        return f"from all of the last {WINDOW_HOURS} h"
    first, last = BLOCKS[most]
    return f"mostly from the last {last} h" if first == 0 else f"mostly from {last} to {first} h before"


def _risk(added: float) -> str:
    return f", failure probability {added:+.2f}" if abs(added) >= _LEAST_PROBABILITY else ""


def finite_or_none(values: Float32s) -> dict[str, float | None]:
    """One step [features] by feature name, fit for JSON: a missing value is None."""
    return {name: float(value) if np.isfinite(value) else None for name, value in zip(FEATURES, values, strict=True)}
