"""The registry's messages when its store fails."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from config.errors import ModelError
from serving.registry.client import Registry

CHANGES: list[Callable[[Registry], None]] = [
    lambda registry: registry.describe("9", "text"),
    lambda registry: registry.set_tags("9", {"key": "value"}),
    lambda registry: registry.drop_tag("9", "key"),
    lambda registry: registry.set_alias("champion", "9"),
]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}")


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_the_store_refuses_is_one_line(registry: Registry, change: Callable[[Registry], None]) -> None:
    with pytest.raises(ModelError, match=r"version 9 of altaviz-rul cannot be changed \(.*\): check MLFLOW_TRACKING_URI$"):
        change(registry)


def test_a_database_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 1)  # it waits longer every time
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ModelError, match=r"the MLflow store cannot be opened \(.*OperationalError.*\): check MLFLOW_TRACKING_URI$"):
        Registry(f"postgresql+psycopg://nobody@127.0.0.1:{port}/nothing")
