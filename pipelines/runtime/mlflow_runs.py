"""Opens MLflow runs; the jobs fill them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow import MlflowClient

from config.errors import ModelError
from config.loader import Section
from config.secrets import hide_passwords
from config.settings import Settings
from pipelines.runtime.mlflow_environment import quieten
from serving.home.artifact_paths import follow_home
from serving.registry.client import store_failures

if TYPE_CHECKING:
    from mlflow import ActiveRun

EXPERIMENT = "altaviz-rul"
GOES_ON = "altaviz.goes_on_with"  # tag of a run of `mlflow run`: the earlier run that holds its results
DIRTY = "-dirty"  # ends the commit of code that has been changed since


@contextmanager
def tracked_run(settings: Settings, name: str, run_id: str | None = None) -> Iterator[ActiveRun]:
    """Start an MLflow run in the store of `settings`. Inside `mlflow run`, take the run that MLflow has opened.

    run_id: an earlier run to continue. The run that MLflow has opened names it in the tag GOES_ON. Raises ModelError when the store
    cannot be reached.
    """
    quieten()
    follow_home(settings.tracking_uri)
    try:
        mlflow.set_tracking_uri(settings.tracking_uri)
        mlflow.set_registry_uri(settings.tracking_uri)
        opened = os.environ.get("MLFLOW_RUN_ID")
        if opened is None:
            mlflow.set_experiment(experiment_id=_experiment_id(settings))
            run = mlflow.start_run(run_id=run_id, run_name=None if run_id else name)
        elif run_id in (None, opened):
            run = mlflow.start_run()
        else:
            mlflow.MlflowClient().set_tag(opened, GOES_ON, run_id)
            del os.environ["MLFLOW_RUN_ID"]  # the runs below would take it for theirs
            run = mlflow.start_run(run_id=run_id)
    except store_failures() as error:
        raise _not_working(error) from error
    with run:
        commit = git_commit()
        if commit:
            mlflow.set_tag("git_commit", commit)
        yield run


@contextmanager
def nested_run(name: str, tags: Mapping[str, str]) -> Iterator[ActiveRun]:
    """A run below the active one, in its experiment."""
    parent = mlflow.active_run()
    assert parent is not None, "nested_run needs a tracked_run around it"
    with mlflow.start_run(run_name=name, nested=True, experiment_id=parent.info.experiment_id, tags=dict(tags)) as run:
        yield run


def log_epoch(epoch: int, log: Mapping[str, float]) -> None:
    """Log the metrics of an epoch to the active run."""
    mlflow.log_metrics(dict(log), step=epoch)


def find_run(tracking_uri: str, tag: str, value: str) -> str | None:
    """The id of the newest run of this experiment whose `tag` has `value`, a text without quotes. Raises ModelError."""
    follow_home(tracking_uri)
    try:
        client = MlflowClient(tracking_uri)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            return None
        found = client.search_runs([experiment.experiment_id], f"tags.`{tag}` = '{value}'", max_results=1)
    except store_failures() as error:
        raise _not_working(error) from error
    return str(found[0].info.run_id) if found else None


def _not_working(error: Exception) -> ModelError:
    reason = hide_passwords((str(error).splitlines() or [type(error).__name__])[0])[:200]
    return ModelError(f"the MLflow store does not work ({reason}): check MLFLOW_TRACKING_URI")


def _experiment_id(settings: Settings) -> str:
    found = mlflow.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    location = settings.artifact_dir
    return str(mlflow.create_experiment(EXPERIMENT, artifact_location=location.as_uri() if location else None))


def git_commit() -> str | None:
    """The commit of this code, with `-dirty` if it was changed since; None outside a git checkout."""
    command = ["git", "describe", "--always", f"--dirty={DIRTY}", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def flat_parameters(section: Section, prefix: str = "", without: Collection[str] = ()) -> dict[str, Any]:
    """A configuration section as dotted key -> value, as MLflow shows parameters. Keys in `without` are left out."""
    flat: dict[str, Any] = {}
    for key in (key for key in type(section).model_fields if key not in without):
        value = getattr(section, key)
        if isinstance(value, Section):
            flat |= flat_parameters(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
