"""The effect of each sensor, and of each block of its hours, on a prediction: exact Owen values.

The cells of a window are sensors x blocks of hours. An absent cell shows the reference instead of the window. The calendar is always that
of the window, so it takes no part. The value of a coalition of cells is the prediction for such a window.

Owen's value divides the difference between window and reference among the cells. The shares of a sensor's hours add up to its Shapley value
among the sensors. Those add up to the whole difference, exactly.

Sources: Owen, "Values of games with a priori unions", 1977. Lopez, Saboya, Eur. J. Oper. Res. 196, 2009.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import factorial
from typing import Final

import numpy as np

from features.arrays import Bools, Doubles, Float32s
from features.contract import (
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    FEATURES,
    MODEL_SENSORS,
    PRESSURE_DIFFERENTIAL,
    ROLLING_FEATURES,
    STATUS_FEATURES,
    TEMP_DELTA,
    WINDOW_STEP_HOURS,
    WINDOW_STEPS,
)
from features.model_file.onnx_model import OnnxModel

# Which sensor each feature measures. The differential is with discharge pressure: 19 parts of 20 of it are, and suction is nowhere else.
SENSOR_OF: Final[dict[str, str]] = {
    **{feature.name: feature.sensor for feature in ROLLING_FEATURES},
    TEMP_DELTA: DISCHARGE_TEMP,
    PRESSURE_DIFFERENTIAL: DISCHARGE_PRESSURE,
    **STATUS_FEATURES,
}
BLOCKS: Final = ((0, 6), (6, 12), (12, WINDOW_STEPS * WINDOW_STEP_HOURS))  # hours before the window's end, newest first

_MOST_AT_ONCE: Final = 32  # windows whose runs are in memory together


@dataclass(frozen=True)
class Attributions:
    """What each sensor's hours add to the prediction of the reference: [n, sensors, blocks].

    Sensors are in the order of MODEL_SENSORS, blocks in that of BLOCKS.
    """

    rul_days: Doubles
    failure_probability: Doubles

    def of_sensors(self) -> Doubles:
        """Days of life that each sensor adds -> [n, sensors]: its Shapley value."""
        return np.asarray(self.rul_days.sum(axis=2), np.float64)


def attribute(model: OnnxModel, windows: Float32s, references: Float32s) -> Attributions:
    """Attribute the predictions for `windows` [n, steps, features] against `references`, one for each.

    NaN in a reference means the training mean. Costs RUNS runs of the model per window. Raises ModelError for another shape than the model's.
    """
    absent = ~_PRESENT[:, _BLOCK_OF_STEP][:, :, _COLUMN_OF_FEATURE]  # [runs, steps, features]
    rul, probability = (np.empty((len(windows), RUNS)) for _ in range(2))
    for start in range(0, len(windows), _MOST_AT_ONCE):
        part = slice(start, start + _MOST_AT_ONCE)
        mixed = np.where(absent, references[part, None], windows[part, None])  # [some, runs, steps, features]
        predicted = model.predict(mixed.reshape(-1, *windows.shape[1:]))
        rul[part] = predicted.rul.reshape(-1, RUNS)
        probability[part] = predicted.failure_probability.reshape(-1, RUNS)
    shape = (len(windows), len(MODEL_SENSORS), len(BLOCKS))
    return Attributions((rul @ _SHARES).reshape(shape), (probability @ _SHARES).reshape(shape))


def restored_days(model: OnnxModel, windows: Float32s, references: Float32s) -> Doubles:
    """Days of predicted life that return when one sensor alone shows the reference -> [n, sensors].

    Costs one run per window, and one more per sensor and window.
    """
    mixed = [windows]
    for sensor in range(len(MODEL_SENSORS)):
        mixed.append(np.where(sensor == _COLUMN_OF_FEATURE, references, windows))
    rul = [model.predict(some).rul.astype(np.float64) for some in mixed]
    return np.stack(rul[1:], axis=1) - rul[0][:, None]


def _coalitions(sensors: int, blocks: int) -> tuple[Bools, Doubles]:
    """Owen's value as two matrices: coalitions present [runs, blocks, sensors], shares [runs, sensors x blocks].

    The first coalition is empty. A cell's value is the mean change of the prediction when the cell enters, over all orders. Sensors enter one
    after the other. The hours of one sensor enter together, in any order.
    """
    rows: dict[frozenset[tuple[int, int]], int] = {frozenset(): 0}
    shares: list[tuple[int, int, float]] = []
    for sensor, block in itertools.product(range(sensors), range(blocks)):
        for whole, whole_share in _orders(sensors, sensor):
            for part, part_share in _orders(blocks, block):
                before = frozenset(itertools.product(whole, range(blocks))) | {(sensor, own) for own in part}
                for coalition, sign in ((before, -1.0), (before | {(sensor, block)}, 1.0)):
                    row = rows.setdefault(coalition, len(rows))
                    shares.append((row, sensor * blocks + block, sign * whole_share * part_share))
    present, matrix = np.zeros((len(rows), blocks, sensors), np.bool_), np.zeros((len(rows), sensors * blocks))
    for coalition, row in rows.items():
        for sensor, block in coalition:
            present[row, block, sensor] = True
    for row, cell, share in shares:
        matrix[row, cell] += share
    return present, matrix


def _orders(players: int, player: int) -> list[tuple[tuple[int, ...], float]]:
    """The sets of players that can precede `player`, each with its share of all orders."""
    others = [other for other in range(players) if other != player]
    return [
        (before, factorial(size) * factorial(players - size - 1) / factorial(players))
        for size in range(players)
        for before in itertools.combinations(others, size)
    ]


_CELLS, _SHARES = _coalitions(len(MODEL_SENSORS), len(BLOCKS))
RUNS: Final = len(_CELLS)  # of the model per window
# [runs, blocks, sensors + 1]: the calendar's column is always present
_PRESENT: Final = np.concatenate([_CELLS, np.ones((RUNS, len(BLOCKS), 1), np.bool_)], axis=2)
_COLUMN_OF_FEATURE: Final = np.array(
    [MODEL_SENSORS.index(SENSOR_OF[name]) if name in SENSOR_OF else len(MODEL_SENSORS) for name in FEATURES], np.int64
)
_HOURS_BEFORE_END: Final = (WINDOW_STEPS - 1 - np.arange(WINDOW_STEPS)) * WINDOW_STEP_HOURS
_BLOCK_OF_STEP: Final = np.searchsorted([last for _, last in BLOCKS], _HOURS_BEFORE_END, side="right")
