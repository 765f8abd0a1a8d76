"""What the lists of versions and decisions show. Real MLflow on SQLite, real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import mlflow
import mlflow.onnx
import pytest

from config.errors import ModelError
from features.contract import REGISTERED_MODEL
from pipelines.lifecycle.versions import list_models, model_card, rollback, show_model
from pipelines.views.models import show_models
from serving.registry.transitions import record_refusal
from serving.warehouse.decisions import ModelDecision, last_drift_training
from tests.pipelines.lifecycle.model_store import NOON, Store
from tests.serving.gold import mean_model


def test_a_version_from_elsewhere_neither_hides_a_verdict_that_was_cut_off_nor_spoils_the_list(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.register("promoted", 1)
    mlflow.register_model(store.model_uri, REGISTERED_MODEL)
    store.settle()
    assert store.aliases() == ("1", None)
    assert store.recorded() == [("1", "promoted")]
    newest, oldest = list_models(store.settings)["models"]
    assert (newest["version"], newest["decision"], newest["test_rmse_days"]) == ("2", None, None)
    assert oldest["test_rmse_days"] == mean_model().facts.test_rmse_days
    assert show_model(store.settings, "2")["facts"] is None
    show_models(list_models(store.settings))
    assert "because of 1" in capsys.readouterr().out


def test_a_model_is_shown_with_its_numbers_and_everything_decided_about_it(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("promoted", 2, previous="1", trigger="drift")
    rollback(store.settings, None, "it hunts")
    listed = list_models(store.settings)
    assert listed["champion"] == "1"
    assert [(row["version"], row["aliases"], row["decision"], row["trigger"]) for row in listed["models"]] == [
        ("2", [], "promoted", "drift"),
        ("1", ["champion"], "rolled_back", "operator"),
    ]
    shown = show_model(store.settings, "1")
    assert shown["facts"]["horizon_days"] == 3.0
    assert [(row["decision"], row["reasons"]) for row in shown["decisions"]] == [
        ("rolled_back", ["it hunts"]),
        ("promoted", ["because of 1"]),
    ]
    with pytest.raises(ModelError, match="there is no version 9"):
        show_model(store.settings, "9")


def test_what_an_operator_decided_is_what_the_list_and_the_registry_show(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    def shown() -> tuple[object, ...]:
        row, tags = list_models(store.settings)["models"][0], store.registry.versions()[0].tags
        return row["decision"], row["trigger"], row["reasons"], tags["gate"], tags["gate_reasons"]

    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    refused = ModelDecision("2", NOON + timedelta(hours=3), "refused", "operator", None, "1", store.run_id, ["no", "still not better"])
    with store.connection() as connection:
        record_refusal(store.registry, connection, refused)
    assert shown() == ("refused", "operator", ["no", "still not better"], "refused", "no; still not better")
    store.promote("2", 4, previous="1")
    assert shown() == ("promoted", "operator", ["we know why"], "promoted", "we know why")
    show_models(list_models(store.settings))
    out = " ".join(capsys.readouterr().out.split())
    assert "promoted (operator)" in out
    assert "we know why" in out
    assert "because of 2" not in out


def test_a_version_from_elsewhere_has_no_card_and_says_so(store: Store) -> None:
    store.judge("promoted", 1)
    assert show_model(store.settings, "1")["card"] is None
    with pytest.raises(ModelError, match="version 1 has no model card: it was made elsewhere"):
        model_card(store.settings, "1", None)


def test_the_last_training_that_drift_called_for_is_found_by_its_drift(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("refused", 5, previous="1", trigger="drift")
    with store.connection() as connection:
        found = last_drift_training(connection, NOON, NOON + timedelta(hours=5))
        assert found is not None
        assert (found.model_version, found.drift_timestamp) == ("2", NOON + timedelta(hours=5))
        assert last_drift_training(connection, NOON, NOON + timedelta(hours=4)) is None
        assert last_drift_training(connection, NOON + timedelta(hours=5), NOON + timedelta(hours=9)) is None
