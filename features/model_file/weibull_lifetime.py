"""How long machines live from one renewal to the next failure, as a Weibull law.

The metadata of the ONNX file stores it. P(life > t) = exp(-(t / scale)^shape), with t in days. It is the
customary law of wear (Weibull, J. Appl. Mech. 18, 1951). Shape 1 is a machine that does not age.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from features.arrays import Doubles

METADATA_KEY: Final = "altaviz.ageing"

_STEPS_PER_MEAN: Final = 500  # of the grid that a remaining life at no known age is integrated on
_MEANS: Final = 12.0  # mean lives that it covers beyond the requested times


@dataclass(frozen=True)
class Ageing:
    """A Weibull law of lives, and the longest life that it was fitted to.

    Nothing is known of older machines.
    """

    shape: float
    scale_days: float
    longest_days: float

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that are no law."""
        for name, value in asdict(self).items():
            if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a number above 0, not {value!r}")

    @property
    def mean_days(self) -> float:
        """Mean life."""
        return self.scale_days * math.gamma(1 + 1 / self.shape)

    def left(self, age_days: Doubles, days: Doubles) -> Doubles:
        """P(remaining life > days) of machines of `age_days` [n], for `days` [m] -> [n, m].

        A machine older than the longest life counts as that old.
        """
        age = np.minimum(age_days, self.longest_days)[:, None]
        return np.asarray(np.exp(self._hazard(age) - self._hazard(age + days)))

    def left_at_any_age(self, days: Doubles) -> Doubles:
        """P(remaining life > days) of a machine of unknown age, for `days` [m] -> [m].

        It is met at any time, in a fleet that runs to failure. This is the equilibrium law of renewal theory
        (Cox, 1962).
        """
        end = float(days.max(initial=0.0)) + _MEANS * self.mean_days
        grid = np.linspace(0.0, end, 1 + math.ceil(end / self.mean_days * _STEPS_PER_MEAN))
        alive = np.exp(-self._hazard(grid))
        lived = np.concatenate([[0.0], np.cumsum((alive[1:] + alive[:-1]) / 2 * np.diff(grid))])
        return np.asarray(1 - np.interp(days, grid, lived) / lived[-1])

    def _hazard(self, days: Doubles) -> Doubles:
        return np.asarray((days / self.scale_days) ** self.shape)

    def to_json(self) -> str:
        """As JSON text, for the metadata."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Ageing:
        """Inverse of `to_json`. Raises KeyError, TypeError or ValueError for any other text."""
        values = json.loads(text)
        return cls(values["shape"], values["scale_days"], values["longest_days"])
