"""How far an interval must be widened to cover units that the network was not trained on.

The method is conformalised quantile regression (Romano, Patterson, Candes, NeurIPS 2019), scaled by interval width (CQR-r: Sesia,
Candes, Stat 9, 2020). It is Mondrian by predicted life and by the side of the point. An end moves out by a quantile of how far lives
on its side lie beyond it, in widths. Each end has its own quantile.

Every choice must cover the target share of all lives. In every band of predicted life it must cover `least_coverage`. In every band of
true life below the cap it must cover `least_life_coverage`. Of lives at the cap it must cover `least_cap_coverage`.

A narrow choice is searched from the widest. Each step takes the end that saves most width for each life it gives up. One quantile for
all would be right on average only. Most windows look healthy and their lives end at the cap, where nothing can miss. Machines that
fail within days without a sign would pay for that. Misses are counted where the ends come to lie, also between knots.

Levels tuned on one set of units over-cover that set, and more so with fewer units. The excess is measured by choosing on four fifths
of the units and counting on the rest. The target then grows by it, in a few rounds, each at most a quarter of the way to all lives.
Fewer than 40 units show too little, so the target stays.

Single networks are calibrated, but their mean is used, and it errs less. So distances of lives from the point are shortened first.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from crepes import ConformalPredictiveSystem
from scipy.ndimage import maximum_filter1d
from sklearn.model_selection import GroupKFold

from config.logs import get_log
from config.sections.model import CalibrationSection
from features.arrays import Doubles, Float32s, Integers
from training.metrics import inside, life_bands

LEAST_WIDTH: Final = 0.01  # share of the cap that is added to every width: an interval without width can still be widened
_WHOLE_RANGE: Final = 1 / LEAST_WIDTH  # widths that reach across the whole range whatever the interval
_LEVELS: Final = np.append(np.arange(50, 100), 99.9)  # %, of lives on one side of the point that one end may hold
_ROUNDING: Final = 1e-9  # widths: lives that end at the cap with an interval that does are not beyond it
_NOTHING: Final = 1e-9  # share of all widths together that is none
_FREE: Final = 1e-6  # lives that a step counts as giving up when it gives up none
_FOLDS: Final = 5  # of the units, to see how many lives of others an interval holds
_LEAST_UNITS: Final = 40  # with fewer, coverage on a fifth of them is luck
_ROUNDS: Final = 3  # in which the promise grows until it holds as many of others' lives as it should
LEAST_GAP: Final = 1e-3  # least distance of two knots as a share of the cap


@dataclass(frozen=True)
class PredictedLives:
    """Predicted and true lives of n windows, in the unit of the labels; every array [n]."""

    rul: Float32s
    lower: Float32s
    upper: Float32s
    true: Float32s
    unit: Integers  # whose window it is

    def take(self, which: npt.NDArray[np.generic]) -> PredictedLives:
        """The windows at `which`, a boolean mask or positions."""
        return PredictedLives(self.rul[which], self.lower[which], self.upper[which], self.true[which], self.unit[which])

    def nearer(self, ratio: float, max_rul: float) -> Float32s:
        """Where the lives would lie if every error were `ratio` of its size -> [n]. A label at the cap stays there."""
        return np.where(self.true >= max_rul, self.true, self.rul + np.float32(ratio) * (self.true - self.rul))


@dataclass(frozen=True)
class Widening:
    """How far each end moves out, as a share of the interval's width plus LEAST_WIDTH. Negative: it moves in."""

    knots: Float32s  # [bands] predicted life, ascending
    below: Float32s  # [bands] of the lower end
    above: Float32s  # [bands] of the upper end

    def holds(self, predicted: PredictedLives, lives: Float32s, max_rul: float) -> npt.NDArray[np.bool_]:
        """Whether each of `lives` [n] lies inside the interval of its window -> [n]."""
        width = predicted.upper - predicted.lower + LEAST_WIDTH * max_rul
        below, above = (np.interp(predicted.rul, self.knots, shares) * width for shares in (self.below, self.above))
        return inside(lives, np.minimum(predicted.lower - below, predicted.rul), np.maximum(predicted.upper + above, predicted.rul))


@dataclass(frozen=True)
class _Ends:
    """The ends on one side of the point of n windows, and how far each may move out at every knot."""

    shares: Doubles  # [knots, levels] widths, ascending: by level, and last the one to start from, which holds every life
    beyond: Doubles  # [n] widths by which the life lies beyond the end; none of a life on the other side of the point, which cannot miss
    width: Doubles  # [n] of the interval
    inner: Doubles  # [n] from the end inwards to the point
    outer: Doubles  # [n] from the end outwards to the end of the range

    def reach(self, rows: Integers, moved: Doubles, part: Doubles, steps: Doubles) -> Doubles:
        """Distance from point to end, summed over the windows `rows` [m], for each of `steps` -> [steps].

        An end moves out by `moved` + `part` * step, both [m]; `steps` ascend. Along them an end stands at the point, moves, and then stands at
        the end of the range. The two steps at which each window changes are looked up, and the changes are added up.
        """
        width, inner = self.width[rows], self.inner[rows]
        least, most = -inner / width, self.outer[rows] / width
        leaves = np.searchsorted(steps, (least - moved) / part)
        arrives = np.maximum(np.searchsorted(steps, (most - moved) / part), leaves)

        def up_to(place: Integers, weights: Doubles) -> Doubles:
            return np.cumsum(np.bincount(place, weights, len(steps) + 1)[:-1])

        offset = up_to(leaves, width * (moved - least)) + up_to(arrives, width * (most - moved))
        slope = up_to(leaves, width * part) - up_to(arrives, width * part)
        reached = offset + slope * steps
        still = reached[-1] - reached <= _NOTHING * width.sum()  # the sums differ by rounding where no end has moved
        return np.where(still, reached[-1], reached)


def fit_widening(predicted: PredictedLives, max_rul: float, level: float, config: CalibrationSection, error_ratio: float = 1.0) -> Widening:
    """Fit on windows of held-out units. `level` is the share of lives that must lie inside, for example 0.9.

    error_ratio: error of the predictor that is calibrated over that of `predicted`, at most 1.
    A band of predicted life has at least `config.least_windows` windows. With fewer, the interval becomes the whole range.
    """
    lives = predicted.nearer(error_ratio, max_rul)
    target = level
    for _ in range(_ROUNDS):
        missing = level - _coverage_of_others(predicted, lives, max_rul, target, config)
        if missing <= 0:
            break
        target += min(missing, (1 - target) / 4)
    widening = _widen(predicted, lives, max_rul, target, config)
    if max(widening.below.max(), widening.above.max()) == _WHOLE_RANGE:
        get_log().warning(
            "too few lives to calibrate an end of the interval: it reaches across the whole range", windows=len(predicted.true)
        )
    return widening


def _coverage_of_others(predicted: PredictedLives, lives: Float32s, max_rul: float, level: float, config: CalibrationSection) -> float:
    """Share of lives inside intervals that were fitted on other units; a fifth of the units is left out at a time.

    1 where there are too few units to measure it.
    """
    if len(np.unique(predicted.unit)) < _LEAST_UNITS:
        return 1.0
    held = np.zeros(len(lives), np.bool_)
    least_windows = max(config.least_windows * (_FOLDS - 1) // _FOLDS, 1)  # as many bands as with all of them
    config = config.model_copy(update={"least_windows": least_windows})
    for known, new in GroupKFold(_FOLDS, shuffle=True, random_state=0).split(lives, groups=predicted.unit):
        held[new] = _widen(predicted.take(known), lives[known], max_rul, level, config).holds(predicted.take(new), lives[new], max_rul)
    return float(held.mean())


def _widen(predicted: PredictedLives, lives: Float32s, max_rul: float, level: float, config: CalibrationSection) -> Widening:
    """The widening that covers `level` of `lives` [n]. They replace the true lives of `predicted`."""
    number = int(np.clip(len(lives) // config.least_windows, 1, config.bands))
    bands, band = np.unique(equal_bands(predicted.rul, number), return_inverse=True)
    middles = np.array([predicted.rul[band == each].mean() for each in range(len(bands))], np.float64)
    knots = np.maximum.accumulate(middles + LEAST_GAP * max_rul * np.arange(len(bands)))
    ends = [_ends(predicted, lives, band, side, max_rul, config) for side in (-1, 1)]
    begins, life_band = life_bands(predicted.true, config.life_bands, max_rul)
    demands = [level, config.least_coverage, config.least_life_coverage, config.least_cap_coverage]
    least = np.repeat(demands, [1, len(bands), len(begins) - 1, 1])
    groups = np.stack([np.zeros_like(band), 1 + band, 1 + len(bands) + life_band], axis=1)  # [n, 3]: all, by predicted life, by true life
    shares = _narrow(ends, _hats(predicted.rul, knots), groups, least)
    missing = config.bands - len(bands)  # beyond the last knot nothing changes any more
    knots = np.append(knots, knots[-1] + max_rul * np.arange(1, missing + 1)).astype(np.float32)
    below, above = np.pad(shares, ((0, 0), (0, missing)), mode="edge").astype(np.float32)
    return Widening(knots, below, above)


def equal_bands(rul: Float32s, number: int) -> npt.NDArray[np.intp]:
    """The band of predicted life of each of `rul` [n] -> [n], lowest 0. `number` bands hold equally many windows; equal edges are merged."""
    return np.searchsorted(np.unique(np.quantile(rul, np.linspace(0, 1, number + 1)[1:-1])), rul)


def _hats(rul: Float32s, knots: Doubles) -> Doubles:
    """The weight of each knot in the interpolation at `rul` [n] -> [n, knots]. Beyond the first and last knot it is 1."""
    return np.stack([np.interp(rul, knots, own) for own in np.eye(len(knots))], axis=1)


def _ends(predicted: PredictedLives, lives: Float32s, band: Integers, side: int, max_rul: float, config: CalibrationSection) -> _Ends:
    """The lower ends (`side` -1) or the upper ones (1)."""
    rul, lower, upper, life = (part.astype(np.float64) for part in (predicted.rul, predicted.lower, predicted.upper, lives))
    width = upper - lower + LEAST_WIDTH * max_rul
    end, last = (lower, 0.0) if side < 0 else (upper, max_rul)
    beyond = np.where(side * (life - rul) > 0, side * (life - end) / width, -np.inf)
    own = [beyond[band == each] for each in range(band.max() + 1)]
    shares = np.stack([_quantiles(part[part > -np.inf], enough=len(part) >= config.least_windows) for part in own])
    farthest = np.maximum(shares[:, -1], [part.max() for part in own])
    widest = maximum_filter1d(farthest, 3, mode="nearest")  # of both neighbours too: between two knots the nearer share counts as well
    return _Ends(np.column_stack([shares, widest]), beyond, width, side * (end - rul), side * (last - end))


def _quantiles(beyond: Doubles, *, enough: bool) -> Doubles:
    """Conformal quantiles of `beyond` [n] at every level -> [levels]. The whole range unless there are `enough` windows.

    Where n is too few for a level, it is the farthest: one life in n + 1 may lie beyond it. Without any, the end stays where it is.
    """
    if not enough or not len(beyond):
        return np.full(len(_LEVELS), 0.0 if enough else _WHOLE_RANGE)
    system = ConformalPredictiveSystem().fit(beyond)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # too few windows for a level: that is what y_max is for
        found = system.predict_percentiles(np.zeros(1), higher_percentiles=list(_LEVELS), y_max=beyond.max())
    return np.ravel(np.asarray(found, np.float64))


def _narrow(ends: list[_Ends], hats: Doubles, groups: Integers, least: Doubles) -> Doubles:
    """How far the ends of each side move out at each knot -> [sides, knots]. Each group keeps a share of at least `least` [groups] inside.

    `hats` is [n, knots]. `groups` [n, 3] are those of each window; the first is that of all. A step narrows one end at one knot. It
    moves every window on both sides of the knot, as far as the knot has weight in it.
    """
    size = np.bincount(groups.ravel(), minlength=len(least))
    allowed = size * (1 - least)
    at = np.full((len(ends), hats.shape[1]), ends[0].shares.shape[1] - 1)
    near = [np.flatnonzero(part) for part in hats.T]  # of each knot, the windows in which it has a part,
    parts = [hats[rows, knot] for knot, rows in enumerate(near)]  # which part,
    members = [groups[rows] for rows in near]  # and their groups
    moved = [hats @ own.shares[:, -1] for own in ends]  # [n] of each side: how far the end of every window has moved out
    cached: dict[tuple[int, int], tuple[Doubles, Integers]] = {}

    def price(side: int, knot: int) -> tuple[Doubles, Integers]:
        """Width that each lower level saves -> [levels], and the lives that it gives up -> [levels, groups]."""
        own, rows, part = ends[side], near[knot], parts[knot]
        shares, far = own.shares[knot, : at[side, knot] + 1], moved[side][rows]
        reach = own.reach(rows, far, part, shares - shares[-1])
        enough = np.searchsorted(shares, shares[-1] + (own.beyond[rows] - far) / part - _ROUNDING)  # the least level that holds the life
        cells = enough[:, None] * len(size) + members[knot]
        needing = np.bincount(cells.ravel(), minlength=(len(shares) + 1) * len(size)).reshape(len(shares) + 1, len(size))
        lost = needing[::-1].cumsum(axis=0)[::-1][1:]  # [levels, groups] lives that need a higher level
        return reach[-1] - reach[:-1], lost[:-1] - lost[-1]

    def move(side: int, knot: int, level: int) -> None:
        shares = ends[side].shares[knot]
        moved[side][near[knot]] += parts[knot] * (shares[level] - shares[at[side, knot]])
        at[side, knot] = level
        for neighbour in (knot - 1, knot, knot + 1):
            cached.pop((side, neighbour), None)

    while True:
        outside = [groups[own.beyond > far + _ROUNDING] for own, far in zip(ends, moved, strict=True)]
        lost = np.bincount(np.concatenate(outside).ravel(), minlength=len(size))
        best, step = 0.0, None
        for side, knot in np.ndindex(at.shape):
            if not at[side, knot]:
                continue
            if (side, knot) not in cached:
                cached[side, knot] = price(side, knot)
            saved, more = cached[side, knot]
            within = (lost + more <= allowed).all(axis=1)
            gains = np.where(within, saved / np.maximum(more[:, 0], _FREE), 0.0)
            if gains.max() > best:
                best, step = float(gains.max()), (side, knot, int(gains.argmax()))
        if step is None:
            return np.stack([own.shares[np.arange(at.shape[1]), levels] for own, levels in zip(ends, at, strict=True)])
        move(*step)
