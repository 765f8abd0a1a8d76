"""A study on a tiny fleet: real trials, real Optuna storage, real MLflow on SQLite."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import polars as pl
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from config.errors import InputError, ModelError
from config.loader import CONFIG_DIR
from config.settings import Settings, load_settings
from features.arrays import Float32s
from features.contract import FAILURE, STATUS_FEATURES
from features.lake import EVENTS, GOLD, Lake
from features.reference_tables.tables import EVENT_KEY, EVENT_SCHEMA, merge_reference
from pipelines.commands.options import parse_overrides
from pipelines.lifecycle.tune import open_study, tune
from pipelines.runtime.console import Advance, StageReporter
from pipelines.runtime.mlflow_runs import EXPERIMENT
from tests.folders import TemporaryDirectory
from tests.serving.gold import gold_row, write_gold
from training.data.split import split_units
from training.network.ensemble import Fold, fit_ensemble

START = datetime(2026, 1, 1, tzinfo=UTC)
COMPRESSORS, HOURS = 6, 60
EPOCHS = 2
GRACE_S = 3
RATE = "fit.learning_rate"
HOPELESS = 1e-9  # learns nothing: worse than any other at every epoch
SMALL = {
    "network.dense_units": 4,
    "fit.epochs": EPOCHS,
    "fit.batch_size": 64,
    RATE: 0.05,
    "network.lstm_units": [4],
}


@dataclass(frozen=True)
class Home:
    """A home with gold to learn from."""

    settings: Settings
    report: StageReporter

    def tune(self, trials: int, study: str = "search") -> dict[str, Any]:
        return tune(self.settings, self.report, name=study, trials=trials)

    @property
    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        client = MlflowClient(self.settings.tracking_uri)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        assert experiment is not None
        return client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])

    def kill_trial(self, params: dict[str, Any], parent: str, name: str = "search") -> tuple[optuna.Trial, str]:
        """A trial of `params` whose process is gone after its first sign of life, and its run below `parent`."""
        study = open_study(self.settings, name)
        study.enqueue_trial(params)
        with pytest.warns(UserWarning, match="Heartbeat"):  # beats from within `optimize` only, so one is given by hand
            trial = study.ask()
        study._storage.record_heartbeat(trial._trial_id)
        client = MlflowClient(self.settings.tracking_uri)
        tags = {"mlflow.parentRunId": parent, "state": "running"}
        run_id = client.create_run(client.get_run(parent).info.experiment_id, tags=tags, run_name=f"trial {trial.number}").info.run_id
        trial.set_user_attr("run_id", run_id)
        return trial, run_id

    def states(self, study: str = "search") -> list[str]:
        return [trial.state.name for trial in open_study(self.settings, study).trials]


class Interrupting(StageReporter):
    """Ctrl-C at the end of the first epoch that it hears of."""

    def stage(self, name: str) -> Any:
        stage = super().stage(name)

        class Stage:
            def __enter__(self) -> Advance:
                advance = stage.__enter__()

                def interrupt(done: float, total: float, **facts: object) -> None:
                    if done % 1:
                        raise KeyboardInterrupt
                    advance(done, total, **facts)

                return interrupt

            def __exit__(self, *exc: Any) -> None:
                stage.__exit__(*exc)

        return Stage()


def write_lake(root: Path, seed: int = 3) -> None:
    """Every compressor fails at the end of its hours, its vibration rising towards it."""
    random = np.random.default_rng(seed)
    names = [f"COMP-{number}" for number in range(COMPRESSORS)]
    blank = gold_row("", START)
    numbers = [name for name, value in blank.items() if isinstance(value, float) and name not in STATUS_FEATURES]
    rows = []
    for name in names:
        for hour in range(1, HOURS + 1):
            level = hour / HOURS + random.normal(0.0, 0.1)
            rows.append(gold_row(name, START + timedelta(hours=hour), **dict.fromkeys(numbers, level)))
    lake = Lake(str(root))
    write_gold(Path(lake.uri(GOLD)), rows)
    end = START + timedelta(hours=HOURS)
    events = [{"compressor_id": name, "event_date": end, "event_type": FAILURE} for name in names]
    merge_reference(lake, EVENTS, pl.DataFrame(events, schema=EVENT_SCHEMA), EVENT_KEY)


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home whose search is small enough for a test."""
    with TemporaryDirectory(prefix="altaviz-") as folder:
        config = Path(folder) / "config"
        shutil.copytree(CONFIG_DIR, config, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        tuning = yaml.safe_load((config / "tuning.yaml").read_text())
        space = {"network.lstm_units": {"choices": [[4], [3]]}, RATE: {"low": HOPELESS, "high": 0.1, "log": True}}
        tuning |= {"space": space, "pruner": {"startup_trials": 1, "warmup_epochs": 0}}
        tuning |= {"lost": {"heartbeat_s": 1, "grace_s": GRACE_S, "retries": 2}}
        (config / "tuning.yaml").write_text(yaml.safe_dump(tuning))
        model = yaml.safe_load((config / "model_config.yaml").read_text())
        for key, value in SMALL.items():
            section, _, name = key.partition(".")
            model[section][name] = value
        (config / "model_config.yaml").write_text(yaml.safe_dump(model))
        settings = load_settings(Path(folder), environ={"ALTAVIZ_CONFIG_DIR": str(config)})
        write_lake(Path(settings.lake_uri))
        yield Home(settings, StageReporter(interactive=False))


@pytest.fixture(scope="module")
def interrupted(home: Home) -> list[str]:
    """States of the study `search` after Ctrl-C in its first trial."""
    with pytest.raises(KeyboardInterrupt):
        replace(home, report=Interrupting(interactive=False)).tune(2)
    return home.states()


@pytest.fixture(scope="module")
def fitted() -> list[Fold]:
    """What the networks of the study's first two trials were fitted and judged on."""
    return []


@pytest.fixture(scope="module")
def first(home: Home, interrupted: list[str], fitted: list[Fold]) -> dict[str, Any]:
    """The result of the study's first two trials, the second of which cannot learn."""
    open_study(home.settings, "search").enqueue_trial({"network.lstm_units": "[4]", RATE: HOPELESS})

    def noted(values: Float32s, folds: Sequence[Fold], *args: Any, **options: Any) -> Any:
        fitted.extend(folds)
        return fit_ensemble(values, folds, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.trial.fit_ensemble", noted)
        return home.tune(2)


def test_an_interrupted_trial_is_tried_again(home: Home, interrupted: list[str], first: dict[str, Any]) -> None:
    assert interrupted == ["FAIL", "WAITING"]
    again = open_study(home.settings, "search").trials[:2]
    assert [trial.state.name for trial in again] == ["FAIL", "COMPLETE"]
    assert again[0].params == again[1].params


def test_no_number_of_interruptions_loses_a_trial(home: Home) -> None:
    impatient = replace(home, report=Interrupting(interactive=False))
    times = home.settings.tuning.lost.retries + 2
    for _ in range(times):
        with pytest.raises(KeyboardInterrupt):
            impatient.tune(1, "impatient")
    assert home.states("impatient") == ["FAIL"] * times + ["WAITING"]
    assert home.tune(1, "impatient")["default_value_days"] is not None


def test_the_settings_in_force_are_the_first_trial(home: Home, first: dict[str, Any]) -> None:
    trial = open_study(home.settings, "search").trials[1]
    assert trial.params == {"network.lstm_units": "[4]", RATE: 0.05}
    assert first["default_value_days"] == first["best"]["value_days"] == trial.value
    assert np.isfinite(first["default_value_days"])
    assert first["best"]["params"] == {"network.lstm_units": [4], RATE: 0.05}


def test_test_compressors_are_not_looked_at_and_those_held_out_teach_nothing(home: Home, first: dict[str, Any], fitted: list[Fold]) -> None:
    shares = home.settings.model.split
    failed = np.ones(COMPRESSORS, bool)
    split = split_units(np.arange(COMPRESSORS), failed, shares.validation_fraction, shares.test_fraction, shares.seed)
    assert (len(fitted), len(split.test)) == (2, 1)
    for fold in fitted:
        learned, held_out = set(fold.fitted.unit.tolist()), set(fold.held_out.unit.tolist())
        assert not learned & held_out
        assert learned | held_out == {*split.train.tolist(), *split.validation.tolist()}


def test_a_trial_that_does_not_promise_enough_stops_at_once(home: Home, first: dict[str, Any]) -> None:
    good, hopeless = open_study(home.settings, "search").trials[1:3]
    assert first["trials"] == {"complete": 1, "pruned": 1, "failed": 1}
    assert (hopeless.state.name, list(hopeless.intermediate_values)) == ("PRUNED", [1])
    assert hopeless.intermediate_values[1] > good.intermediate_values[1]


def test_the_best_settings_can_be_given_to_train(home: Home, first: dict[str, Any]) -> None:
    overrides = parse_overrides([" ".join(first["set_arguments"])])
    assert overrides == first["best"]["params"]
    assert home.settings.with_model(overrides).model.fit.learning_rate == 0.05
    text = MlflowClient(home.settings.tracking_uri).list_artifacts(first["run_id"])
    assert {file.path for file in text} == {"best.yaml", "plots"}


def test_every_trial_is_a_run_below_the_study(home: Home, first: dict[str, Any]) -> None:
    trials = [run for run in home.runs if run.data.tags.get("mlflow.parentRunId") == first["run_id"]]
    assert [run.data.tags["state"] for run in trials] == ["failed", "complete", "pruned"]
    assert [run.info.status for run in trials] == ["FAILED", "FINISHED", "FINISHED"]
    assert trials[2].data.params == {"network.lstm_units": "[4]", RATE: str(HOPELESS)}
    assert trials[1].data.metrics["validation_rmse_days"] == first["best"]["value_days"]
    history = MlflowClient(home.settings.tracking_uri).get_metric_history(trials[1].info.run_id, "validation_rmse")
    assert [point.step for point in history] == [1, EPOCHS]


def test_a_study_that_goes_on_inside_mlflow_run_keeps_its_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    client = MlflowClient(home.settings.tracking_uri)

    def inside_mlflow_run(trials: int) -> tuple[str, str]:
        """MLflow's run, and the study's."""
        experiment = client.get_experiment_by_name(EXPERIMENT)
        opened = client.create_run(experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)).info.run_id
        monkeypatch.setenv("MLFLOW_RUN_ID", opened)
        return opened, home.tune(trials, "project")["run_id"]

    begun, study = inside_mlflow_run(1)
    assert begun == study
    resumed, same = inside_mlflow_run(2)
    assert (same, client.get_run(resumed).data.tags["altaviz.goes_on_with"]) == (study, study)
    trials = [run for run in home.runs if run.data.tags.get("mlflow.parentRunId") == study]
    assert [run.data.tags["trial"] for run in trials] == ["0", "1"]
    assert not [run for run in home.runs if run.data.tags.get("mlflow.parentRunId") == resumed]


def test_what_is_done_is_not_done_again(home: Home, first: dict[str, Any]) -> None:
    again = home.tune(2)
    assert {name: value for name, value in again.items() if name != "seconds"} == {
        name: value for name, value in first.items() if name != "seconds"
    }


def test_a_killed_trial_is_tried_again_and_the_study_counts_on(home: Home, first: dict[str, Any]) -> None:
    params = {"network.lstm_units": "[3]", RATE: 0.02}
    killed, run_id = home.kill_trial(params, first["run_id"])
    # its process has been silent since
    with sqlite3.connect(home.settings.home / "tuning.db") as database:
        database.execute("UPDATE trial_heartbeats SET heartbeat = datetime('now', '-1 hour') WHERE trial_id = ?", (killed._trial_id,))
    result = home.tune(3)
    trials = open_study(home.settings, "search").trials
    assert [trial.state.name for trial in trials[:4]] == ["FAIL", "COMPLETE", "PRUNED", "FAIL"]
    assert [(trial.number, trial.params) for trial in trials[4:]] == [(4, params)]
    assert trials[4].state.name in ("COMPLETE", "PRUNED")
    assert (result["run_id"], result["trials"]["failed"]) == (first["run_id"], 2)
    run = MlflowClient(home.settings.tracking_uri).get_run(run_id)
    assert (run.info.status, run.data.tags["state"]) == ("KILLED", "failed")


def test_a_trial_that_was_killed_just_now_is_waited_for_and_tried_again(home: Home) -> None:
    first = home.tune(1, "hasty")
    params = {"network.lstm_units": "[3]", RATE: 0.02}
    _, run_id = home.kill_trial(params, first["run_id"], "hasty")
    home.tune(2, "hasty")
    assert home.states("hasty")[:2] == ["COMPLETE", "FAIL"]
    (again,) = open_study(home.settings, "hasty").trials[2:]
    assert (again.params, again.state.is_finished()) == (params, True)
    assert MlflowClient(home.settings.tracking_uri).get_run(run_id).info.status == "KILLED"


def test_a_killed_trial_is_ended_though_all_have_been_tried(home: Home) -> None:
    first = home.tune(1, "finished")
    _, run_id = home.kill_trial({"network.lstm_units": "[3]", RATE: 0.02}, first["run_id"], "finished")
    home.tune(1, "finished")
    assert home.states("finished") == ["COMPLETE", "FAIL", "WAITING"]
    assert MlflowClient(home.settings.tracking_uri).get_run(run_id).info.status == "KILLED"


def test_a_study_without_a_completed_trial_says_why(home: Home) -> None:
    with pytest.raises(ModelError, match="no trial of study 'short' was completed; the time was too short"):
        tune(home.settings, home.report, name="short", trials=2, timeout_min=0)


def test_other_settings_or_other_data_are_refused(home: Home, first: dict[str, Any]) -> None:
    longer = load_settings(home.settings.home, environ=home.settings.environ, model_overrides={"fit.epochs": 3})
    with pytest.raises(InputError, match=r"study 'search' was begun with another fit.epochs \(then 2, now 3\): .* --study NAME"):
        replace(home, settings=longer).tune(9)
    with TemporaryDirectory(prefix="altaviz-") as folder:
        write_lake(Path(folder), seed=4)
        elsewhere = load_settings(home.settings.home, environ={**home.settings.environ, "ALTAVIZ_TRAINING_LAKE_URI": folder})
        with pytest.raises(InputError, match="was begun with another history: its trials cannot be compared"):
            replace(home, settings=elsewhere).tune(9)
    assert len(home.states()) < 9


@pytest.mark.parametrize("name", ["", " ", "it's", 'the "best"'])
def test_a_name_that_cannot_be_found_again_is_refused(home: Home, name: str) -> None:
    with pytest.raises(InputError, match=r"study name .* is empty or has quotes, .*--study NAME"):
        home.tune(1, name)


def test_a_storage_that_is_none_is_one_line(home: Home) -> None:
    wrong = load_settings(home.settings.home, environ={**home.settings.environ, "ALTAVIZ_TUNING_STORAGE": "nosuch://x"})
    with pytest.raises(ModelError, match=r"the study storage cannot be opened .*: check ALTAVIZ_TUNING_STORAGE"):
        open_study(wrong, "search")
