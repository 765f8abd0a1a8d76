"""What stands beside the champion in an evaluation: the boosting that is logged with it, a planner's trend, a perceptron trained on its compressors."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np

from config.errors import ModelError, NoDataError
from config.settings import Settings
from features.contract import (
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    FEATURES,
    MAX_LOOKBACK_HOURS,
    VIBRATION,
    WINDOW_STEP_HOURS,
    WINDOW_STEPS,
)
from pipelines.console import StageReporter
from pipelines.fleets import UnseenFleet

if TYPE_CHECKING:
    import numpy.typing as npt
    from sklearn.ensemble import HistGradientBoostingRegressor

    from config.thresholds import EffectiveLimits
    from serving.registry import RegisteredModel, Registry
    from training.baselines import Baseline
    from training.mlp import Mlp

BASELINE_KEY: Final = "baseline"  # name of the model that is logged, and of its numbers in a report
_BASELINE_FILE: Final = "model.skops"  # as MLflow calls it
# What a baseline's file may hold beyond the types that skops knows to be harmless. skops asks for this one because a crafted tree could crash a reader.
TRUSTED_TYPES: Final = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)
_HOURS_PER_DAY: Final = 24.0
_TREND_FEATURES: Final = {VIBRATION: "vibration_24hr_mean", DISCHARGE_TEMP: "temp_24hr_mean", DISCHARGE_PRESSURE: "pressure_24hr_mean"}


def trend_rul(settings: Settings, fleet: UnseenFleet) -> npt.NDArray[np.float64]:
    """Life until the first sensor's line reaches its limit, for every window of the fleet's index -> [windows] days, capped as labels are.

    A point counts if its 24 h lie within the running life: whoever repaired the compressor starts the line anew.
    """
    from monitoring.trend import fit_lines, time_to_limit

    config, thresholds, most = settings.evaluation.trend, settings.thresholds, settings.model.labels.max_rul_days
    history, index = fleet.labelled.history, fleet.labelled.index
    back = np.arange(config.points - 1, -1, -1, dtype=np.int64) * (config.step_hours // WINDOW_STEP_HOURS)  # [points] rows, oldest first
    times = np.asarray(-back * WINDOW_STEP_HOURS, np.float64) / _HOURS_PER_DAY
    first_day = life_starts(fleet) + MAX_LOOKBACK_HOURS / _HOURS_PER_DAY  # [windows]
    rul = np.full(len(index), most)
    for unit, compressor_id in enumerate(history.compressor_ids):
        own = np.flatnonzero(index.unit == unit)
        hours = (index.end[own] % history.hours)[:, None] - back  # [own, points]
        counts = (hours >= 0) & (hours * (WINDOW_STEP_HOURS / _HOURS_PER_DAY) >= first_day[own, None])
        rows = np.asarray(history.values[unit * history.hours : (unit + 1) * history.hours])
        for sensor, feature in _TREND_FEATURES.items():
            limits = thresholds.limits(sensor, fleet.models[compressor_id])
            points = np.where(counts, rows[np.maximum(hours, 0), FEATURES.index(feature)].astype(np.float64), np.nan)
            level, slope = fit_lines(times, points, config.least_points)
            rul[own] = np.minimum(rul[own], time_to_limit(level, slope, _limit(limits, config.limit), limits.direction, most))
    return rul


def _limit(limits: EffectiveLimits, level: str) -> float:
    return limits.warning if level == "warning" or limits.critical is None else limits.critical


def life_starts(fleet: UnseenFleet) -> npt.NDArray[np.float64]:
    """When the life of each window of the fleet's index began -> [windows] days since history.first_mark; -inf before the first event."""
    starts = np.full(len(fleet.labelled.index), -np.inf)
    for _, life, windows in fleet.windows_of_lives():
        starts[windows] = life.start
    return starts


def load_baseline(settings: Settings, model: RegisteredModel) -> Baseline:
    """The gradient boosting that was trained and logged beside a registered model.

    Raises ModelError when there is none, or when its file names a type that is not in TRUSTED_TYPES: nothing of that file has run then.
    """
    from training.baselines import GRADIENT_BOOSTING, Baseline

    regressor = _read_regressor(_baseline_file(settings, model), model.version)
    if regressor.n_features_in_ != len(FEATURES):
        raise ModelError(
            f"the {BASELINE_KEY} of version {model.version} takes {regressor.n_features_in_} features, not {len(FEATURES)}: train again"
        )
    return Baseline(GRADIENT_BOOSTING, model.facts.max_rul_days, np.arange(len(FEATURES)), regressor, None)


def _baseline_file(settings: Settings, model: RegisteredModel) -> bytes:
    """The bytes of the baseline that was logged beside `model`. Raises ModelError."""
    import mlflow
    from mlflow.exceptions import MlflowException

    from pipelines.tracking import EXPERIMENT

    missing = f"no {BASELINE_KEY} is logged beside version {model.version}: train and register it again"
    try:
        mlflow.set_tracking_uri(settings.tracking_uri)
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
    """The regressor in a skops file, made of trusted types alone. MLflow's own reader takes the list of trusted types from the artifact. Raises ModelError."""
    import skops.io
    from sklearn.ensemble import HistGradientBoostingRegressor
    from skops.io.exceptions import UntrustedTypesFoundException

    refused = f"the {BASELINE_KEY} beside version {version} is refused"
    cure = "train again, or bring the file back with `altaviz restore` from a backup"
    try:
        regressor = skops.io.loads(content, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED_TYPES))
        raise ModelError(f"{refused}: its file asks for {', '.join(foreign)}, which no {BASELINE_KEY} of ours holds: {cure}") from error
    except Exception as error:  # a damaged file fails in many ways
        raise ModelError(f"{refused}: its file is damaged ({type(error).__name__}): {cure}") from error
    if type(regressor) is not HistGradientBoostingRegressor:
        raise ModelError(f"{refused}: its file holds a {type(regressor).__name__}, not the regressor that training logs: {cure}")
    return regressor


def train_mlp(settings: Settings, registry: Registry, report: StageReporter) -> Mlp | str:
    """The perceptron, trained on the champion's training compressors in the training lake up to the end of what the champion has seen.

    Where that cannot be done, the reason: a champion may have been trained elsewhere.
    """
    from pipelines.champion import known_champion, known_split
    from pipelines.past import labelled_fleet, open_past
    from training.augment import LevelAugmentation
    from training.mlp import fit_mlp
    from training.trial import split_fleet

    champion = known_champion(registry)
    if champion is None or champion.parts is None:
        return "the champion's run does not say which compressors it was trained on"
    facts, config = champion.model.facts, settings.model
    until = None if facts.trained_until is None else datetime.fromisoformat(facts.trained_until)
    try:
        fleet = labelled_fleet(settings, open_past([settings.training_lake_uri], until), report)
        known = known_split(champion, fleet.history)
        with report.stage("train perceptron") as advance:
            dealt = split_fleet(fleet, config, known)
            own = dealt.units if known is None else known  # compressors that came later are dealt too, and left out here
            mlp = fit_mlp(
                fleet.history.values,
                dealt.evenly.of_units(own.train),
                dealt.validation.of_units(own.validation),
                WINDOW_STEPS,
                config=settings.evaluation.mlp,
                clip_sigma=config.network.clip_sigma,
                max_rul=facts.max_rul_days,
                augment=LevelAugmentation(config.augmentation),
            )
            advance(1, 1, epochs=mlp.epochs)
    except (ModelError, NoDataError) as error:
        return f"it cannot be trained on the training lake: {error}"
    return mlp
