"""What is wrong with a compressor's data in a window: which hours a prediction must do without, and what a person is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from features.contract import (
    ALL_SENSORS,
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    FEATURES,
    FLAGGED_BAD,
    FROZEN,
    GAS_FLOW,
    HORSEPOWER,
    IMPLAUSIBLE,
    MISSING,
    MODEL_SENSORS,
    PRESSURE_DIFFERENTIAL,
    ROLLING_FEATURES,
    SENSORS,
    STATUS_FEATURES,
    SUCTION_PRESSURE,
    TEMP_DELTA,
    UNIT_CHANGE,
    VIBRATION,
    WINDOW_STEP_HOURS,
    WINDOW_STEPS,
    WRONG_UNIT,
    ZERO,
)
from features.sensor_health.fault import Fault, FaultTexts, decode_faults
from features.windows import Floats

FAULT_WORDS: Final = {
    VIBRATION: "vibration",
    DISCHARGE_TEMP: "discharge temperature",
    SUCTION_PRESSURE: "suction pressure",
    DISCHARGE_PRESSURE: "discharge pressure",
    HORSEPOWER: "shaft power",
    GAS_FLOW: "gas flow",
    ALL_SENSORS: "every sensor",
}
_HOUR_US: Final = timedelta(hours=WINDOW_STEP_HOURS) // timedelta(microseconds=1)
_YEAR_1970: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MEASURED_BY: Final[dict[str, tuple[str, ...]]] = {
    **{feature.name: (feature.sensor,) for feature in ROLLING_FEATURES},
    **{feature: (sensor,) for feature, sensor in STATUS_FEATURES.items()},
    TEMP_DELTA: (DISCHARGE_TEMP,),
    PRESSURE_DIFFERENTIAL: (DISCHARGE_PRESSURE, SUCTION_PRESSURE),
}
_FEATURES_OF: Final = {
    sensor: [column for column, name in enumerate(FEATURES) if sensor in _MEASURED_BY.get(name, ())] for sensor in SENSORS
}


@dataclass(frozen=True)
class WindowFault:
    """A fault that some readings of a window were known to have."""

    fault: Fault
    last_us: int  # newest reading with it
    is_active: bool  # the newest reading of all has it


def window_faults(texts: FaultTexts, newest: datetime | None) -> list[WindowFault]:
    """The faults that the readings of a window name, `newest` being the time of the last reading; by sensor, oldest first."""
    last: dict[Fault, int] = {}
    for moment, text in texts:
        for fault in decode_faults(text):
            last[fault] = moment
    end = None if newest is None else (newest - _YEAR_1970) // timedelta(microseconds=1)
    found = [WindowFault(fault, moment, moment == end) for fault, moment in last.items()]
    return sorted(found, key=lambda item: (SENSORS.index(item.fault.sensor), item.fault.since_us))


def mask_faults(steps: Floats, faults: Sequence[WindowFault], as_of: datetime) -> Floats:
    """`steps` [steps, features] without what a sensor with a fault has left in the hours since the fault began, also before it was known."""
    masked = steps.copy()
    end = (as_of - _YEAR_1970) // timedelta(microseconds=1)
    marks = end - _HOUR_US * np.arange(WINDOW_STEPS - 1, -1, -1)
    for item in faults:
        hours = np.flatnonzero((marks > item.fault.since_us) & (marks - _HOUR_US < item.last_us))
        masked[hours[:, None], _FEATURES_OF[item.fault.sensor]] = np.nan
    return masked


def spoils_model(faults: Sequence[WindowFault]) -> bool:
    """Whether a sensor that features are made of has a fault."""
    return any(item.fault.sensor in MODEL_SENSORS for item in faults)


def describe_faults(faults: Sequence[WindowFault], as_of: datetime) -> list[dict[str, Any]]:
    """The faults as they are stored and reported: sensor, fault, since (ISO 8601, UTC), detail; one line where every sensor has the same."""
    joined = _joined(faults)
    return [
        {
            "sensor": item.fault.sensor,
            "fault": item.fault.fault,
            "since": _utc_text(item.fault.since_us),
            "detail": fault_detail(item.fault, as_of) + ("" if item.is_active else f"; over since {_utc_text(item.last_us)}"),
        }
        for item in joined
    ]


def fault_detail(fault: Fault, as_of: datetime) -> str:
    """What a fault means, in a planner's words."""
    hours = max((as_of - fault.since) / timedelta(hours=1), 0.0)
    if fault.fault == FROZEN:
        return f"no change for {hours:.0f} h" + (": the link is dead" if fault.sensor == ALL_SENSORS else " while the unit runs")
    if fault.fault == ZERO:
        return "reads zero" + (": the link is dead" if fault.sensor == ALL_SENSORS else " while the unit runs")
    if fault.fault == UNIT_CHANGE:
        return f"its level has jumped as a change of the unit would make it: it looks like {fault.unit}"
    if fault.fault == WRONG_UNIT:
        return f"it has never come in the right unit: it looks like {fault.unit}"
    return {
        IMPLAUSIBLE: "it shows what neither a running nor a stopped unit can",
        FLAGGED_BAD: "the source itself calls it bad",
        MISSING: f"no value for {hours:.0f} h",
    }[fault.fault]


def fault_sentence(described: Sequence[dict[str, Any]], lead: str) -> str:
    """One reason that names all faults, after `lead`."""
    named = (f"{FAULT_WORDS[item['sensor']]} {item['fault']} since {item['since']} ({item['detail']})" for item in described)
    return f"{lead}: {'; '.join(named)}"


def _joined(faults: Sequence[WindowFault]) -> list[WindowFault]:
    """Faults of one kind that every sensor has at once as one of all sensors: the link, not six sensors, is broken."""
    kept: list[WindowFault] = list(faults)
    for kind in (FROZEN, ZERO):
        own = [item for item in kept if item.fault.fault == kind and item.is_active]
        if {item.fault.sensor for item in own} == set(SENSORS):
            since, last = max(item.fault.since_us for item in own), max(item.last_us for item in own)
            joined = WindowFault(Fault(ALL_SENSORS, kind, since), last, is_active=True)
            kept = [joined, *(item for item in kept if item not in own)]
    return kept


def _utc_text(moment_us: int) -> str:
    return (_YEAR_1970 + timedelta(microseconds=moment_us)).strftime("%Y-%m-%dT%H:%M:%SZ")
