"""Level augmentation: moves the sensor levels of a window and keeps everything that happens within it.

A training fleet has some dozens of compressors, each with its own levels. A network soon recognises them by these levels and
remembers their lives. A new random level for each draw leaves only the changes within the window as a signal
(measured: docs/decisions/005-level-augmentation.md).
"""

from __future__ import annotations

import numpy as np

from config.sections.model import AugmentationSection
from features.arrays import Float32s
from features.contract import DISCHARGE_PRESSURE, DISCHARGE_TEMP, FEATURES, PRESSURE_DIFFERENTIAL, ROLLING_FEATURES, VIBRATION

_VIBRATION = [FEATURES.index(feature.name) for feature in ROLLING_FEATURES if feature.sensor == VIBRATION]
_TEMPERATURE = [
    FEATURES.index(feature.name) for feature in ROLLING_FEATURES if feature.sensor == DISCHARGE_TEMP and feature.statistic == "mean"
]
_PRESSURE = [FEATURES.index(feature.name) for feature in ROLLING_FEATURES if feature.sensor == DISCHARGE_PRESSURE] + [
    FEATURES.index(PRESSURE_DIFFERENTIAL)
]


class LevelAugmentation:
    """Moves the levels of windows [n, steps, 24] of the contract, in place.

    Vibration is scaled, as its noise is proportional to its level. Temperature (F) and discharge pressure (PSI) are shifted; the pressure
    differential follows. All steps of a window move by the same amount.
    """

    def __init__(self, config: AugmentationSection) -> None:
        self._config = config

    def __call__(self, windows: Float32s, random: np.random.Generator) -> Float32s:
        """Return `windows` with every one moved by its own draw."""
        draws = random.normal(size=(3, len(windows), 1, 1)).astype(np.float32)
        windows[:, :, _VIBRATION] *= np.exp(draws[0] * self._config.vibration_log_std)
        windows[:, :, _TEMPERATURE] += draws[1] * self._config.temp_std_f
        windows[:, :, _PRESSURE] += draws[2] * self._config.pressure_std_psi
        return windows
