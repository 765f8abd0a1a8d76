"""Figures of a training run, drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.figure import Figure

from features.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# Okabe, Ito, "Color universal design", 2008: told apart by colour-blind readers
MODEL_COLOUR: Final = "#0072B2"
BASELINE_COLOUR: Final = "#E69F00"
TRUE_COLOUR: Final = "#222222"
_GROUP_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#999999", "#CC79A7")
_LIVES_IN_A_ROW: Final = 3


@dataclass(frozen=True)
class LifeCurve:
    """Predictions over one life; days, [n] each, in order of time."""

    title: str
    left_days: Floats  # to the failure; falls
    rul: Floats
    lower: Floats
    upper: Floats
    baseline: Floats | None = None


def plot_learning_curves(members: Sequence[tuple[Sequence[Mapping[str, float]], int]]) -> Figure:
    """Loss and RMSE per epoch of every network. Each member is its history and its best epoch, counted from 1."""
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


def plot_predicted_against_true(true: Floats, predicted: Floats, max_rul_days: float) -> Figure:
    """Scatter of predicted against true RUL in days, [n] each; the diagonal is perfect."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, max_rul_days], [0, max_rul_days], color="grey", linestyle=":")
    axis.scatter(true, predicted, s=4, alpha=0.2)
    axis.set(xlabel="true RUL, days (capped)", ylabel="predicted RUL, days", title=f"{len(true):,} windows of unseen compressors")
    return figure


def plot_lives(
    curves: Sequence[LifeCurve], cap: float, names: tuple[str, str] = ("model", "baseline"), panel_inches: tuple[float, float] = (4.2, 3.1)
) -> Figure:
    """Predicted RUL with its interval over lives that ended in a failure, one panel each. The diagonal is the truth."""
    columns = min(len(curves), _LIVES_IN_A_ROW)
    rows = -(-len(curves) // columns)
    width, height = panel_inches[0] * columns, 1.0 + panel_inches[1] * rows
    figure = Figure(figsize=(width, height))
    margins = {"left": 0.65 / width, "right": 1 - 0.2 / width, "top": 1 - 0.55 / height, "bottom": 1.0 / height}
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False, gridspec_kw=margins | {"hspace": 0.28, "wspace": 0.08})
    for panel in panels.flat[len(curves) :]:
        panel.set_visible(False)
    for panel, curve in zip(panels.flat, curves, strict=False):
        panel.fill_between(
            curve.left_days, curve.lower, curve.upper, color=MODEL_COLOUR, alpha=0.2, linewidth=0, label=f"{names[0]}, 90 % interval"
        )
        panel.plot([cap, 0], [cap, 0], color=TRUE_COLOUR, linestyle=":", label="true")
        if curve.baseline is not None:
            panel.plot(curve.left_days, curve.baseline, color=BASELINE_COLOUR, linewidth=0.9, label=names[1])
        panel.plot(curve.left_days, curve.rul, color=MODEL_COLOUR, linewidth=1.6, label=names[0])
        panel.set_title(curve.title, fontsize="small", parse_math=False)
        panel.set(xlim=(cap, 0), ylim=(0, cap * 1.03))
        panel.grid(alpha=0.25)
    for panel in panels[:, 0]:
        panel.set_ylabel("remaining life, days")
    for panel in panels[-1]:
        panel.set_xlabel("days to the failure")
    figure.legend(*panels.flat[0].get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False)
    return figure


def plot_calibration(
    reliability: Mapping[str, Sequence[Mapping[str, float]]],
    coverage: Mapping[str, Mapping[str, float]],
    horizon_days: float,
    promised: float,
) -> Figure:
    """Calibration of probabilities and intervals.

    reliability: bins (monitoring.evaluation.calibration) by method, the model first. coverage: coverage and windows by band of true life.
    """
    figure, (left, right) = _by_hand(10.5, 4.6, 2, left=0.7)
    _draw_reliability(left, reliability, horizon_days)
    bands = list(coverage)
    right.axhline(promised, color=TRUE_COLOUR, linestyle=":", label=f"promised: {100 * promised:.0f} %")
    right.bar(bands, [coverage[band]["coverage"] for band in bands], color=MODEL_COLOUR, alpha=0.8, width=0.6, label="inside the interval")
    for place, band in enumerate(bands):
        text = f"{100 * coverage[band]['coverage']:.0f} %\nn={coverage[band]['windows']:,}"
        right.annotate(text, (place, coverage[band]["coverage"]), (0, 3), textcoords="offset points", ha="center", fontsize="x-small")
    right.set(
        xlabel="true remaining life, days; n: windows",
        ylabel="share of lives inside their 90 % interval",
        title="90 % interval by remaining life",
        ylim=(0, 1.3),
    )
    right.set_yticks(np.linspace(0, 1, 6))
    right.legend(loc="upper left", ncols=2, frameon=False, fontsize="small")
    for axis in (left, right):
        axis.grid(alpha=0.25)
    return figure


def plot_reliability(reliability: Mapping[str, Sequence[Mapping[str, float]]], horizon_days: float) -> Figure:
    """The left panel of `plot_calibration` as a figure of its own."""
    figure, (axis,) = _by_hand(7.2, 5.0, 1, left=0.7)
    _draw_reliability(axis, reliability, horizon_days)
    axis.grid(alpha=0.25)
    return figure


def plot_error_by_rul(true: Floats, predictions: Mapping[str, Floats], cap: float, bands: int = 10) -> Figure:
    """Errors of each method (predicted - true, days) in equal bands of true RUL. Boxes hold 50 %, whiskers 90 %."""
    figure, (axis,) = _by_hand(10.5, 4.6, 1, left=0.9)
    edges = np.linspace(0, cap, bands + 1)
    band_of = np.clip(np.digitize(true, edges[1:-1]), 0, bands - 1)
    filled = np.unique(band_of)
    width = 0.7 / len(predictions)
    axis.axhline(0, color=TRUE_COLOUR, linestyle=":")
    for number, ((name, rul), colour) in enumerate(zip(predictions.items(), (MODEL_COLOUR, BASELINE_COLOUR), strict=False)):
        axis.boxplot(
            [(rul - true)[band_of == band] for band in filled],
            positions=filled + (number - (len(predictions) - 1) / 2) * width,
            widths=width * 0.85,
            whis=(5, 95),
            showfliers=False,
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": colour, "alpha": 0.6, "edgecolor": colour},
            whiskerprops={"color": colour},
            capprops={"color": colour},
            medianprops={"color": TRUE_COLOUR},
            label=name,
        )
    counts = np.bincount(band_of, minlength=bands)
    axis.set_xticks(filled, [f"{edges[band]:g}-{edges[band + 1]:g}\nn={counts[band]:,}" for band in filled])
    axis.set(xlabel="true remaining life, days (capped); n: windows", ylabel="predicted - true, days\n(above 0: life overestimated)")
    axis.set_title("Error by remaining life: median, middle half, and 90 % of windows")
    axis.grid(axis="y", alpha=0.25)
    axis.legend(loc="upper right", frameon=False)
    return figure


def plot_importance(together: Mapping[str, Floats], alone: Mapping[str, Floats], group_of: Mapping[str, str]) -> Figure:
    """Rise of the error when features are permuted, in days, [repeats] each. Bars are means, lines the range.

    together: by group of features. alone: by feature; `group_of` names its group.
    """
    figure, (left, right) = _by_hand(10.5, 6.2, 2, left=1.6, between=1.8, width_ratios=(2, 3))
    colours = dict(zip(together, _GROUP_COLOURS, strict=False))
    _bars(left, together, colours, "all features of a sensor together")
    _bars(right, alone, {name: colours[group_of[name]] for name in alone}, "one feature alone")
    return figure


def _by_hand(
    width: float, height: float, panels: int, *, left: float, between: float = 0.8, width_ratios: Sequence[float] | None = None
) -> tuple[Figure, Sequence[Axes]]:
    """A row of panels with margins in inches: a layout engine takes as long as the drawing."""
    figure = Figure(figsize=(width, height))
    inner = (width - left - 0.2 - between * (panels - 1)) / panels
    margins = {"left": left / width, "right": 1 - 0.2 / width, "top": 1 - 0.4 / height, "bottom": 0.7 / height, "wspace": between / inner}
    axes = figure.subplots(1, panels, squeeze=False, width_ratios=width_ratios, gridspec_kw=margins)
    return figure, list(axes[0])


def _draw_reliability(axis: Axes, reliability: Mapping[str, Sequence[Mapping[str, float]]], horizon_days: float) -> None:
    axis.plot([0, 1], [0, 1], color=TRUE_COLOUR, linestyle=":", label="perfect")
    for (name, bins), colour, marker in zip(reliability.items(), (MODEL_COLOUR, BASELINE_COLOUR), "os", strict=False):
        x, y = [one["predicted"] for one in bins], [one["observed"] for one in bins]
        axis.plot(x, y, color=colour, marker=marker, linewidth=1.2, label=name)
        if colour == MODEL_COLOUR:
            for one in bins:
                axis.annotate(
                    f"{one['windows']:,.0f}",
                    (one["predicted"], one["observed"]),
                    (6, -11),
                    textcoords="offset points",
                    fontsize="x-small",
                    color=colour,
                )
    axis.set(
        xlabel=f"predicted probability of a failure within {horizon_days:g} days",
        ylabel="share of windows that failed within them",
        title="Failure probability (numbers: windows)",
        xlim=(-0.03, 1.09),
        ylim=(-0.05, 1.05),
    )
    axis.legend(loc="upper left", frameon=False)


def _bars(axis: Axes, rises: Mapping[str, Floats], colours: Mapping[str, str], title: str) -> None:
    names = sorted(rises, key=lambda name: float(np.mean(rises[name])))
    means = np.array([float(np.mean(rises[name])) for name in names])
    spans = np.array([[mean - np.min(rises[name]), np.max(rises[name]) - mean] for name, mean in zip(names, means, strict=True)])
    axis.barh(names, means, xerr=spans.T, color=[colours[name] for name in names], ecolor=TRUE_COLOUR, capsize=2)
    axis.axvline(0, color=TRUE_COLOUR, linewidth=0.8)
    axis.set(xlabel="rise of the RMSE, days", title=title)
    axis.grid(axis="x", alpha=0.25)
    axis.tick_params(axis="y", labelsize="small")
