"""Nothing is swapped: a model's file, and the baseline's beside it, are those that were decided on; no file of them runs code. Real MLflow and PostgreSQL."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import mlflow.onnx
import mlflow.sklearn
import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from config.errors import ModelError
from config.settings import Settings, load_settings
from features.contract import FEATURES
from pipelines.baselines import TRUSTED_TYPES, load_baseline
from pipelines.tracking import quieten, tracked_run
from serving.registry import RegisteredModel
from tests.serving.gold import mean_model

# An estimator whose module writes a file when it is imported: what a reader does that follows the artifact's own list.
EVIL = """
from pathlib import Path
from sklearn.base import BaseEstimator
Path({mark!r}).write_text("ran")
class Evil(BaseEstimator):
    n_features_in_ = 24
"""


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    # not tmp_path: the embedded server's own user must be able to pass through, and pytest shuts its folders
    with TemporaryDirectory(prefix="altaviz-") as folder:
        yield load_settings(Path(folder), environ={})


def log_baseline(settings: Settings, regressor: object, *trusted: str) -> RegisteredModel:
    """A model whose run holds `regressor` as its baseline, with the artifact's own list of trusted types."""
    with tracked_run(settings, "test") as run:
        mlflow.sklearn.log_model(regressor, name="baseline", pip_requirements=["scikit-learn"], skops_trusted_types=list(trusted))
    return replace(mean_model(), version="7", run_id=run.info.run_id)


def test_a_baseline_of_our_own_says_what_it_said(settings: Settings) -> None:
    rows = np.arange(60 * len(FEATURES), dtype=np.float32).reshape(60, -1)
    boosting = HistGradientBoostingRegressor(max_iter=3).fit(rows, np.arange(60.0) % 25)
    windows = np.repeat(rows[:, None], 24, axis=1)
    read = load_baseline(settings, log_baseline(settings, boosting, *TRUSTED_TYPES))
    np.testing.assert_array_equal(read.predict(windows), boosting.predict(rows).astype(np.float32))


def test_an_artifact_that_trusts_its_own_type_is_refused_and_runs_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "evil_estimator.py").write_text(EVIL.format(mark=str(mark)), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    evil = importlib.import_module("evil_estimator").Evil()
    model = log_baseline(settings, evil, "evil_estimator.Evil")
    del sys.modules["evil_estimator"]
    mark.unlink()

    with pytest.raises(
        ModelError, match=r"the baseline beside version 7 is refused: its file asks for evil_estimator.Evil, .* train again"
    ):
        load_baseline(settings, model)
    assert not mark.exists()
    assert "evil_estimator" not in sys.modules


def test_another_harmless_model_and_a_damaged_file_are_refused_in_one_line(settings: Settings) -> None:
    ridge = log_baseline(settings, Ridge().fit(np.zeros((2, len(FEATURES))), np.zeros(2)))
    with pytest.raises(ModelError, match="its file holds a Ridge, not the regressor that training logs"):
        load_baseline(settings, ridge)
    for file in (settings.home / "mlartifacts" / "models").rglob("model.skops"):
        file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ModelError, match="its file is damaged"):
        load_baseline(settings, ridge)


def test_mlflow_loads_nothing_that_may_run_code_whatever_the_environment_says(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    quieten()
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    folder = settings.home / "pickled"
    mlflow.sklearn.save_model(Ridge(), folder, serialization_format="pickle", pip_requirements=["scikit-learn"])
    with pytest.raises(MlflowException, match="disallowed"):
        mlflow.sklearn.load_model(str(folder))
