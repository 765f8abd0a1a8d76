"""Compressors with faulty sensors. Bad data is no drift, so monitoring leaves their hours out.

An hour is left out from the beginning of a fault until two days after its last report. Features look a day back, and a model's window
holds a day of them. Before a fault is reported, some of its values have become features. After it, long averages rest on few readings.
Only faults of sensors that features are made of count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import numpy as np

from features.arrays import Bools
from features.contract import (
    ALL_SENSORS,
    COMPRESSOR_ID,
    MAX_LOOKBACK_HOURS,
    MODEL_SENSORS,
    SUCTION_PRESSURE,
    WINDOW_STEP_HOURS,
    WINDOW_STEPS,
)
from features.grid import History
from features.sensor_health.fault import Fault, FaultTexts, decode_faults
from serving.prediction.data_faults import join_links, utc_text

_SPOILING: Final = (*MODEL_SENSORS, SUCTION_PRESSURE, ALL_SENSORS)  # suction is part of the pressure differential
_MICROSECOND: Final = timedelta(microseconds=1)
_HOUR_US: Final = timedelta(hours=WINDOW_STEP_HOURS) // _MICROSECOND
_AFTERMATH_US: Final = timedelta(hours=MAX_LOOKBACK_HOURS + WINDOW_STEPS * WINDOW_STEP_HOURS) // _MICROSECOND


def faulty_hours(history: History, texts: Mapping[str, FaultTexts]) -> Bools:
    """The rows of `history` that a fault has touched -> [compressors x hours]. `texts` by compressor, as features.grid reads them."""
    left_out = np.zeros(len(history.values), np.bool_)
    marks = int(history.first_mark.timestamp()) * 1_000_000 + np.arange(history.hours) * _HOUR_US
    for compressor_id, first_row in zip(history.compressor_ids, history.first_rows(), strict=True):
        own = left_out[first_row : first_row + history.hours]  # a view
        for last_us, text in texts.get(compressor_id, ()):
            for fault in _spoiling(decode_faults(text)):
                own |= (marks >= fault.since_us) & (marks < last_us + _AFTERMATH_US)
    return left_out


def name_faults(texts: Mapping[str, FaultTexts]) -> list[dict[str, str]]:
    """The faults that leave hours out, by compressor, oldest first.

    Each has compressor_id, sensor (`all`: a dead link), fault and since (ISO 8601, UTC).
    """
    named = []
    for compressor_id in sorted(texts):
        own = {fault for _, text in texts[compressor_id] for fault in _spoiling(join_links(decode_faults(text)))}
        for fault in sorted(own, key=lambda item: (item.since_us, item.sensor, item.fault)):
            named.append({COMPRESSOR_ID: compressor_id, "sensor": fault.sensor, "fault": fault.fault, "since": utc_text(fault.since_us)})
    return named


def _spoiling(faults: Sequence[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.sensor in _SPOILING]
