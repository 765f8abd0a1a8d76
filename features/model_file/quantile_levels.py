"""Which share of lives ends before each number of a prediction, by predicted life.

The metadata of the ONNX file stores it. The ends of an interval are set so that it holds in every group
(training/calibration/intervals.py). So they are not the 5 % and 95 % quantiles. Their levels were counted on
units that the model was not trained on.
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
    """Shares of lives that end before the lower end, the point and the upper end.

    They are given at `rul` [k] predicted. Values between are linear, values beyond constant.
    """

    rul: tuple[float, ...]  # ascending, in the unit of the labels
    before: tuple[tuple[float, float, float], ...]  # [k, 3] ascending in every row, within 0 and 1

    def at(self, rul: Doubles) -> Doubles:
        """The shares where `rul` [n] is predicted -> [n, 3]."""
        return np.stack([np.interp(rul, self.rul, column) for column in np.array(self.before).T], axis=1)

    def to_json(self) -> str:
        """As JSON text, for the metadata."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Levels:
        """Inverse of `to_json`. Raises ValueError for any other text."""
        values = json.loads(text)
        return cls.of(values["rul"], values["before"])

    @classmethod
    def of(cls, rul: npt.ArrayLike, before: npt.ArrayLike) -> Levels:
        """From arrays [k] and [k, 3]. Raises ValueError when they are no levels."""
        knots, shares = np.asarray(rul, np.float64), np.asarray(before, np.float64)
        if knots.ndim != 1 or not len(knots) or shares.shape != (len(knots), 3):
            raise ValueError(f"lives must be [k] and shares [k, 3], not {list(knots.shape)} and {list(shares.shape)}")
        if not (np.isfinite(knots).all() and np.isfinite(shares).all()):
            raise ValueError("lives and shares must be finite numbers")
        if (np.diff(knots) <= 0).any() or (np.diff(shares, axis=1) < 0).any() or shares.min() < 0 or shares.max() > 1:
            raise ValueError("lives must ascend, and shares within 0 and 1 in every row")
        return cls(tuple(knots.tolist()), tuple((low, point, high) for low, point, high in shares.tolist()))


LOWER_QUANTILE: Final = 0.05  # that a network's lower end is trained for
UPPER_QUANTILE: Final = 0.95
INTERVAL_MASS: Final = 0.9  # share of lives that the interval between the two is made to hold
NOMINAL: Final = Levels((0.0,), ((LOWER_QUANTILE, 0.5, UPPER_QUANTILE),))  # of a model without levels in its metadata
