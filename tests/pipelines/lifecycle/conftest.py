"""Shares one home with a registry and a warehouse; each test starts without versions and decisions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mlflow
import mlflow.onnx
import onnx
import pytest

from config.settings import Settings, load_settings
from monitoring.gate.champion import SPLIT_FILE
from pipelines.runtime.mlflow_runs import tracked_run
from serving.registry.client import Registry
from serving.warehouse.connection import Warehouse
from serving.warehouse.migrations import migrated_warehouse
from tests.folders import TemporaryDirectory
from tests.pipelines.lifecycle.model_store import PARTS, Store
from tests.serving.gold import mean_model


@pytest.fixture(scope="session")
def logged() -> Iterator[tuple[Settings, Warehouse]]:
    # not tmp_path: the embedded server's own user must be able to pass through, and pytest shuts its folders
    with TemporaryDirectory(prefix="altaviz-") as folder:
        settings = load_settings(Path(folder), environ={})
        with migrated_warehouse(settings.database, settings.home) as warehouse:
            yield settings, warehouse


@pytest.fixture(scope="session")
def model(logged: tuple[Settings, Warehouse]) -> tuple[str, str]:
    """URI of a logged model, and the run it came from."""
    with tracked_run(logged[0], "test") as run:
        mlflow.log_dict(PARTS, SPLIT_FILE)
        model = onnx.load_from_string(mean_model().onnx)
        info = mlflow.onnx.log_model(model, name="model", save_as_external_data=False, pip_requirements=["onnxruntime"])
    return str(info.model_uri), str(run.info.run_id)


@pytest.fixture
def store(logged: tuple[Settings, Warehouse], model: tuple[str, str]) -> Store:
    settings, warehouse = logged
    mlflow.set_tracking_uri(settings.tracking_uri)  # a test of another home may have set its own
    client = mlflow.MlflowClient(settings.tracking_uri)
    for found in client.search_registered_models():
        client.delete_registered_model(found.name)
    with warehouse.connection() as connection:
        connection.execute("TRUNCATE model_decisions")
    return Store(settings, Registry(settings.tracking_uri), warehouse, *model)
