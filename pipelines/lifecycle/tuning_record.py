"""Logs a study to its MLflow run: best settings, their importance, and the search's course."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import matplotlib
import matplotlib.pyplot as plt
import mlflow
import optuna
import yaml
from optuna.visualization import matplotlib as draw

from training.tuning import as_text

if TYPE_CHECKING:
    from training.tuning import Found

BEST_FILE: Final = "best.yaml"
_LEAST_TO_COMPARE: Final = 2  # completed trials


def log_study(study: optuna.Study, found: Found) -> None:
    """Log tags, metrics and figures to the active run. A continued study replaces them."""
    mlflow.set_tags({"best.trial": found.best.number, **{f"best.{key}": value for key, value in found.best_settings.items()}})
    mlflow.set_tags({f"trials.{state}": number for state, number in found.trials.items()})
    assert found.best.value is not None, "the best trial is a completed one"
    mlflow.log_metric("best_value_days", found.best.value, step=len(study.trials))
    if found.value_in_force is not None:
        mlflow.log_metric("default_value_days", found.value_in_force)
    mlflow.log_text(best_file(study, found), BEST_FILE)
    _log_figures(study, found)


def best_file(study: optuna.Study, found: Found) -> str:
    """The best settings as sections of model_config.yaml, under the command that trains with them."""
    sections: dict[str, dict[str, Any]] = {}
    for key, value in found.best_settings.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    command = " ".join(f"--set {key}={as_text(value)}" for key, value in found.best_settings.items())
    return (
        f"# trial {found.best.number} of study {study.study_name}, RMSE over held-out compressors {found.best.value:.4g} days\n# altaviz train {command}\n"
        + (yaml.safe_dump(sections, sort_keys=False))
    )


def _log_figures(study: optuna.Study, found: Found) -> None:
    matplotlib.use("Agg")  # drawn without a display

    figures = {"history": draw.plot_optimization_history, "intermediate_values": draw.plot_intermediate_values}
    with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning), matplotlib.rc_context():
        if found.trials["complete"] >= _LEAST_TO_COMPARE:
            mlflow.log_dict(optuna.importance.get_param_importances(study), "importances.json")
            figures["importances"] = draw.plot_param_importances
        for name, plot in figures.items():
            figure = plot(study).get_figure(root=True)
            assert figure is not None, "axes that were just drawn belong to a figure"
            mlflow.log_figure(figure, f"plots/{name}.png", save_kwargs={"bbox_inches": "tight"})  # long key names are not cut off
            plt.close(figure)
