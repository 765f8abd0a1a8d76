"""A fit learns what is there to learn, keeps the best weights, and follows from its seed."""

from __future__ import annotations

import numpy as np
import pytest

from config.errors import ModelError
from config.sections.model import ModelConfig
from features.model_file.onnx_session import OUTPUTS
from tests.training.small_network import HORIZON, LABELS, STEPS, Fitted, fit_small
from training.network.batches import WindowDataset
from training.network.fit import FitData, fit_model


def predict(fitted: Fitted) -> dict[str, np.ndarray]:
    return fitted.model.predict(WindowDataset(fitted.values, fitted.validation, STEPS, 256), verbose=0)


def test_the_network_fits_the_rising_feature(fitted: Fitted) -> None:
    seen = ~fitted.validation.censored
    got = predict(fitted)
    error = got["rul"][seen] - fitted.validation.rul[seen]
    assert np.sqrt(np.mean(error**2)) < 5.0 < fitted.validation.rul[seen].std()
    near, far = (fitted.validation.rul <= HORIZON) & seen, fitted.validation.rul > 15.0
    assert got["failure_probability"][near].mean() > 0.3 > 0.03 > got["failure_probability"][far].mean()


def test_more_wear_never_raises_the_predicted_life(fitted: Fitted) -> None:
    wear = np.zeros((21, STEPS, 3), np.float32)
    wear[:, :, 0] = np.arange(21)[:, None]
    wear[:, :, 2] = np.nan
    rul = fitted.model.predict(wear, verbose=0)["rul"]
    assert (np.diff(rul[2:]) <= 0.05).all()
    assert rul[-1] < rul[0] - 10.0


def test_the_model_carries_the_weights_of_its_best_epoch(config: ModelConfig) -> None:
    too_fast = config.fit.model_copy(update={"learning_rate": 0.3, "final_learning_rate_fraction": 1.0})
    fitted = fit_small(config.model_copy(update={"fit": too_fast}), seed=1)
    losses = [log["validation_loss"] for log in fitted.result.history]
    assert fitted.result.best_epoch == int(np.argmin(losses)) + 1 < len(losses)
    seen = ~fitted.validation.censored
    rmse = np.sqrt(np.mean((predict(fitted)["rul"][seen] - fitted.validation.rul[seen]) ** 2))
    assert rmse == pytest.approx(fitted.result.history[fitted.result.best_epoch - 1]["validation_rmse"], rel=1e-3)


def test_each_epoch_is_reported_as_it_ends(config: ModelConfig, fitted: Fitted) -> None:
    assert [(epoch, epochs) for epoch, epochs, _ in fitted.reported] == [
        (epoch, config.fit.epochs) for epoch in range(1, config.fit.epochs + 1)
    ]
    assert [log for _, _, log in fitted.reported] == fitted.result.history
    assert set(fitted.result.history[0]) == {"train_loss", "train_rmse", "validation_loss", "validation_rmse"}


def test_the_same_seed_gives_the_same_model(config: ModelConfig, fitted: Fitted) -> None:
    again, before = predict(fit_small(config, seed=1)), predict(fitted)
    for name in OUTPUTS:
        np.testing.assert_allclose(again[name], before[name], rtol=0, atol=1e-5)


def test_nothing_to_fit_on_is_refused(config: ModelConfig, fitted: Fitted) -> None:
    nothing = WindowDataset(fitted.values, fitted.train.take(np.array([], int)), STEPS, 64)
    with pytest.raises(ModelError, match="0 training and 320 validation windows: both are needed"):
        fit_model(
            fitted.model,
            FitData(nothing, WindowDataset(fitted.values, fitted.validation, STEPS, 64)),
            config.fit,
            LABELS,
            seed=1,
        )
