"""What share of lives ends before each number that a model says of a window, by predicted life; it travels in the metadata of the ONNX file.

The ends of an interval are where they must be for the interval to hold in every group (training/calibration/intervals.py), so they are no 5 % and 95 % quantiles. Which
quantiles they are was counted on units that the model has not learned from.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.arrays import Doubles

METADATA_KEY: Final = "altaviz.levels"


@dataclass(frozen=True)
class Levels:
    """Shares of lives that end before the lower end, the point and the upper end, at `rul` [k] predicted; linear between, constant beyond."""

    rul: tuple[float, ...]  # ascending, in the unit of the labels
    before: tuple[tuple[float, float, float], ...]  # [k, 3] ascending in every row, within 0 and 1

    def at(self, rul: Doubles) -> Doubles:
        """The shares where `rul` [n] is predicted -> [n, 3]."""
        return np.stack([np.interp(rul, self.rul, column) for column in np.array(self.before).T], axis=1)

    def to_json(self) -> str:
        """The text that travels."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Levels:
        """What `to_json` has written. Raises ValueError when it is something else."""
        said = json.loads(text)
        return cls.of(said["rul"], said["before"])

    @classmethod
    def of(cls, rul: npt.ArrayLike, before: npt.ArrayLike) -> Levels:
        """From arrays [k] and [k, 3]. Raises ValueError when they are no levels."""
        knots, shares = np.asarray(rul, np.float64), np.asarray(before, np.float64)
        if knots.ndim != 1 or not len(knots) or shares.shape != (len(knots), 3):
            raise ValueError(f"lives [k] and shares [k, 3] are wanted, not {list(knots.shape)} and {list(shares.shape)}")
        if not (np.isfinite(knots).all() and np.isfinite(shares).all()):
            raise ValueError("lives and shares must be finite numbers")
        if (np.diff(knots) <= 0).any() or (np.diff(shares, axis=1) < 0).any() or shares.min() < 0 or shares.max() > 1:
            raise ValueError("lives must ascend, and shares within 0 and 1 in every row")
        return cls(tuple(knots.tolist()), tuple((low, point, high) for low, point, high in shares.tolist()))


LOWER_QUANTILE: Final = 0.05  # that a network learns its lower end for
UPPER_QUANTILE: Final = 0.95
INTERVAL_MASS: Final = 0.9  # share of lives that the interval between the two is made to hold
NOMINAL: Final = Levels((0.0,), ((LOWER_QUANTILE, 0.5, UPPER_QUANTILE),))  # of a model that does not say
