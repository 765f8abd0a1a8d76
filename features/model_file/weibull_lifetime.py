"""How long machines live from one renewal to the next failure, as a Weibull law; it travels in the metadata of the ONNX file.

P(life > t) = exp(-(t / scale)^shape), t in days: the customary law of wear (Weibull, J. Appl. Mech. 18, 1951); shape 1 is a machine that does not age.
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
_MEANS: Final = 12.0  # that it reaches to, beyond the times asked for


@dataclass(frozen=True)
class Ageing:
    """A Weibull law of lives, and the longest life that it was learned from: of older machines nothing is known."""

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
        """P(remaining life > days) of machines of `age_days` [n], `days` [m] -> [n, m]. Who is older than the longest life is taken to be as old as that."""
        age = np.minimum(age_days, self.longest_days)[:, None]
        return np.asarray(np.exp(self._hazard(age) - self._hazard(age + days)))

    def left_at_any_age(self, days: Doubles) -> Doubles:
        """The same of a machine met at any time of a fleet that runs to failure, its age unknown (the equilibrium law of renewal theory: Cox, 1962) -> [m]."""
        end = float(days.max(initial=0.0)) + _MEANS * self.mean_days
        grid = np.linspace(0.0, end, 1 + math.ceil(end / self.mean_days * _STEPS_PER_MEAN))
        alive = np.exp(-self._hazard(grid))
        lived = np.concatenate([[0.0], np.cumsum((alive[1:] + alive[:-1]) / 2 * np.diff(grid))])
        return np.asarray(1 - np.interp(days, grid, lived) / lived[-1])

    def _hazard(self, days: Doubles) -> Doubles:
        return np.asarray((days / self.scale_days) ** self.shape)

    def to_json(self) -> str:
        """The text that travels."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Ageing:
        """What `to_json` has written. Raises KeyError, TypeError or ValueError when it is something else."""
        said = json.loads(text)
        return cls(said["shape"], said["scale_days"], said["longest_days"])
