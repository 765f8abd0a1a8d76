"""The population stability index on fixed bins, and how large it gets without any drift."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.arrays import Doubles

_LEAST_SHARE: Final = 1e-4  # of a bin that the reference never fills: keeps the index finite


def psi(expected: Doubles, counts: Doubles) -> Doubles:
    """The index of `counts` [..., bins] against the shares `expected` [..., bins] -> [...].

    It is the sum of (b - a) ln(b / a) over the bins. One compressor that follows the reference is added, so an empty bin of a small fleet
    does not count as impossible. 0 is no difference. Customary limits are 0.1 for a minor and 0.25 for a major difference (Siddiqi, Credit
    Risk Scorecards, 2006). They hold for large samples only: for small ones see `chance_bounds`.
    """
    a = np.maximum(expected, _LEAST_SHARE)
    a = a / a.sum(axis=-1, keepdims=True)
    b = (counts + a) / (counts.sum(axis=-1, keepdims=True) + 1)
    index: Doubles = ((b - a) * np.log(b / a)).sum(axis=-1)
    return index


def bin_shares(values: npt.NDArray[np.floating[Any]], edges: npt.NDArray[np.floating[Any]]) -> Doubles:
    """Shares of each row of `values` [rows, n] below, between and above `edges` -> [rows, edges + 1]. A row of NaN gives 0."""
    bins = np.searchsorted(edges, values, side="left")
    known = ~np.isnan(values)
    counts = np.stack([((bins == number) & known).sum(axis=1) for number in range(len(edges) + 1)], axis=1)
    shares: Doubles = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def chance_bounds(blocks: list[Doubles], expected: Doubles, compressors: int, level: float, resamples: int, seed: int) -> Doubles:
    """The indices that drift must exceed -> [measures]. Without drift, any of them is exceeded with probability `level`.

    `blocks` [compressors, measures, bins] are the reference's weeks; `expected` is [measures, bins]. Each resample takes one week and, with
    replacement, as many of its compressors as are compared. So what moves a whole week together is not drift. Measures of one sensor exceed
    together, so the level is joint, by the least p-value (Westfall and Young, Resampling-based multiple testing, 1993).
    """
    random = np.random.default_rng(seed)
    drawn = []
    for block, draws in zip(blocks, np.bincount(random.integers(len(blocks), size=resamples), minlength=len(blocks)), strict=True):
        chosen = random.integers(len(block), size=(draws, compressors)) + len(block) * np.arange(draws)[:, None]
        times = np.bincount(chosen.ravel(), minlength=draws * len(block)).reshape(draws, -1)  # [draws, compressors of the week]
        counts = times @ block.reshape(len(block), -1)
        drawn.append(psi(expected, counts.reshape(draws, *expected.shape)))
    indices = np.sort(np.concatenate(drawn), axis=0)  # [resamples, measures], each on its own
    least = np.ones(resamples)
    start = 0
    for part in drawn:
        for measure in range(indices.shape[1]):
            below = np.searchsorted(indices[:, measure], part[:, measure], side="left")
            least[start : start + len(part)] = np.minimum(least[start : start + len(part)], 1 - below / resamples)
        start += len(part)
    corrected = float(np.quantile(least, level))
    bounds: Doubles = np.quantile(indices, 1 - corrected, axis=0, method="higher")
    return bounds
