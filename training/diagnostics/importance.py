"""Permutation importance: the rise in error when a feature is replaced by that of another window.

It is measured on the model as served (Breiman, Machine Learning 45, 2001; Fisher, Rudin, Dominici, JMLR 20, 2019). All steps of a
feature move together. Correlated features stand in for each other, so one alone seems less important than it is. Pass them as a group
as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.arrays import Float32s
from features.model_file.onnx_model import OnnxModel
from training.metrics import rmse


@dataclass(frozen=True)
class Importance:
    """The rise in error of each group of features, in days."""

    rise_days: dict[str, npt.NDArray[np.float64]]  # by group, [repeats]: RMSE with the group permuted - RMSE
    rmse_days: float  # with nothing permuted
    windows: int


def permutation_importance(
    model: OnnxModel, windows: Float32s, true: Float32s, groups: Mapping[str, Sequence[int]], repeats: int, seed: int
) -> Importance:
    """Permute each of `groups` (columns by name) across `windows` [n, steps, features] with true lives `true` [n] days.

    Costs repeats x groups + 1 runs of the model. Every group gets the same permutations, so groups can be compared.
    """
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(windows)) for _ in range(repeats)]
    untouched = rmse(true, model.predict(windows).rul)
    rises: dict[str, npt.NDArray[np.float64]] = {}
    for name, columns in groups.items():
        rise = []
        for order in orders:
            mixed = windows.copy()
            mixed[:, :, columns] = windows[order][:, :, columns]
            rise.append(rmse(true, model.predict(mixed).rul) - untouched)
        rises[name] = np.array(rise)
    return Importance(rises, untouched, len(windows))
