"""A hyper-parameter study with Optuna: drawing, fitting and pruning trials, and its result.

    begin(study, facts, start)                                  what every trial of it shares; the settings in force are the first trial
    chosen = suggest(trial, space, start)                       dotted key of model_config.yaml -> value
    rmse = fit_trial(trial, values, folds, config, on_epoch)    days; raises TrialPruned after the epoch that does not promise enough
    found = summarise(study, space)

It gets windows of training and validation compressors only, in the folds of training. Test compressors stay for the gate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from config.errors import InputError
from config.sections.model import ModelConfig
from config.sections.tuning import Choices, PrunerSection, SamplerSection, SearchRange
from features.arrays import Float32s
from training.network.ensemble import Fold
from training.network.fit import VALIDATION_RMSE, EpochLog, OnEpoch
from training.quiet_tensorflow import keras
from training.trial import fit_folds

IN_FORCE: Final = "in_force"  # user attribute of the trial with the settings in force
ERROR: Final = "error"  # user attribute of a trial that failed of itself: why
_FACTS: Final = "facts"  # user attribute of a study
_DECIMALS: Final = 12  # of a value that lies on a grid
_LONGEST: Final = 60  # characters of a value in a message

Space = Mapping[str, SearchRange | Choices]


@dataclass(frozen=True)
class Found:
    """The result of a study. Values are RMSE in days over held-out compressors."""

    trials: dict[str, int]  # complete, pruned, failed; those whose process was killed are among the failed
    best: FrozenTrial
    best_settings: dict[str, Any]
    value_in_force: float | None  # of the settings in force; None when that trial has failed


def sampler(config: SamplerSection, seen: int) -> optuna.samplers.BaseSampler:
    """Draws from `seed` plus the number of earlier trials, so that a resumed study does not repeat its first draws."""
    return optuna.samplers.TPESampler(n_startup_trials=config.startup_trials, seed=config.seed + seen)


def pruner(config: PrunerSection) -> optuna.pruners.BasePruner:
    """Prunes what is worse than the median of earlier trials at the same epoch, counted from 1."""
    return optuna.pruners.MedianPruner(n_startup_trials=config.startup_trials, n_warmup_steps=config.warmup_epochs + 1)


def begin(study: optuna.Study, facts: Mapping[str, Any], start: Mapping[str, Any], space: Space) -> None:
    """Check that `study` is about `facts`, and enqueue the settings `start`. Raises InputError when it is about something else.

    facts: JSON values that all trials share. Studies with different facts cannot be compared.
    """
    known = study.user_attrs.get(_FACTS)
    if known is None and study.trials:
        raise InputError(f"study {study.study_name!r} was not begun by altaviz tune: choose another --study name")
    if known is None:
        study.set_user_attr(_FACTS, dict(facts))
    elif changed := [name for name in {**known, **facts} if known.get(name) != facts.get(name)]:
        raise InputError(
            f"study {study.study_name!r} was begun with another {', '.join(_change(name, known, facts) for name in changed)}: "
            "its trials cannot be compared with new ones; begin another with --study NAME"
        )
    if not any(trial.user_attrs.get(IN_FORCE) and not _lost(trial) for trial in study.trials):
        study.enqueue_trial({key: _stored(space[key], value) for key, value in start.items()}, user_attrs={IN_FORCE: True})


def _change(name: str, known: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    then, now = (json.dumps(part.get(name)) for part in (known, facts))
    return f"{name} (then {then}, now {now})" if max(len(then), len(now)) <= _LONGEST else name


def suggest(trial: optuna.Trial, space: Space, start: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of `trial`; whole numbers where those of `start` are."""
    for key, values in space.items():
        if isinstance(values, Choices):
            trial.suggest_categorical(key, [as_text(value) for value in values.choices])
        elif isinstance(start[key], int):
            trial.suggest_int(key, int(values.low), int(values.high), step=int(values.step or 1), log=values.log)
        else:
            trial.suggest_float(key, values.low, values.high, step=values.step, log=values.log)
    return settings_of(trial.params, space)


def settings_of(params: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Optuna's parameters as values of model_config.yaml; 0.3 where the steps of a range have added up to 0.30000000000000004."""

    def value_of(values: SearchRange | Choices, value: Any) -> Any:
        if isinstance(values, Choices):
            return json.loads(value)
        return round(value, _DECIMALS) if values.step is not None else value

    return {key: value_of(space[key], value) for key, value in params.items()}


def _stored(values: SearchRange | Choices, value: Any) -> Any:
    return as_text(value) if isinstance(values, Choices) else value


def as_text(value: Any) -> str:
    """A value as `--set KEY=VALUE` takes it, without blanks."""
    return json.dumps(value, separators=(",", ":"))


def fit_trial(trial: optuna.Trial, values: Float32s, folds: Sequence[Fold], config: ModelConfig, on_epoch: OnEpoch) -> float:
    """Fit a network for each fold and return the best RMSE in days over held-out windows with an observed failure.

    Raises TrialPruned when the pruner gives it up, never for the settings in force. Raises ModelError when a loss is not finite.
    """
    keras.backend.clear_session()  # the networks of earlier trials

    def report(epoch: int, epochs: int, log: EpochLog) -> None:
        on_epoch(epoch, epochs, log)
        trial.report(log[VALIDATION_RMSE], epoch)
        if not trial.user_attrs.get(IN_FORCE) and trial.should_prune():
            raise optuna.TrialPruned(f"given up after epoch {epoch}")

    _, fit = fit_folds(values, folds, config, report)
    return fit.validation_rmse


def tried(study: optuna.Study) -> int:
    """Trials that count: completed, pruned, or failed with an error. Lost trials are tried again."""
    return sum(trial.state.is_finished() and not _lost(trial) for trial in study.trials)


def _lost(trial: FrozenTrial) -> bool:
    """Whether its process was killed or interrupted."""
    return trial.state == TrialState.FAIL and ERROR not in trial.user_attrs


def summarise(study: optuna.Study, space: Space) -> Found | None:
    """The result so far; None before the first trial was completed."""
    trials = study.trials
    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    counts = {name: sum(trial.state == state for trial in trials) for name, state in states.items()}
    if not counts["complete"]:
        return None
    in_force = [trial.value for trial in trials if trial.state == TrialState.COMPLETE and trial.user_attrs.get(IN_FORCE)]
    best = study.best_trial
    return Found(counts, best, settings_of(best.params, space), in_force[0] if in_force else None)
