"""Folds, the mean of their networks as one graph, and its calibration, on the small fleet."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from config.errors import ModelError
from config.sections.model import CalibrationSection, ModelConfig
from features.arrays import Float32s
from features.model_file.onnx_model import OnnxModel
from features.model_file.onnx_session import OUTPUTS
from features.windows import gather
from tests.training.small_network import LABELS, MAX_RUL, STEPS, TRAIN_UNITS, Fitted, small_fleet
from training.calibration.calibrate import Calibration, PredictedWindows, fit_calibration, neutral
from training.calibration.intervals import Widening
from training.data.dataset import LabelLimits, feature_statistics
from training.metrics import rmse
from training.network.ensemble import EnsembleSettings, Fold, combine, error_ratio, fit_ensemble, fold_units, spread
from training.network.export import export_onnx
from training.network.model import build_model

UNITS = np.arange(20, dtype=np.int32)
FAILED = UNITS < 7


def test_every_unit_is_in_one_fold_and_every_fold_has_its_share_of_failures() -> None:
    folds = fold_units(UNITS, FAILED, 3, seed=1)
    assert sorted(np.concatenate(folds).tolist()) == UNITS.tolist()
    assert sorted(int(FAILED[fold].sum()) for fold in folds) == [2, 2, 3]
    assert {len(fold) for fold in folds} <= {6, 7}
    again, other = fold_units(UNITS[::-1], FAILED[::-1], 3, seed=1), fold_units(UNITS, FAILED, 3, seed=2)
    assert [fold.tolist() for fold in again] == [fold.tolist() for fold in folds] != [fold.tolist() for fold in other]


def test_fewer_failures_than_folds_are_refused() -> None:
    with pytest.raises(ModelError, match="2 of 20 units to train on have failed, 3 are needed"):
        fold_units(UNITS, UNITS < 2, 3, seed=1)


def test_the_mean_of_one_network_is_that_network(fitted: Fitted) -> None:
    windows = gather(fitted.values, fitted.train.first_row[::40], fitted.train.end[::40], STEPS)
    alone, combined = fitted.model.predict(windows, verbose=0), combine([fitted.model], neutral(3, MAX_RUL), MAX_RUL)
    for name, wanted in alone.items():
        np.testing.assert_allclose(combined.predict(windows, verbose=0)[name], wanted, atol=2e-5)


def test_the_error_of_a_mean_follows_from_the_spread_around_it() -> None:
    random = np.random.default_rng(3)
    true = random.uniform(0, 30, 500)
    networks = true + random.normal(0, 2, 500) + random.normal(0, 3, (3, 500))
    single = float(np.sqrt(np.square(networks - true).mean()))
    mean = float(np.sqrt(np.square(networks.mean(axis=0) - true).mean()))
    assert error_ratio(float(np.sqrt(networks.var(axis=0).mean())), single) == pytest.approx(mean / single)  # exactly, not only on average
    assert error_ratio(0.0, single) == error_ratio(0.0, 0.0) == 1.0


def test_networks_that_agree_have_no_spread(fitted: Fitted, config: ModelConfig) -> None:
    other = build_model(config.network, feature_statistics(fitted.values, fitted.train), STEPS, LABELS, seed=2, name="other")
    some = fitted.train.take(np.arange(0, len(fitted.train), 7))
    assert spread([fitted.model, fitted.model], fitted.values, some, STEPS, 64) == 0.0
    windows = gather(fitted.values, some.first_row, some.end, STEPS)
    apart = np.subtract(*(model.predict(windows, verbose=0)["rul"] for model in (fitted.model, other)))
    assert spread([fitted.model, other], fitted.values, some, STEPS, 64) == pytest.approx(
        float(np.sqrt(np.square(apart / 2).mean())), rel=1e-3
    )


def test_the_mean_is_calibrated_and_exported_whole(fitted: Fitted, config: ModelConfig) -> None:
    windows = gather(fitted.values, fitted.train.first_row[::40], fitted.train.end[::40], STEPS)
    wider = Calibration(Widening(np.array([5, 15, 25], np.float32), np.full(3, 0.5, np.float32), np.full(3, 0.25, np.float32)), 1.0, 0.0)
    other = build_model(config.network, feature_statistics(fitted.values, fitted.train), STEPS, LABELS, seed=2, name="other")
    combined = combine([fitted.model, other], wider, MAX_RUL)
    export = export_onnx(combined, config.export, windows, threads=1)
    assert [node.op_type for node in onnx.load_from_string(export.model).graph.node].count("LSTM") == 4
    one, two = (model.predict(windows, verbose=0) for model in (fitted.model, other))
    rul, lower, upper = ((one[name] + two[name]) / 2 for name in ("rul", "rul_lower", "rul_upper"))
    width = upper - lower + 0.01 * MAX_RUL
    predicted = OnnxModel(export.model, 1).predict(windows)
    np.testing.assert_allclose(predicted.rul, rul, atol=1e-4)
    np.testing.assert_allclose(predicted.rul_lower, np.maximum(lower - 0.5 * width, 0), atol=1e-4)
    np.testing.assert_allclose(predicted.rul_upper, np.minimum(upper + 0.25 * width, MAX_RUL), atol=1e-4)


def test_the_same_data_and_seed_give_the_same_predictions_with_dropout_augmentation_and_calibration(config: ModelConfig) -> None:
    values, index = small_fleet()

    def moved(windows: Float32s, random: np.random.Generator) -> Float32s:
        return windows + random.normal(size=(len(windows), 1, 1)).astype(np.float32)

    def predict() -> dict[str, Float32s]:
        network, fit = config.network.model_copy(update={"dropout": 0.2}), config.fit.model_copy(update={"epochs": 1})
        model, _ = fit_ensemble(
            values,
            [Fold(index.of_units(range(TRAIN_UNITS)), index.of_units(range(TRAIN_UNITS, 12)))],
            EnsembleSettings(network, fit, config.calibration, LABELS, STEPS, seed=1, batch_size=256, augment=moved),
        )
        return dict(model.predict(gather(values, index.first_row, index.end, STEPS), verbose=0))

    first, again = predict(), predict()
    for name in OUTPUTS:
        np.testing.assert_allclose(again[name], first[name], rtol=0, atol=1e-5)


def test_an_ensemble_is_calibrated_on_held_out_predictions_and_the_error_ratio_of_its_mean(
    config: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[PredictedWindows, float]] = []

    def recording(windows: PredictedWindows, labels: LabelLimits, level: float, config: CalibrationSection, ratio: float) -> Calibration:
        calls.append((windows, ratio))
        return fit_calibration(windows, labels, level, config, ratio)

    monkeypatch.setattr("training.network.ensemble.fit_calibration", recording)
    values, index = small_fleet()
    units = np.unique(index.unit)
    folds = [Fold(index.of_units(units[units % 2 != part]), index.of_units(units[units % 2 == part])) for part in (0, 1)]
    reported: list[tuple[int, int]] = []
    model, result = fit_ensemble(
        values,
        folds,
        EnsembleSettings(config.network, config.fit.model_copy(update={"epochs": 3}), config.calibration, LABELS, STEPS, 1, 256),
        on_epoch=lambda epoch, epochs, _: reported.append((epoch, epochs)),
    )
    assert reported == [(epoch, 6) for epoch in range(1, 7)]
    assert result.epochs == 6
    assert len(result.members) == 2
    ((windows, ratio),) = calls
    even, odd = index.of_units(units[::2]), index.of_units(units[1::2])
    for name in ("unit", "rul", "censored"):
        assert getattr(windows, name).tolist() == [*getattr(even, name), *getattr(odd, name)]
    seen = [part.take(~part.censored) for part in (even, odd)]
    errors = [member.history[member.best_epoch - 1]["validation_rmse"] for member in result.members]  # by Keras, epoch by epoch
    of_each = [rmse(part.rul, windows.predicted.rul[np.isin(windows.unit, part.unit) & ~windows.censored]) for part in seen]
    assert of_each == pytest.approx(errors, rel=1e-3)
    assert result.validation_rmse == pytest.approx(np.sqrt(np.average(np.square(errors), weights=[len(part) for part in seen])), rel=1e-3)
    assert 0 < ratio == result.error_ratio < 1
    assert result.calibration.widening.below.any()
    predicted = model.predict(gather(values, index.first_row, index.end, STEPS), verbose=0)
    assert set(predicted) == set(OUTPUTS)
    assert (predicted["rul_lower"] <= predicted["rul"]).all()
    assert (predicted["rul"] <= predicted["rul_upper"]).all()
