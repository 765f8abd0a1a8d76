"""What a network must beat: scikit-learn models on the last row of each window.

A censored window is left out of the regression, unless its life already reaches the cap. Its label is exact then. It is left out of the
classification, unless it was observed through the horizon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from config.errors import ModelError
from config.sections.model import BaselineSection
from features.arrays import Float32s
from features.windows import gather
from training.data.dataset import IndexedWindows, LabelLimits, WindowIndex, known_outcomes

GRADIENT_BOOSTING: Final = "gradient_boosting"
LINEAR: Final = "linear"
CONSTANT: Final = "constant"


@dataclass(frozen=True)
class Baseline:
    """A fitted pair of scikit-learn models. `predict*` take windows [n, steps, features], as the network does, and return [n].

    They predict on one thread. Several threads wait for each other after each small tree: on busy cores, 20,000 windows take 20 s, not 1 s.
    """

    name: str
    max_rul: float
    columns: npt.NDArray[np.intp]  # features that have any value in training; scikit-learn's trees refuse an empty one
    regressor: Any
    classifier: Any

    def predict(self, windows: Float32s) -> Float32s:
        """Remaining useful life, 0..max_rul, in the unit of the labels."""
        with threadpool_limits(1, "openmp"):
            predicted = self.regressor.predict(windows[:, -1, self.columns])
        rul: Float32s = np.clip(predicted, 0.0, self.max_rul).astype(np.float32)
        return rul

    def predict_rows(self, values: Float32s, index: WindowIndex, steps: int, batch_size: int = 4096) -> Float32s:
        """`predict` for the windows of `index` over `values`, `batch_size` windows in memory at a time -> [windows]."""
        return np.concatenate([self.predict(windows) for windows in _batches(values, index, steps, batch_size)])

    def predict_failure(self, windows: Float32s) -> Float32s:
        """Probability of a failure within the horizon."""
        with threadpool_limits(1, "openmp"):
            probability: Float32s = self.classifier.predict_proba(windows[:, -1, self.columns])[:, 1].astype(np.float32)
        return probability

    def predict_failure_rows(self, values: Float32s, index: WindowIndex, steps: int, batch_size: int = 4096) -> Float32s:
        """`predict_failure` for the windows of `index` over `values`, in the same way."""
        return np.concatenate([self.predict_failure(windows) for windows in _batches(values, index, steps, batch_size)])


def fit_baseline(name: str, windows: IndexedWindows, config: BaselineSection, labels: LabelLimits, seed: int) -> Baseline:
    """Fit the baseline `name` on at most `max_windows` of `windows`, drawn by `seed`.

    Raises ModelError for an unknown name. Raises it too unless there are windows both with and without a failure within the horizon.
    """
    if name not in _MODELS:
        raise ModelError(f"no baseline {name!r}; choose one of {', '.join(_MODELS)}")
    index, max_rul = windows.index, labels.max_rul
    if len(index) > config.max_windows:
        index = index.take(np.random.default_rng(seed).choice(len(index), config.max_windows, replace=False))
    last_rows = _last_rows(windows.values, index, windows.steps)  # [n, features]
    exact = ~index.censored | (index.rul >= max_rul)
    known, fails = known_outcomes(index.rul, index.censored, labels.horizon)
    if not exact.any() or len(np.unique(fails)) < 2:
        raise ModelError(f"the baseline {name} needs windows both within {labels.horizon:g} of a failure and before; ingest more history")
    columns = np.flatnonzero(~np.isnan(last_rows).all(axis=0))
    last_rows = last_rows[:, columns]
    regressor, classifier = _MODELS[name](config, seed)
    return Baseline(name, max_rul, columns, regressor.fit(last_rows[exact], index.rul[exact]), classifier.fit(last_rows[known], fails))


def _last_rows(values: Float32s, index: WindowIndex, steps: int, chunk: int = 4096) -> Float32s:
    """The last step of each window, with gaps filled -> [n, features]. At most `chunk` windows are in memory at a time."""
    return np.concatenate([windows[:, -1, :] for windows in _batches(values, index, steps, chunk)])


def _batches(values: Float32s, index: WindowIndex, steps: int, batch_size: int) -> Iterator[Float32s]:
    """The windows of `index`, `batch_size` at a time. An empty index gives one empty batch."""
    for start in range(0, max(len(index), 1), batch_size):
        part = slice(start, start + batch_size)
        yield gather(values, index.first_row[part], index.end[part], steps)


def _gradient_boosting(config: BaselineSection, seed: int) -> tuple[Any, Any]:
    options: dict[str, Any] = {
        "max_iter": config.max_iter,
        "learning_rate": config.learning_rate,
        "max_leaf_nodes": config.max_leaf_nodes,
        "l2_regularization": config.l2_regularization,
        "random_state": seed,
    }
    return HistGradientBoostingRegressor(**options), HistGradientBoostingClassifier(**options)


def _linear(config: BaselineSection, seed: int) -> tuple[Any, Any]:
    def after_scaling(model: Any) -> Any:
        return make_pipeline(SimpleImputer(), StandardScaler(), model)

    return after_scaling(Ridge(alpha=config.ridge_alpha)), after_scaling(LogisticRegression(random_state=seed, max_iter=config.max_iter))


def _constant(config: BaselineSection, seed: int) -> tuple[Any, Any]:
    return DummyRegressor(), DummyClassifier(random_state=seed)


_MODELS: Final[dict[str, Callable[[BaselineSection, int], tuple[Any, Any]]]] = {
    GRADIENT_BOOSTING: _gradient_boosting,
    LINEAR: _linear,
    CONSTANT: _constant,
}
