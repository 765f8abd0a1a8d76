"""Provides the models that an evaluation compares the champion with: gradient boosting, a linear trend, and a perceptron."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import mlflow
import numpy as np
import skops.io
from mlflow.exceptions import MlflowException
from sklearn.ensemble import HistGradientBoostingRegressor
from skops.io.exceptions import UntrustedTypesFoundException

from config.errors import ModelError, NoDataError
from config.settings import Settings
from features.contract import (
    FEATURES,
    WINDOW_STEPS,
)
from monitoring.evaluation.methods import BASELINE_KEY
from monitoring.gate.champion import known_champion, known_split
from pipelines.lakehouse.labelled_history import labelled_fleet
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_runs import EXPERIMENT
from training.baselines.mlp import fit_mlp
from training.baselines.tabular import GRADIENT_BOOSTING, Baseline
from training.data.augmentation import LevelAugmentation
from training.data.dataset import IndexedWindows
from training.data.history import open_history
from training.trial import split_fleet

if TYPE_CHECKING:
    from serving.registry.client import Registry
    from serving.registry.model_version import RegisteredModel
    from training.baselines.mlp import Mlp

_BASELINE_FILE: Final = "model.skops"  # as MLflow calls it
# Types that a baseline's file may hold beyond those that skops trusts. A crafted tree of this type could crash a reader.
TRUSTED_TYPES: Final = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)


def load_baseline(settings: Settings, model: RegisteredModel) -> Baseline:
    """The gradient boosting that was trained and logged beside a registered model.

    Raises ModelError if there is none, or if its file names a type outside TRUSTED_TYPES. No code of that file has run then.
    """
    regressor = _read_regressor(_baseline_file(settings.tracking_uri, model), model.version)
    if regressor.n_features_in_ != len(FEATURES):
        raise ModelError(
            f"the {BASELINE_KEY} of version {model.version} takes {regressor.n_features_in_} features, not {len(FEATURES)}: train again"
        )
    return Baseline(GRADIENT_BOOSTING, model.facts.max_rul_days, np.arange(len(FEATURES)), regressor, None)


def _baseline_file(tracking_uri: str, model: RegisteredModel) -> bytes:
    """The bytes of the baseline that was logged beside `model`. Raises ModelError."""
    missing = f"no {BASELINE_KEY} is logged beside version {model.version}: train and register it again"
    try:
        mlflow.set_tracking_uri(tracking_uri)
        experiment = mlflow.get_experiment_by_name(EXPERIMENT)
        wanted = f"name = '{BASELINE_KEY}' AND source_run_id = '{model.run_id}'"
        found = mlflow.search_logged_models([experiment.experiment_id], wanted, output_format="list") if experiment else []
        if not found:
            raise ModelError(missing)
        try:
            with TemporaryDirectory() as folder:
                return (Path(mlflow.artifacts.download_artifacts(found[0].model_uri, dst_path=folder)) / _BASELINE_FILE).read_bytes()
        except (MlflowException, OSError) as error:
            raise ModelError(
                f"the files of {BASELINE_KEY} beside version {model.version} are not in {found[0].artifact_location}: bring them back "
                "with `altaviz restore` from a backup, or copy the folder from the home it came from"
            ) from error
    except MlflowException as error:
        raise ModelError(f"{missing} ({str(error).splitlines()[0][:200]})") from error


def _read_regressor(content: bytes, version: str) -> HistGradientBoostingRegressor:
    """The regressor in a skops file, made of trusted types alone.

    MLflow's own reader takes the list of trusted types from the artifact. Raises ModelError.
    """
    refused = f"the {BASELINE_KEY} beside version {version} is refused"
    advice = "train again, or bring the file back with `altaviz restore` from a backup"
    try:
        regressor = skops.io.loads(content, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED_TYPES))
        raise ModelError(
            f"{refused}: its file asks for {', '.join(foreign)}, which a {BASELINE_KEY} that Altaviz logged never holds: {advice}"
        ) from error
    except Exception as error:  # a damaged file fails in many ways
        raise ModelError(f"{refused}: its file is damaged ({type(error).__name__}): {advice}") from error
    if type(regressor) is not HistGradientBoostingRegressor:
        raise ModelError(f"{refused}: its file holds a {type(regressor).__name__}, not the regressor that training logs: {advice}")
    return regressor


def train_mlp(settings: Settings, registry: Registry, report: StageReporter) -> Mlp | str:
    """Train the perceptron on the champion's training compressors, up to the end of the champion's data.

    Returns the reason if that is impossible: a champion may have been trained elsewhere.
    """
    champion = known_champion(registry)
    if champion is None or champion.parts is None:
        return "the champion's run does not record its training compressors"
    facts, config = champion.model.facts, settings.model
    until = None if facts.trained_until is None else datetime.fromisoformat(facts.trained_until)
    try:
        fleet = labelled_fleet(settings, open_history([settings.training_lake_uri], until), report)
        known = known_split(champion, fleet.history)
        with report.stage("train perceptron") as advance:
            dealt = split_fleet(fleet, config, known)
            own = dealt.units if known is None else known  # compressors that came later are dealt too, and left out here
            mlp = fit_mlp(
                IndexedWindows(fleet.history.values, dealt.evenly.of_units(own.train), WINDOW_STEPS),
                dealt.validation.of_units(own.validation),
                settings.evaluation.mlp,
                clip_sigma=config.network.clip_sigma,
                max_rul=facts.max_rul_days,
                augment=LevelAugmentation(config.augmentation),
            )
            advance(1, 1, epochs=mlp.epochs)
    except (ModelError, NoDataError) as error:
        return f"it cannot be trained on the training lake: {error}"
    return mlp
