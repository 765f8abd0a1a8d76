"""Searches hyper-parameters on the training lake: `altaviz tune`.

Optuna's storage keeps the trials. Each is an MLflow run below the run of its study.
"""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import mlflow
import optuna
from mlflow import MlflowClient
from mlflow.entities import RunStatus
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

from config.errors import InputError, ModelError
from config.logs import get_log
from config.secrets import hide_passwords
from config.sections.tuning import LostSection, TuningConfig, values_in_force
from config.settings import Settings
from monitoring.gate.champion import find_champion, known_split
from pipelines.lakehouse.labelled_history import labelled_fleet
from pipelines.lifecycle.tuning_record import log_study
from pipelines.runtime.console import Advance, StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.mlflow_runs import find_run, flat_parameters, log_epoch, nested_run, tracked_run
from serving.registry.client import Registry
from training.data.history import open_history
from training.trial import deal_folds, split_fleet
from training.tuning import ERROR, IN_FORCE, as_text, begin, fit_trial, pruner, sampler, suggest, summarise, tried

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from training.data.history import TrainingHistory
    from training.data.labelled_fleet import LabelledFleet
    from training.data.split import UnitSplit
    from training.network.ensemble import Fold

STUDY_TAG: Final = "altaviz.study"  # of the study's run: its name and its own id
STATE_TAG: Final = "state"  # of a trial's run: running, complete, pruned or failed
_RUN: Final = "run_id"  # user attribute of a trial: its run
_ID: Final = "id"  # user attribute of a study: a new home must not continue the runs of an old one
_CHECK_S: Final = 1.0  # between two checks of trials that may have lost their process
_TICKS_S: Final = 2.0  # the storage's clock counts whole seconds and may be late
_SECTIONS: Final = ("labels", "windows", "network", "fit", "ensemble", "augmentation", "split")


@dataclass(frozen=True)
class _Search:
    """A study, and what each of its trials is fitted on."""

    settings: Settings
    study: optuna.Study
    fleet: LabelledFleet
    folds: Sequence[Fold]
    start: Mapping[str, Any]  # values in force of the keys that are searched


def tune(
    settings: Settings, report: StageReporter, *, name: str | None = None, trials: int | None = None, timeout_min: float | None = None
) -> dict[str, Any]:
    """Continue the study `name` until it has `trials`; no trial starts after `timeout_min`. No trial uses the test compressors.

    Returns study, trials by state, best {number, value_days, params}, default_value_days, run_id, set_arguments, seconds.
    Values are RMSE in days over held-out compressors.
    Raises ConfigError, NoDataError, InputError when the study is about something else, ModelError.
    """
    started = time.perf_counter()
    config = settings.tuning
    name = _sound_name(config.study if name is None else name)
    start = values_in_force(settings.with_model(_trial_networks(settings.tuning)).model, config.space)

    quieten()
    history = open_history([settings.training_lake_uri])
    champion = find_champion(Registry(settings.tracking_uri))
    fleet = labelled_fleet(settings, history, report)
    split = split_fleet(fleet, settings.model, known_split(champion, fleet.history)).units
    folds = deal_folds(fleet, split, settings.with_model(_trial_networks(settings.tuning)).model)
    study = open_study(settings, name)
    begin(study, _facts(settings, history, fleet, split), start, config.space)
    search = _Search(settings, study, fleet, folds, start)
    tag = _tag(study)
    with (
        tracked_run(settings, f"tune {study.study_name}", find_run(settings.tracking_uri, STUDY_TAG, tag)) as run,
        report.stage("tune") as advance,
    ):
        _describe(settings, history, fleet, tag)
        _end_lost(config.lost, study)
        wanted = config.trials if trials is None else trials
        if tried(study) < wanted:
            _run_trials(search, wanted, timeout_min, advance)
        found = summarise(study, config.space)
        if found is None:
            raise ModelError(_why_nothing(study))
        log_study(study, found)
    return {
        "study": study.study_name,
        "trials": found.trials,
        "best": {"number": found.best.number, "value_days": found.best.value, "params": found.best_settings},
        "default_value_days": found.value_in_force,
        "run_id": run.info.run_id,
        "set_arguments": [f"{key}={as_text(value)}" for key, value in found.best_settings.items()],
        "seconds": round(time.perf_counter() - started, 2),
    }


def _sound_name(name: str) -> str:
    """Check that MLflow's search can find the name. Raises InputError."""
    if not name.strip() or set(name) & set("'\"`"):
        raise InputError(f"study name {name!r} is empty or has quotes, so MLflow could not find it again: choose another with --study NAME")
    return name


def open_study(settings: Settings, name: str) -> optuna.Study:
    """Open the study `name`, or create it. A trial whose process was killed is marked failed and tried again. Raises ModelError."""
    config = settings.tuning
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # this module reports a failed trial, without its traceback
    try:
        with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):  # Optuna has called heartbeats experimental since 2.9
            storage = optuna.storages.RDBStorage(
                settings.tuning_storage,
                heartbeat_interval=config.lost.heartbeat_s,
                grace_period=config.lost.grace_s,
                heartbeat_stale_trial_callback=partial(_bury, settings),
            )
        study = optuna.create_study(
            storage=storage, study_name=name, direction="minimize", load_if_exists=True, pruner=pruner(config.pruner)
        )
        study.sampler = sampler(config.sampler, len(study.trials))
    except (SQLAlchemyError, StorageInternalError, ImportError, RuntimeError) as error:
        where = "ALTAVIZ_TUNING_STORAGE" if config.storage else f"{settings.home / 'tuning.db'}, or move it away"
        raise ModelError(
            f"the study storage cannot be opened ({hide_passwords(str(error).splitlines()[0])[:200]}): check {where}"
        ) from error
    return study


def _end_lost(config: LostSection, study: optuna.Study) -> None:
    """End trials whose process was killed, and queue them again. A killed trial looks alive for `grace_s` seconds: wait that long."""

    def running() -> set[int]:
        return {trial.number for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}

    open_at_first, grace_s = running(), config.grace_s

    def end_silent() -> set[int]:
        with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
            optuna.storages.fail_stale_trials(study)
        return open_at_first & running()

    def log_waiting(attempt: RetryCallState) -> None:
        assert attempt.outcome is not None, "there is a wait only after an attempt"
        get_log().info("waiting for trials that may be lost", trials=sorted(attempt.outcome.result()), longest_s=grace_s)

    if open_at_first:
        Retrying(
            retry=retry_if_result(bool),
            wait=wait_fixed(_CHECK_S),
            stop=stop_after_delay(grace_s + _TICKS_S),
            before_sleep=log_waiting,
            retry_error_callback=lambda _: None,  # the trials that remain run in another process
        )(end_silent)


def _bury(settings: Settings, study: optuna.Study, trial: FrozenTrial) -> None:
    """Queue a trial again whose process was killed, and end its run."""
    with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
        RetryHeartbeatStaleTrialCallback(max_retry=settings.tuning.lost.retries)(study, trial)
    run_id, client = trial.user_attrs.get(_RUN), MlflowClient(settings.tracking_uri)
    if run_id is not None and client.get_run(run_id).info.status == RunStatus.to_string(RunStatus.RUNNING):
        client.set_tag(run_id, STATE_TAG, "failed")
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))


def _run_trials(search: _Search, wanted: int, timeout_min: float | None, advance: Advance) -> None:
    """Run trials until `wanted` of the study have been tried, or until the time is over."""
    study = search.study

    def after_trial(study: optuna.Study, trial: FrozenTrial) -> None:
        done, state = tried(study), trial.state.name.lower()
        get_log().info("trial finished", number=trial.number, state=state, value_days=trial.value, **trial.params)
        if trial.value is not None and state == "complete":
            mlflow.log_metric("best_value_days", study.best_value, step=trial.number)
        advance(done, wanted, trial=trial.number, state=state)
        if done >= wanted:
            study.stop()

    if tried(study):
        advance(tried(study), wanted)
    study.optimize(
        _objective(search, lambda share: advance(tried(study) + share, wanted)),
        timeout=None if timeout_min is None else timeout_min * 60.0,
        catch=(ModelError,),
        callbacks=[after_trial],
    )


def _objective(search: _Search, on_progress: Callable[[float], None]) -> Callable[[optuna.Trial], float]:
    """Trial -> RMSE in days over held-out compressors, with its run in MLflow. `on_progress` gets the share of epochs done."""
    settings = search.settings

    def on_epoch(epoch: int, epochs: int, log: Mapping[str, float]) -> None:
        log_epoch(epoch, log)
        on_progress(epoch / epochs)

    def objective(trial: optuna.Trial) -> float:
        chosen, given_up, value = suggest(trial, settings.tuning.space, search.start), None, float("nan")
        with nested_run(f"trial {trial.number}", {"trial": str(trial.number), STATE_TAG: "running"}) as run:
            trial.set_user_attr(_RUN, run.info.run_id)
            mlflow.log_params(chosen)
            try:
                config = settings.with_model({**_trial_networks(settings.tuning), **chosen}).model
                value = fit_trial(trial, search.fleet.history.values, search.folds, config, on_epoch)
            except optuna.TrialPruned as pruned:
                given_up = pruned
            except ModelError as error:
                trial.set_user_attr(ERROR, str(error))
                mlflow.set_tags({STATE_TAG: "failed", ERROR: str(error)})
                raise
            except BaseException:  # Ctrl-C, or the machine: the settings are not to blame
                mlflow.set_tag(STATE_TAG, "failed")
                search.study.enqueue_trial(trial.params, user_attrs={IN_FORCE: trial.user_attrs.get(IN_FORCE, False)})
                raise
            if given_up is None:
                mlflow.log_metric("validation_rmse_days", value)
            mlflow.set_tag(STATE_TAG, "complete" if given_up is None else "pruned")
        if given_up is not None:
            raise given_up
        return value

    return objective


def _trial_networks(config: TuningConfig) -> dict[str, int]:
    """The override that gives a trial the number of networks in tuning.yaml."""
    return {"ensemble.networks": config.networks}


def _facts(settings: Settings, history: TrainingHistory, fleet: LabelledFleet, split: UnitSplit) -> dict[str, Any]:
    """What all trials of a study must share: data, split, fixed settings and search space."""
    model, space, names = settings.model, settings.tuning.space, fleet.history.compressor_ids
    flat = {key: value for section in _SECTIONS for key, value in flat_parameters(getattr(model, section), f"{section}.").items()}
    return {
        "gold version": [source.version for source in history.sources],
        "history": history.fingerprint(str(settings.scoring.min_steps)),
        "set of compressors to learn from": sorted(names[unit] for part in (split.train, split.validation) for unit in part),
        "number of networks": settings.tuning.networks,
        **{key: value for key, value in flat.items() if key not in space},
        **{f"space of {key}": values.model_dump() for key, values in space.items()},
    }


def _tag(study: optuna.Study) -> str:
    if _ID not in study.user_attrs:
        study.set_user_attr(_ID, uuid.uuid4().hex)
    return f"{study.study_name} {study.user_attrs[_ID]}"


def _describe(settings: Settings, history: TrainingHistory, fleet: LabelledFleet, tag: str) -> None:
    """Log to the study's run what all its trials share. Doing it again changes nothing."""
    mlflow.set_tag(STUDY_TAG, tag)
    for section in _SECTIONS:
        flat = flat_parameters(getattr(settings.model, section), f"{section}.")
        mlflow.log_params({key: value for key, value in flat.items() if key not in settings.tuning.space})
    mlflow.log_params(
        {
            "gold_version": history.sources[0].version,
            "compressors": len(fleet.history.compressor_ids),
            "trained_until": fleet.history.last_mark.isoformat(),
        }
    )


def _why_nothing(study: optuna.Study) -> str:
    reasons = [trial.user_attrs[ERROR] for trial in study.trials if ERROR in trial.user_attrs]
    why = f"the last one failed: {reasons[-1]}" if reasons else "the time was too short: allow more with --timeout-min"
    return f"no trial of study {study.study_name!r} was completed; {why}"
