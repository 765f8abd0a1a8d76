"""Figures of a model, for its test compressors and for unseen fleets alike."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from config.settings import Settings
from features.arrays import Floats
from features.model_file.quantile_levels import INTERVAL_MASS
from monitoring.evaluation.prognostics import across_errors
from training.diagnostics.plots import LifeCurve, plot_calibration, plot_error_by_rul, plot_lives
from training.metrics import rmse

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from monitoring.evaluation.prognostics import LifeRun

LIFE_CURVES: Final = "life_curves.png"
CALIBRATION: Final = "calibration.png"
ERROR_BY_RUL: Final = "error_by_rul.png"
_MOST_CHARACTERS: Final = 60  # characters above a panel


@dataclass(frozen=True)
class LifePredictions:
    """One life as predicted by the model and, at the same hours, by its baseline; days."""

    name: str  # whose
    run: LifeRun  # with an interval
    baseline: Floats
    failure: str = ""  # as it was recorded


@dataclass(frozen=True)
class FigureData:
    """Predictions of a model and its baseline: lives, windows with an observed failure (days, [n]), reliability and coverage."""

    lives: Sequence[LifePredictions]
    true: Floats
    rul: Floats
    baseline: Floats
    reliability: Mapping[
        str, Sequence[Mapping[str, Any]]
    ]  # bins (monitoring.evaluation.calibration.reliability) by method, the model first
    coverage: Mapping[
        str, Mapping[str, Any]
    ]  # coverage and windows (monitoring.evaluation.calibration.coverage_by_group) by band of true life


@dataclass(frozen=True)
class DrawnLife:
    """A life in a figure, and the rank of its error among all lives."""

    life: LifePredictions
    rmse_days: float
    rank: int  # from 1, the smallest error


def drawn_lives(lives: Sequence[LifePredictions], number: int) -> list[DrawnLife]:
    """At most `number` of `lives`, at even ranks of their error (monitoring.evaluation.prognostics.across_errors)."""
    runs = [life.run for life in lives]
    ranks = {position: rank for rank, position in enumerate(across_errors(runs, len(runs)), start=1)}
    return [
        DrawnLife(lives[position], rmse(runs[position].true, runs[position].rul), ranks[position])
        for position in across_errors(runs, number)
    ]


def evaluation_figures(settings: Settings, data: FigureData, names: tuple[str, str]) -> dict[str, Figure]:
    """Life curves, calibration and errors by remaining life, by file name. `names`: model and baseline."""
    labels = settings.model.labels
    model, baseline = names
    figures = {
        CALIBRATION: plot_calibration(data.reliability, data.coverage, labels.horizon_days, INTERVAL_MASS),
        ERROR_BY_RUL: plot_error_by_rul(data.true, {model: data.rul, baseline: data.baseline}, labels.max_rul_days),
    }
    return figures if not data.lives else {LIFE_CURVES: _life_curves(settings, data.lives, names), **figures}


def _life_curves(settings: Settings, lives: Sequence[LifePredictions], names: tuple[str, str]) -> Figure:
    curves = []
    for drawn in drawn_lives(lives, settings.evaluation.card.lives):
        life, run = drawn.life, drawn.life.run
        if run.lower is None or run.upper is None:
            raise ValueError("a life is drawn with its interval")
        rank = f"{life.name}, RMSE {drawn.rmse_days:.1f} d, rank {drawn.rank} of {len(lives)}"
        title = f"{rank}\n{textwrap.shorten(life.failure, _MOST_CHARACTERS, placeholder=' ...')}"
        curves.append(LifeCurve(title, run.true, run.rul, run.lower, run.upper, life.baseline))
    return plot_lives(curves, settings.model.labels.max_rul_days, names)
