"""Figures of a training run, drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

Array = npt.NDArray[np.floating]


def plot_learning_curves(members: Sequence[tuple[Sequence[Mapping[str, float]], int]]) -> Figure:
    """Loss and RMSE per epoch of every network: its training.fit.FitResult's history and best epoch, counted from 1."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, quantity in zip(axes, ("loss", "rmse"), strict=True):
        for number, (history, best_epoch) in enumerate(members):
            epochs = np.arange(1, len(history) + 1)
            for part, style in (("train", "--"), ("validation", "-")):
                axis.plot(
                    epochs,
                    [epoch[f"{part}_{quantity}"] for epoch in history],
                    style,
                    color=f"C{number}",
                    label=f"{part}, fold {number + 1}",
                )
            axis.axvline(best_epoch, color=f"C{number}", linestyle=":")
        axis.set(xlabel="epoch (dotted: kept)", ylabel=quantity if quantity == "loss" else "RMSE, days")
        axis.legend(fontsize="small")
    return figure


def plot_predicted_against_true(true: Array, predicted: Array, max_rul_days: float) -> Figure:
    """Scatter of predicted against true RUL in days, [n] each; the diagonal is perfect."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, max_rul_days], [0, max_rul_days], color="grey", linestyle=":")
    axis.scatter(true, predicted, s=4, alpha=0.2)
    axis.set(xlabel="true RUL, days (capped)", ylabel="predicted RUL, days", title=f"{len(true):,} windows of unseen compressors")
    return figure


def plot_life(hours_before_failure: Array, rul: Array, lower: Array, upper: Array, compressor_id: str) -> Figure:
    """Predicted RUL in days with its interval over one life that ends in a failure; inputs [n], hours fall to 0."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axis = figure.subplots()
    days_left = hours_before_failure / 24.0
    axis.fill_between(-days_left, lower, upper, alpha=0.25, label="90 % interval")
    axis.plot(-days_left, rul, label="predicted")
    axis.plot(-days_left, np.minimum(days_left, max(float(np.max(upper)), 1.0)), color="grey", linestyle=":", label="true")
    axis.set(xlabel="days to the failure", ylabel="RUL, days", title=compressor_id)
    axis.legend()
    return figure
