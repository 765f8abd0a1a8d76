"""The way back to an earlier champion. Real MLflow on SQLite, real PostgreSQL."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from config.errors import ModelError, NoChampionError, WarehouseError
from features.contract import CHAMPION
from pipelines.lifecycle.promotion import promote
from pipelines.lifecycle.versions import rollback, show_model
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark
from serving.registry.model_version import FACTS_TAG
from serving.warehouse.decisions import ModelDecision, list_decisions, training_lock, upsert_decision
from tests.pipelines.lifecycle.model_store import NOON, Store
from tests.serving.gold import mean_model


def test_an_operator_s_command_first_finishes_what_a_kill_left_undone(store: Store) -> None:
    store.judge("promoted", 1)
    store.register("promoted", 2, previous="1")
    assert rollback(store.settings, None, None) == {"champion": "1", "previous_version": "2", "reasons": ["rolled back from version 2"]}
    store.register("promoted", 3, previous="1")
    with LazySpark(store.settings) as spark, pytest.raises(ModelError, match="version 3 is champion already"):
        promote(store.settings, "3", None, spark, StageReporter(interactive=False), force=False)


def test_there_is_no_way_back_to_a_version_that_cannot_be_opened_any_more(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("promoted", 2, previous="1")
    store.registry.set_tags("1", {FACTS_TAG: json.dumps(asdict(replace(mean_model().facts, feature_set_version="0")))})
    with pytest.raises(ModelError, match="version 1 was trained on feature set 0"):
        rollback(store.settings, None, None)
    assert store.aliases() == ("2", None)
    store.settle()
    assert store.aliases() == ("2", None)


def test_rolling_back_goes_one_champion_further_back_each_time_and_never_to_a_refused_one(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    store.judge("promoted", 3, previous="1")
    store.judge("promoted", 4, previous="3")
    assert rollback(store.settings, None, "it hunts") == {"champion": "3", "previous_version": "4", "reasons": ["it hunts"]}
    assert rollback(store.settings, None, None)["champion"] == "1"
    with pytest.raises(ModelError, match="no champion before version 1 is on record"):
        rollback(store.settings, None, None)
    assert rollback(store.settings, "4", None)["champion"] == "4"
    with pytest.raises(ModelError, match="version 2 has never been champion"):
        rollback(store.settings, "2", None)
    with pytest.raises(ModelError, match="version 4 is champion already"):
        rollback(store.settings, "4", None)
    with pytest.raises(ModelError, match="there is no version 9; there are 1, 2, 3, 4"):
        rollback(store.settings, "9", None)
    assert store.aliases()[0] == "4"


def test_a_way_back_leads_past_promotions_that_came_twice(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("promoted", 2, previous="1")
    store.judge("promoted", 3, previous="2")
    store.promote("2", 4, previous="3")
    assert [rollback(store.settings, None, None)["champion"] for _ in range(3)] == ["3", "2", "1"]
    with pytest.raises(ModelError, match="no champion before version 1 is on record"):
        rollback(store.settings, None, None)


def test_a_way_back_never_leads_to_where_one_is(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("promoted", 2, previous="1")
    store.registry.set_alias(CHAMPION, "1")  # by other hands
    store.promote("2", 3, previous="1")
    assert rollback(store.settings, None, None)["champion"] == "1"


def test_what_another_registry_has_promoted_under_the_same_number_is_no_way_back(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    store.judge("promoted", 3, previous="1")
    elsewhere = ModelDecision("2", NOON + timedelta(hours=2, minutes=30), "promoted", "train", run_id="another", reasons=["it won there"])
    nobody_knows = ModelDecision("2", NOON + timedelta(hours=2, minutes=40), "rolled_back", "operator", reasons=["long ago"])
    with store.connection() as connection:
        upsert_decision(connection, elsewhere)
        upsert_decision(connection, nobody_knows)
    with pytest.raises(ModelError, match="version 2 has never been champion"):
        rollback(store.settings, "2", None)
    assert "it won there" not in str(show_model(store.settings, "2")["decisions"])
    assert rollback(store.settings, None, None)["champion"] == "1"
    with store.connection() as connection:
        assert list_decisions(connection)[0].run_id == store.run_id  # a way back says whose version it is


def test_without_a_champion_there_is_nothing_to_roll_back(store: Store) -> None:
    with pytest.raises(NoChampionError, match="run `altaviz train`"):
        rollback(store.settings, None, None)


def test_an_operator_is_told_of_a_running_training_instead_of_moving_under_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.judge("promoted", 1)
    monkeypatch.setattr("pipelines.lifecycle.versions.OPERATOR_PATIENCE", timedelta(milliseconds=100))
    with (
        training_lock(store.warehouse, timedelta(seconds=1)),
        pytest.raises(WarehouseError, match="another training has been running"),
    ):
        rollback(store.settings, None, None)
    with training_lock(store.warehouse, timedelta(seconds=1)):
        pass  # free again
