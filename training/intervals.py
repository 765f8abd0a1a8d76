"""How far an interval must reach so that it holds on units that were not learned from, whatever is said and whatever the life turns out to be.

The method is conformalised quantile regression (Romano, Patterson, Candes, NeurIPS 2019) in the form that scales with the interval's width (CQR-r: Sesia,
Candes, Stat 9, 2020), Mondrian by predicted life and by the side of the point on which the life lies: an end moves out by a quantile of how far lives
on its side lie beyond it, in widths. Which quantile is each end's own: of all choices with

- the promised share of lives inside over all windows, and `least_coverage` of it in every band of predicted life, and
- `least_coverage` of the windows inside in every band of true life,

a narrow one, found by narrowing from the widest: each step takes the end that saves most width for each life it gives up. One quantile for all is honest
on average only: most windows look healthy and their lives end at the cap, where nothing can miss, and machines that fail within days without a sign pay for that.
Lives that miss are counted, not promised by the level: of the many that end at the cap all miss or none.

What is learned on single networks is used around their mean, which errs less: distances of lives from the point are shortened by that share first.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from crepes import ConformalPredictiveSystem

from config.logs import get_log
from config.model import CalibrationSection
from features.windows import Floats

LEAST_WIDTH: Final = 0.01  # share of the cap that is added to every width: an interval without width can still be widened
_WHOLE_RANGE: Final = 1 / LEAST_WIDTH  # widths that reach across the whole range whatever the interval
_LEVELS: Final = np.append(np.arange(50, 100), 99.9)  # %, of lives on one side of the point that one end may hold
_FREE: Final = 1e-6  # lives that a step counts as giving up when it gives up none
LEAST_GAP: Final = 1e-3  # least distance of two knots as a share of the cap

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """What was said of n windows and what came, in the unit of the labels; every array [n]."""

    rul: Floats
    lower: Floats
    upper: Floats
    true: Floats

    def take(self, which: npt.NDArray[np.bool_]) -> Said:
        """The windows of the mask `which`."""
        return Said(self.rul[which], self.lower[which], self.upper[which], self.true[which])

    def nearer(self, ratio: float, max_rul: float) -> Floats:
        """Where the lives would lie if every error were `ratio` of what it is -> [n]; a label at the cap stays one."""
        return np.where(self.true >= max_rul, self.true, self.rul + np.float32(ratio) * (self.true - self.rul))


@dataclass(frozen=True)
class Widening:
    """How far each end moves out, as a share of the interval's width plus LEAST_WIDTH; negative where it may move in."""

    knots: Floats  # [bands] predicted life, ascending
    below: Floats  # [bands] of the lower end
    above: Floats  # [bands] of the upper end


@dataclass(frozen=True)
class _End:
    """What the levels of one end in one band of predicted life would do; all by level."""

    shares: Doubles  # [levels] how far the end moves out
    width: Doubles  # [levels] from the point to the end, summed over the band's windows
    missed: Doubles  # [levels, bands of true life] lives beyond the end

    def least_share(self, at: int) -> float:
        """The smallest of the shares that make the same interval as level `at`: beyond the ends of the range none makes a difference, but between bands it would."""
        return float(self.shares[np.flatnonzero(self.width == self.width[at])[0]])


def learn_widening(said: Said, max_rul: float, level: float, config: CalibrationSection, error_ratio: float = 1.0) -> Widening:
    """Learn from windows of units that were not learned from; `level` is the share of lives that must lie inside, e.g. 0.9.

    error_ratio: error of the predictor that is calibrated over that of `said`, at most 1.
    A band of predicted life has at least `config.least_windows` windows; with too few in all, the interval becomes the whole range.
    """
    number = int(np.clip(len(said.true) // config.least_windows, 1, config.bands))
    band = equal_bands(said.rul, number)
    used = np.unique(band)
    nearer = said.nearer(error_ratio, max_rul)
    ends = [[_end(said.take(band == each), nearer[band == each], side, max_rul, config) for side in (-1, 1)] for each in used]
    lives = np.bincount(_life_band(said.true, config), minlength=len(config.life_bands) + 1)
    chosen = _narrow(ends, np.bincount(band)[used], lives, level, config.least_coverage)
    shares = np.array([[end.least_share(at) for end, at in zip(pair, row, strict=True)] for pair, row in zip(ends, chosen, strict=True)])
    if (shares == _WHOLE_RANGE).any():
        get_log().warning("too few lives to calibrate an end of the interval: it reaches across the whole range", windows=len(said.true))
    middles = np.array([said.rul[band == each].mean() for each in used])
    knots = np.maximum.accumulate(middles + LEAST_GAP * max_rul * np.arange(len(used)))
    missing = config.bands - len(used)  # beyond the last knot nothing changes any more
    knots = np.append(knots, knots[-1] + max_rul * np.arange(1, missing + 1)).astype(np.float32)
    below, above = np.pad(shares, ((0, missing), (0, 0)), mode="edge").astype(np.float32).T
    return Widening(knots, below, above)


def equal_bands(rul: Floats, number: int) -> npt.NDArray[np.intp]:
    """Which of `number` bands of predicted life, with as many windows each, holds each of `rul` [n] -> [n], lowest 0; of equal edges one is left."""
    return np.searchsorted(np.unique(np.quantile(rul, np.linspace(0, 1, number + 1)[1:-1])), rul)


def _end(said: Said, nearer: Floats, side: int, max_rul: float, config: CalibrationSection) -> _End:
    """The lower end (`side` -1) or the upper one (1) of the windows of one band; `nearer` [n] is where their lives count as lying."""
    width = said.upper - said.lower + LEAST_WIDTH * max_rul
    end = said.lower if side < 0 else said.upper
    beyond = side * (nearer - end) / width
    ours = side * (said.true - said.rul) > 0  # the point stays inside, so only lives on the end's own side of it can miss
    shares = _quantiles(beyond[ours].astype(np.float64), enough=len(said.true) >= config.least_windows)
    reach = np.clip(end[:, None] + side * shares * width[:, None], 0.0, max_rul) - said.rul[:, None]  # [n, levels]
    lives = _life_band(said.true[ours], config)
    misses = beyond[ours, None] > shares  # [ours, levels]
    missed = np.stack([misses[lives == each].sum(axis=0) for each in range(len(config.life_bands) + 1)], axis=1)
    return _End(shares, np.maximum(side * reach, 0.0).sum(axis=0), missed.astype(np.float64))


def _quantiles(beyond: Doubles, *, enough: bool) -> Doubles:
    """Conformal quantiles of `beyond` [n] at every level -> [levels]: the whole range unless there are `enough` windows.

    Where n is too few for a level it is the farthest of them: one life in n + 1 may lie beyond it. Without any the end stays where it is.
    """
    if not enough or not len(beyond):
        return np.full(len(_LEVELS), 0.0 if enough else _WHOLE_RANGE)
    system = ConformalPredictiveSystem().fit(beyond)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # too few windows for a level: that is what y_max is for
        found = system.predict_percentiles(np.zeros(1), higher_percentiles=list(_LEVELS), y_max=beyond.max())
    return np.ravel(np.asarray(found, np.float64))


def _narrow(
    ends: list[list[_End]], windows: npt.NDArray[np.intp], lives: npt.NDArray[np.intp], level: float, least: float
) -> npt.NDArray[np.intp]:
    """The level of each end -> [bands, 2] positions in _LEVELS."""
    at = np.full((len(ends), 2), len(_LEVELS) - 1)
    while True:
        best, step = 0.0, None
        missed = np.array([[end.missed[i] for end, i in zip(pair, row, strict=True)] for pair, row in zip(ends, at, strict=True)])
        for number, side in np.ndindex(at.shape):
            end, now = ends[number][side], at[number, side]
            more = end.missed[:now] - end.missed[now]  # [levels below the present one, bands of true life]
            allowed = (
                (missed.sum() + more.sum(axis=1) <= (1 - level) * windows.sum())
                & (missed[number].sum() + more.sum(axis=1) <= (1 - least) * windows[number])
                & (missed.sum(axis=(0, 1)) + more <= (1 - least) * lives).all(axis=1)
            )
            saved = np.where(allowed, (end.width[now] - end.width[:now]) / np.maximum(more.sum(axis=1), _FREE), 0.0)
            if now and saved.max() > best:
                best, step = float(saved.max()), (number, side, int(saved.argmax()))
        if step is None:
            return at
        at[step[0], step[1]] = step[2]


def _life_band(true: Floats, config: CalibrationSection) -> npt.NDArray[np.intp]:
    return np.searchsorted(np.asarray(config.life_bands), true, side="right")
