"""Errors of a model over labelled windows, as ONNX Runtime serves it."""

from __future__ import annotations

from config.sections.model import ModelConfig
from features.arrays import Float32s
from features.contract import WINDOW_STEPS
from features.model_file.onnx_model import OnnxModel, Predictions
from training.baselines.tabular import Baseline
from training.data.dataset import WindowIndex
from training.metrics import brier, coverage, mean_width, rmse


def measure(index: WindowIndex, predictions: Predictions, horizon_days: float) -> dict[str, float]:
    """Errors over windows with an observed failure; days where a number has a unit."""
    seen = ~index.censored
    true = index.rul[seen]
    return {
        "rmse_days": rmse(true, predictions.rul[seen]),
        "coverage_90": coverage(true, predictions.rul_lower[seen], predictions.rul_upper[seen]),
        "mean_width_90_days": mean_width(predictions.rul_lower[seen], predictions.rul_upper[seen]),
        "brier": brier(true <= horizon_days, predictions.failure_probability[seen]),
    }


def measure_baseline(values: Float32s, index: WindowIndex, baseline: Baseline) -> dict[str, float]:
    """RMSE in days of `baseline` over the same windows as `measure`."""
    seen = index.take(~index.censored)
    return {"rmse_days": rmse(seen.rul, baseline.predict_rows(values, seen, WINDOW_STEPS))}


def served_rul(values: Float32s, index: WindowIndex, onnx: bytes, config: ModelConfig) -> Float32s:
    """Predictions of another ONNX model, the champion, for the windows of `index` -> [n] days."""
    return OnnxModel(onnx, config.scoring.threads).predict_rows(values, index.first_row, index.end, config.scoring.batch_size).rul
