"""Sensor faults in a window: the hours a prediction leaves out, and the sentences for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from features.arrays import Float32s
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
    """A fault of some readings of a window."""

    fault: Fault
    last_us: int  # newest reading with it
    is_active: bool  # the newest reading of all has it


def window_faults(texts: FaultTexts, newest: datetime | None) -> list[WindowFault]:
    """The faults in the readings of a window, by sensor, oldest first. The time of the last reading is `newest`."""
    last: dict[Fault, int] = {}
    for moment, text in texts:
        for fault in decode_faults(text):
            last[fault] = moment
    end = None if newest is None else (newest - _YEAR_1970) // timedelta(microseconds=1)
    found = [WindowFault(fault, moment, moment == end) for fault, moment in last.items()]
    return sorted(found, key=lambda item: (SENSORS.index(item.fault.sensor), item.fault.since_us))


def mask_faults(steps: Float32s, faults: Sequence[WindowFault], as_of: datetime) -> Float32s:
    """A copy of `steps` [steps, features], NaN for a faulty sensor since its fault began. That includes hours before its detection."""
    masked = steps.copy()
    end = (as_of - _YEAR_1970) // timedelta(microseconds=1)
    marks = end - _HOUR_US * np.arange(WINDOW_STEPS - 1, -1, -1)
    for item in faults:
        hours = np.flatnonzero((marks > item.fault.since_us) & (marks - _HOUR_US < item.last_us))
        masked[hours[:, None], _FEATURES_OF[item.fault.sensor]] = np.nan
    return masked


def spoils_model(faults: Sequence[WindowFault]) -> bool:
    """Whether a sensor behind the features has a fault."""
    return any(item.fault.sensor in MODEL_SENSORS for item in faults)


def describe_faults(faults: Sequence[WindowFault], as_of: datetime) -> list[dict[str, Any]]:
    """The faults as stored and reported: sensor, fault, since (ISO 8601, UTC), detail. A fault of every sensor is one entry."""
    joined = _joined(faults)
    return [
        {
            "sensor": item.fault.sensor,
            "fault": item.fault.fault,
            "since": utc_text(item.fault.since_us),
            "detail": fault_detail(item.fault, as_of) + ("" if item.is_active else f"; last seen {utc_text(item.last_us)}"),
        }
        for item in joined
    ]


def fault_detail(fault: Fault, as_of: datetime) -> str:
    """What a fault means, for a planner."""
    hours = max((as_of - fault.since) / timedelta(hours=1), 0.0)
    if fault.fault == FROZEN:
        return f"no change for {hours:.0f} h" + (": the link is dead" if fault.sensor == ALL_SENSORS else " while the compressor runs")
    if fault.fault == ZERO:
        return "reads zero" + (": the link is dead" if fault.sensor == ALL_SENSORS else " while the compressor runs")
    if fault.fault == UNIT_CHANGE:
        return f"the level jumped as if the unit had changed; the readings fit {fault.unit}"
    if fault.fault == WRONG_UNIT:
        return f"the readings never fitted the expected unit; they fit {fault.unit}"
    return {
        IMPLAUSIBLE: "neither a running nor a stopped compressor gives such values",
        FLAGGED_BAD: "the source marks the value as bad",
        MISSING: f"no value for {hours:.0f} h",
    }[fault.fault]


def fault_sentence(described: Sequence[dict[str, Any]], lead: str) -> str:
    """One reason that names all faults, after `lead`."""
    return f"{lead}: {'; '.join(_named(item['sensor'], item['fault'], item['since'], item['detail']) for item in described)}"


def fault_message(fault: Fault, as_of: datetime) -> str:
    """One fault for a planner: which sensor, what, since when."""
    return _named(fault.sensor, fault.fault, utc_text(fault.since_us), fault_detail(fault, as_of))


def _named(sensor: str, fault: str, since: str, detail: str) -> str:
    return f"{FAULT_WORDS[sensor]} {fault} since {since} ({detail})"


def dead_links(faults: Sequence[Fault]) -> list[Fault]:
    """The faults that every sensor has at once, each as one fault of all sensors. Then the link is broken, not six sensors."""
    found = []
    for kind in (FROZEN, ZERO):
        own = [item for item in faults if item.fault == kind]
        if {item.sensor for item in own} == set(SENSORS):
            found.append(Fault(ALL_SENSORS, kind, max(item.since_us for item in own)))
    return found


def is_part_of(fault: Fault, links: Sequence[Fault]) -> bool:
    """Whether one of `dead_links` covers a fault of one sensor."""
    return any(link.fault == fault.fault for link in links)


def join_links(faults: Sequence[Fault]) -> list[Fault]:
    """The faults of one reading. A dead link is one fault instead of six."""
    links = dead_links(faults)
    return [*links, *(item for item in faults if not is_part_of(item, links))]


def _joined(faults: Sequence[WindowFault]) -> list[WindowFault]:
    """`join_links` for the faults of a window, where some may have ended."""
    active = [item for item in faults if item.is_active]
    links = dead_links([item.fault for item in active])
    joined = [WindowFault(link, max(item.last_us for item in active if is_part_of(item.fault, [link])), is_active=True) for link in links]
    return [*joined, *(item for item in faults if not (item.is_active and is_part_of(item.fault, links)))]


def utc_text(moment_us: int) -> str:
    """Microseconds since 1970 as ISO 8601, UTC, in whole seconds."""
    return (_YEAR_1970 + timedelta(microseconds=moment_us)).strftime("%Y-%m-%dT%H:%M:%SZ")
