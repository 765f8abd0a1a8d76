"""Makes the model card of a training: `make_card` measures and draws it, `ModelCard.log` keeps it with the run.

The card is logged before the model is registered, so no version is ever without one. `name_version` adds the version's number.
`altaviz models card` copies it.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mlflow

from config.settings import Settings
from features.contract import FEATURES
from monitoring.evaluation.figures import FigureData, evaluation_figures
from monitoring.evaluation.held_out import BY_RUL, describe_machines, evaluate_held_out
from monitoring.evaluation.method_outcomes import BASELINE_NAMES
from pipelines.model_card.facts import (
    data_facts,
    feature_groups,
    identity_facts,
    judged_facts,
    limit_facts,
    measure_importance,
    protocol_facts,
    range_facts,
)
from pipelines.model_card.page import to_html, to_markdown
from pipelines.runtime.templates import escape
from training.diagnostics.plots import plot_importance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from monitoring.evaluation.held_out import HeldOut
    from serving.registry.client import Registry
    from serving.warehouse.decisions import ModelDecision
    from training.data.history import TrainingHistory
    from training.data.labelled_fleet import LabelledFleet
    from training.diagnostics.footprint import Footprint
    from training.diagnostics.importance import Importance
    from training.trial import Trial

CARD_FOLDER: Final = "card"  # of a training run's artifacts
CARD_TAG: Final = "altaviz.card"  # of a version: the URI of its card
MARKDOWN_FILE: Final = "model_card.md"
HTML_FILE: Final = "model_card.html"
IMPORTANCE: Final = "feature_importance.png"
MODEL: Final = "model"  # its name in figures, beside the baseline

_DPI: Final = 100
_MOST_DESCRIPTION: Final = 5000  # characters that MLflow's SQL store keeps of a description


@dataclass(frozen=True)
class ModelCard:
    """All values on a card, and its figures as PNG by file name."""

    run_id: str
    facts: Mapping[str, Any]
    figures: Mapping[str, bytes]

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the registered version."""
        return {CARD_TAG: card_uri(self.run_id)}

    def log(self) -> None:
        """Log the card to the active run, before the version has a number."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in self.figures.items():
                (Path(folder) / name).write_bytes(content)
            mlflow.log_artifacts(folder, CARD_FOLDER)
        self._log_pages(None)

    def name_version(self, registry: Registry, version: str) -> None:
        """Add the version's number to the card, and put a summary on the version's page in MLflow."""
        self._log_pages(version)
        reasons = [f"- {escape(reason)}" for reason in self.facts["verdict"]["reasons"]]
        lines = [escape(self.facts["summary"]), "", f"Model card: `{card_uri(self.run_id)}/{HTML_FILE}`", "", *reasons]
        registry.describe(version, "\n".join(lines)[:_MOST_DESCRIPTION])

    def _log_pages(self, version: str | None) -> None:
        markdown = to_markdown(self.facts, version, self.figures)
        mlflow.log_text(markdown, f"{CARD_FOLDER}/{MARKDOWN_FILE}")
        mlflow.log_text(to_html(markdown, self.figures), f"{CARD_FOLDER}/{HTML_FILE}")


def card_uri(run_id: str) -> str:
    """The URI of the card of a run."""
    return f"runs:/{run_id}/{CARD_FOLDER}"


def make_card(
    settings: Settings, history: TrainingHistory, fleet: LabelledFleet, trial: Trial, cost: Footprint, decided: ModelDecision
) -> ModelCard:
    """Measure and draw the card of `trial`. `cost` was measured for the gate, `decided` is its decision. Raises ModelError."""
    machines = describe_machines(fleet.history.compressor_ids, history.models(), history.events())
    held = evaluate_held_out(settings, fleet, trial, machines)
    data, judged = data_facts(settings.model.ageing, history, fleet, trial, machines), judged_facts(settings, held)
    importance = measure_importance(settings, fleet, trial)
    facts = {
        **identity_facts(settings, decided, judged["overall"]),
        **protocol_facts(settings, judged),
        "data": data,
        "ranges": range_facts(settings.evaluation.card.range_quantiles, fleet, trial),
        "metrics": trial.metrics,
        "judged": judged,
        "cost": {**asdict(cost), "fit_seconds": trial.fit.seconds, "epochs": trial.fit.epochs},
        "onnx_difference": trial.export.max_abs_difference,
        "importance": _importance_facts(importance),
        "limits": limit_facts(settings, data, judged),
    }
    return ModelCard(str(decided.run_id), facts, _draw(settings, held, judged, importance))


def _importance_facts(importance: Importance) -> dict[str, Any]:
    """windows, rmse_days, repeats, and the mean rise in days when all features of a sensor are permuted, largest first."""
    rises = {name: float(importance.rise_days[name].mean()) for name in feature_groups()}
    return {
        "windows": importance.windows,
        "rmse_days": importance.rmse_days,
        "repeats": len(next(iter(importance.rise_days.values()))),
        "together": dict(sorted(rises.items(), key=lambda item: -item[1])),
    }


def _draw(settings: Settings, held: HeldOut, judged: Mapping[str, Any], importance: Importance) -> dict[str, bytes]:
    """The card's figures as PNG by file name."""
    predictions, probability, baseline = held.predictions, judged["probability"], BASELINE_NAMES["baseline"]
    reliability = {MODEL: probability["model"]["bins"], baseline: probability["baseline"]["bins"]}
    coverage = {band: {"coverage": one["coverage_90"], "windows": one["windows"]} for band, one in judged["slices"][BY_RUL].items()}
    data = FigureData(held.lives, predictions.true, predictions.rul, held.baseline, reliability, coverage)
    groups = feature_groups()
    figures = {
        **evaluation_figures(settings, data, (MODEL, baseline)),
        IMPORTANCE: plot_importance(
            {name: importance.rise_days[name] for name in groups},
            {name: importance.rise_days[name] for name in FEATURES},
            {FEATURES[column]: name for name, columns in groups.items() for column in columns},
        ),
    }
    return {name: _png(figure) for name, figure in figures.items()}


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI)
    return stream.getvalue()
