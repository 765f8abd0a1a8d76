"""The files of a model and its baseline are those that were decided on, and no file runs code. Real MLflow and PostgreSQL."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import mlflow.onnx
import mlflow.sklearn
import numpy as np
import onnx
import pytest
from mlflow.exceptions import MlflowException
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from structlog.testing import capture_logs

from config.errors import ModelError, ModelMismatchError, NoDataError, WarehouseError
from config.settings import Settings, load_settings
from features.contract import CHAMPION, FEATURES
from monitoring.gate.champion import LostChampion, find_champion, known_champion
from pipelines.evaluation.baseline_models import TRUSTED_TYPES, load_baseline
from pipelines.lifecycle.versions import rollback
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.mlflow_runs import tracked_run
from serving.api.backend import Backend, ServiceParts
from serving.api.champion import ChampionSource
from serving.api.metrics import Metrics
from serving.api.problems import problem_of
from serving.prediction.predictor import Predictor
from serving.registry.client import SHA256_TAG, Registry
from serving.registry.model_record import ModelRecord
from serving.registry.model_version import RegisteredModel
from serving.registry.transitions import DECISION_TAG, OPERATOR_TAG, conclude, settle, to_tag
from serving.warehouse.connection import Warehouse
from serving.warehouse.decisions import ModelDecision, list_decisions, upsert_decision
from serving.warehouse.migrations import migrated_warehouse
from tests.folders import TemporaryDirectory
from tests.serving.gold import COSTS, SCORING, mean_model

# An estimator whose module writes a file when it is imported: what a reader does that follows the artifact's own list.
EVIL = """
from pathlib import Path
from sklearn.base import BaseEstimator
Path({mark!r}).write_text("ran")
class Evil(BaseEstimator):
    n_features_in_ = 24
"""


WINDOWS = np.ones((1, 24, len(FEATURES)), np.float32)


@dataclass(frozen=True)
class Store:
    """A registry with one version, and a warehouse with the decision that made it champion."""

    settings: Settings
    warehouse: Warehouse
    model_uri: str
    run_id: str

    @property
    def registry(self) -> Registry:
        """As a command sees it that has the warehouse at hand."""
        return Registry(self.settings.tracking_uri, ModelRecord(self.warehouse))

    @property
    def file(self) -> Path:
        """The file of every version."""
        (file,) = (self.settings.home / "mlartifacts" / "models").rglob("model.onnx")
        return file

    def promote(self) -> str:
        """One more version of the file, champion by the gate's decision."""
        decided = ModelDecision("", datetime.now(UTC), "promoted", "train", run_id=self.run_id)
        version = self.registry.register(self.model_uri, mean_model().facts, {DECISION_TAG: to_tag(decided)})
        with self.warehouse.connection() as connection:
            previous = self.registry.version_of(CHAMPION)
            conclude(self.registry, connection, replace(decided, model_version=version, previous_version=previous))
        return version

    def swap(self, version: str) -> str:
        """Swap the file, as somebody can who may change files and registry but not the database. Returns its new SHA-256."""
        other = onnx.load_from_string(self.file.read_bytes())
        other.producer_name = f"somebody else {datetime.now(UTC)}"
        self.file.write_bytes(other.SerializeToString())
        digest = hashlib.sha256(self.file.read_bytes()).hexdigest()
        self.registry.set_tags(version, {SHA256_TAG: digest})
        return digest

    def digests(self) -> list[str | None]:
        """What the warehouse keeps."""
        with self.warehouse.connection() as connection:
            return [decision.model_sha256 for decision in list_decisions(connection)]


def open_backend(store: Store, there: list[Warehouse]) -> Backend:
    """The service's backend; its warehouse is the one in `there`, missing while that is empty.

    What is missing is looked for at every request.
    """

    def champion(warehouse: Warehouse | None) -> Predictor:
        registered = Registry(store.settings.tracking_uri, ModelRecord(warehouse) if warehouse else None).champion()
        return Predictor(registered, SCORING, COSTS, 1, scored_by="service")

    def warehouse() -> AbstractContextManager[Warehouse]:
        if not there:
            raise WarehouseError("PostgreSQL is not there")
        return nullcontext(there[0])

    def missing(*_: object) -> Any:
        raise NoDataError("not needed here")

    config = store.settings.serving
    recovery = config.recovery.model_copy(update={"retry_s": 0})
    parts = ServiceParts(ChampionSource(champion, missing), warehouse, missing, missing, missing, missing, missing)
    return Backend(parts, config.model_copy(update={"recovery": recovery}), timedelta(0))


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    # not tmp_path: the embedded server's own user must be able to pass through, and pytest shuts its folders
    with TemporaryDirectory(prefix="altaviz-") as folder:
        yield load_settings(Path(folder), environ={})


@pytest.fixture(scope="module")
def logged(settings: Settings) -> Iterator[tuple[Warehouse, str, str]]:
    with tracked_run(settings, "test") as run:
        model = onnx.load_from_string(mean_model().onnx)
        info = mlflow.onnx.log_model(model, name="model", save_as_external_data=False, pip_requirements=["onnxruntime"])
    with migrated_warehouse(settings.database, settings.home) as warehouse:
        yield warehouse, str(info.model_uri), str(run.info.run_id)


@pytest.fixture
def store(settings: Settings, logged: tuple[Warehouse, str, str]) -> Iterator[Store]:
    """Its version 1 is champion."""
    client = mlflow.MlflowClient(settings.tracking_uri)
    for found in client.search_registered_models():
        client.delete_registered_model(found.name)
    with logged[0].connection() as connection:
        connection.execute("TRUNCATE model_decisions")
    made = Store(settings, *logged)
    good = made.file.read_bytes()
    made.promote()
    yield made
    made.file.write_bytes(good)


def test_a_decision_keeps_the_digest_that_the_registry_has(store: Store) -> None:
    model = store.registry.champion()
    assert store.digests() == [model.sha256] == [hashlib.sha256(store.file.read_bytes()).hexdigest()]


def test_whoever_changes_file_and_tag_is_caught_by_the_database(store: Store) -> None:
    kept, swapped = store.digests(), store.swap("1")
    for load in (store.registry.champion, lambda: store.registry.load("1")):
        with pytest.raises(ModelMismatchError, match=f"version 1 .* its SHA-256 is {swapped}, `model_decisions` names {kept[0]}. Bring"):
            load()
    assert isinstance(find_champion(store.registry), LostChampion)

    # what a later command writes anew from the registry's tags changes no digest, and adds none that counts
    forged = ModelDecision("1", datetime.now(UTC), "promoted", "operator", run_id=store.run_id)
    store.registry.set_tags("1", {OPERATOR_TAG: to_tag(forged)})
    with store.warehouse.connection() as connection:
        settle(store.registry, connection)
    assert sorted(store.digests()) == sorted([*kept, swapped])
    with pytest.raises(ModelMismatchError):
        store.registry.champion()


def test_a_version_that_was_swapped_does_not_become_champion_again(store: Store) -> None:
    assert store.promote() == "2"
    store.swap("1")
    store.swap("2")
    with pytest.raises(ModelMismatchError, match="version 1"):
        rollback(store.settings, "1", None)
    assert store.registry.version_of(CHAMPION) == "2"


def test_a_version_from_before_digests_is_accepted_once_and_held_to_it_from_then_on(store: Store) -> None:
    store.registry.drop_tag("1", SHA256_TAG)
    with store.warehouse.connection() as connection:
        connection.execute("TRUNCATE model_decisions")
        upsert_decision(connection, ModelDecision("1", datetime.now(UTC), "promoted", "train", run_id=store.run_id))
    with capture_logs() as logs:
        digest = store.registry.champion().sha256
        store.registry.champion()
    assert [event["event"] for event in logs] == ["model bytes recorded", "model bytes recorded"]  # the database, the registry
    assert (store.digests(), store.registry.sha256_of("1")) == ([digest], digest)
    store.swap("1")
    with pytest.raises(ModelMismatchError):
        store.registry.champion()


def test_the_way_back_to_a_version_from_before_digests_waits_for_nobody(store: Store) -> None:
    store.registry.drop_tag("1", SHA256_TAG)
    with store.warehouse.connection() as connection:
        connection.execute("TRUNCATE model_decisions")
        settle(store.registry, connection)
    assert store.digests() == [None]
    assert store.promote() == "2"
    assert rollback(store.settings, None, None)["champion"] == "1"
    assert store.registry.version_of(CHAMPION) == "1"
    digest = store.registry.load("1").sha256
    assert store.digests() == [digest] * 3


def test_a_champion_that_no_decision_made_is_told(store: Store) -> None:
    version = store.registry.register(store.model_uri, mean_model().facts, {})
    store.registry.set_alias(CHAMPION, version)  # by other hands
    there: list[Warehouse] = []
    late = open_backend(store, there)  # a service that starts while the database is down
    late.predict(WINDOWS)
    there.append(store.warehouse)
    for load in (store.registry.champion, lambda: known_champion(store.registry), late.require_ready):
        with capture_logs() as logs:
            load()
        events = [event["version"] for event in logs if event["event"] == "champion without a decision"]
        assert events == [version], load
    with capture_logs() as logs:
        late.require_ready()
    assert logs == []


def test_a_service_keeps_the_champion_it_has_and_refuses_one_that_was_swapped(store: Store) -> None:
    there = [store.warehouse]
    running = open_backend(store, there)
    running.require_ready()
    store.swap("1")
    running.require_ready()
    assert running.predict(WINDOWS).model_version == "1"
    assert b"altaviz_champion_refused 0.0" in Metrics().text("1", is_refused=running.champion.is_refused, is_behind=False)

    there.clear()  # nothing to compare with: the champion is opened, and held to its decision with the first connection
    late = open_backend(store, there)
    assert late.predict(WINDOWS).model_version == "1"
    there.append(store.warehouse)
    answers = []
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(ModelMismatchError, match="is not the model that was decided on") as caught:
                late.require_ready()
            answers.append(json.loads(bytes(problem_of(caught.value).body))["detail"])
    assert set(answers) == {"the champion's file is not the one that was decided on: see the log, or run `altaviz doctor`"}
    events = [event for event in logs if "is not the model that was decided on" in event.get("reason", "")]
    assert [event["event"] for event in events] == ["part lost"]
    assert b"altaviz_champion_refused 1.0" in Metrics().text(None, is_refused=late.champion.is_refused, is_behind=False)
    with pytest.raises(ModelMismatchError):
        late.predict(WINDOWS)


def test_what_the_warehouse_refuses_at_every_probe_is_told_once(store: Store) -> None:
    there: list[Warehouse] = []
    late = open_backend(store, there)
    late.predict(WINDOWS)
    there.append(store.warehouse)
    with capture_logs() as logs:
        with store.warehouse.connection() as connection:
            connection.execute("ALTER TABLE model_decisions RENAME TO moved")
        try:
            for _ in range(3):
                with pytest.raises(WarehouseError, match="model_decisions"):
                    late.require_ready()
        finally:
            with store.warehouse.connection() as connection:
                connection.execute("ALTER TABLE moved RENAME TO model_decisions")
        late.require_ready()
    assert [event["event"] for event in logs].count("warehouse refuses") == 1


def log_baseline(settings: Settings, regressor: object, *trusted: str) -> RegisteredModel:
    """A model whose run holds `regressor` as its baseline, with the artifact's own list of trusted types."""
    with tracked_run(settings, "test") as run:
        mlflow.sklearn.log_model(regressor, name="baseline", pip_requirements=["scikit-learn"], skops_trusted_types=list(trusted))
    return replace(mean_model(), version="7", run_id=run.info.run_id)


def test_a_baseline_of_our_own_says_what_it_said(settings: Settings) -> None:
    rows = np.arange(60 * len(FEATURES), dtype=np.float32).reshape(60, -1)
    boosting = HistGradientBoostingRegressor(max_iter=3).fit(rows, np.arange(60.0) % 25)
    windows = np.repeat(rows[:, None], 24, axis=1)
    read = load_baseline(settings, log_baseline(settings, boosting, *TRUSTED_TYPES))
    np.testing.assert_array_equal(read.predict(windows), boosting.predict(rows).astype(np.float32))


def test_an_artifact_that_trusts_its_own_type_is_refused_and_runs_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "evil_estimator.py").write_text(EVIL.format(mark=str(mark)), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    evil = importlib.import_module("evil_estimator").Evil()
    model = log_baseline(settings, evil, "evil_estimator.Evil")
    del sys.modules["evil_estimator"]
    mark.unlink()

    with pytest.raises(
        ModelError, match=r"the baseline beside version 7 is refused: its file asks for evil_estimator.Evil, .* train again"
    ):
        load_baseline(settings, model)
    assert not mark.exists()
    assert "evil_estimator" not in sys.modules


def test_another_harmless_model_and_a_damaged_file_are_refused_in_one_line(settings: Settings) -> None:
    ridge = log_baseline(settings, Ridge().fit(np.zeros((2, len(FEATURES))), np.zeros(2)))
    with pytest.raises(ModelError, match="its file holds a Ridge, not the regressor that training logs"):
        load_baseline(settings, ridge)
    for file in (settings.home / "mlartifacts" / "models").rglob("model.skops"):
        file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ModelError, match="its file is damaged"):
        load_baseline(settings, ridge)


def test_mlflow_loads_nothing_that_may_run_code_whatever_the_environment_says(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    quieten()
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    folder = settings.home / "pickled"
    mlflow.sklearn.save_model(Ridge(), folder, serialization_format="pickle", pip_requirements=["scikit-learn"])
    with pytest.raises(MlflowException, match="disallowed"):
        mlflow.sklearn.load_model(str(folder))
