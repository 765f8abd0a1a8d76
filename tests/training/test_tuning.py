"""How a study draws its trials; what becomes of them is in tests/pipelines/lifecycle/test_tune.py."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState

from config.errors import InputError
from config.sections.tuning import Choices, SamplerSection, SearchRange, values_in_force
from config.settings import Settings
from training.tuning import ERROR, begin, sampler, settings_of, suggest, tried

SPACE = {"network.lstm_units": Choices(choices=[[32], [64, 64]]), "network.dropout": SearchRange(low=0.0, high=0.4, step=0.05)}


def new_study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(study_name="search", sampler=sampler(SamplerSection(seed=17, startup_trials=5), 0))


def test_stored_parameters_become_values_of_the_configuration() -> None:
    stored = {"network.lstm_units": "[64,64]", "network.dropout": 0.1 + 0.2}
    assert settings_of(stored, SPACE) == {"network.lstm_units": [64, 64], "network.dropout": 0.3}


def test_every_draw_of_the_shipped_space_is_a_configuration(settings: Settings) -> None:
    space, study = settings.tuning.space, new_study()
    start = values_in_force(settings.model, space)
    begin(study, {}, start, space)
    drawn = [suggest(study.ask(), space, start) for _ in range(5)]
    assert drawn[0] == start
    assert len({str(chosen) for chosen in drawn}) == 5
    assert isinstance(settings.with_model(drawn[4]).model.network.dense_units, int)


def test_a_study_that_goes_on_does_not_draw_its_first_trials_again() -> None:
    section = SamplerSection(seed=17, startup_trials=5)
    draws = []
    for seen in (0, 0, 3):
        study = optuna.create_study(sampler=sampler(section, seen))
        draws.append(suggest(study.ask(), SPACE, {"network.lstm_units": [32], "network.dropout": 0.1}))
    assert draws[0] == draws[1] != draws[2]


def test_beginning_again_adds_no_second_first_trial() -> None:
    study, start = new_study(), {"network.lstm_units": [32], "network.dropout": 0.1}
    for _ in range(2):
        begin(study, {"gold": 1}, start, SPACE)
    assert len(study.trials) == 1
    assert tried(study) == 0
    with pytest.raises(InputError, match=r"'search' was begun with another gold \(then 1, now 2\)"):
        begin(study, {"gold": 2}, start, SPACE)


def test_a_first_trial_that_was_lost_is_asked_for_again_and_one_that_failed_of_itself_is_not() -> None:
    study, start = new_study(), {"network.lstm_units": [32], "network.dropout": 0.1}
    begin(study, {}, start, SPACE)
    study.tell(study.ask(), state=TrialState.FAIL)  # killed once too often
    begin(study, {}, start, SPACE)
    assert len(study.trials) == 2
    trial = study.ask()
    trial.set_user_attr(ERROR, "the loss is not finite")
    study.tell(trial, state=TrialState.FAIL)
    begin(study, {}, start, SPACE)
    assert len(study.trials) == 2


def test_a_study_that_somebody_else_began_is_refused() -> None:
    study = new_study()
    study.ask()
    with pytest.raises(InputError, match="'search' was not begun by altaviz tune"):
        begin(study, {}, {}, {})
