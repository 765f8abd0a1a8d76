"""From a verdict to the registry and its record, cut off after each step. Real MLflow on SQLite, real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest

from features.contract import CHAMPION
from pipelines.lifecycle.versions import rollback
from serving.registry.transitions import _MOVE_TAG, conclude, move_champion, record_refusal, to_tag
from serving.warehouse.decisions import ModelDecision, list_decisions
from tests.pipelines.lifecycle.model_store import NOON, Store


class KilledError(Exception):
    """Stands for the kill of the process."""


def test_a_promoted_version_is_champion_and_a_refused_one_stays_challenger(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    assert store.aliases() == ("1", "2")
    store.judge("promoted", 3, previous="1")
    assert store.aliases() == ("3", None)
    assert store.recorded() == [("3", "promoted"), ("2", "refused"), ("1", "promoted")]


def test_a_kill_after_the_verdict_has_fallen_loses_nothing(store: Store) -> None:
    store.register("promoted", 1)
    assert store.aliases() == (None, None)
    store.settle()
    assert store.aliases() == ("1", None)
    assert store.recorded() == [("1", "promoted")]
    decision = store.register("refused", 2, previous="1")
    store.settle()
    assert store.aliases() == ("1", "2")
    with store.connection() as connection:
        assert list_decisions(connection, "2") == [store.kept(decision)]


def test_settling_again_changes_nothing(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("promoted", 2, previous="1")
    rollback(store.settings, None, None)
    before = store.recorded()
    store.settle()
    assert store.aliases() == ("1", None)
    assert store.recorded() == before


def test_a_record_that_was_lost_with_its_database_comes_back_from_the_registry(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    with store.connection() as connection:
        connection.execute("TRUNCATE model_decisions")
    store.settle()
    assert store.recorded() == [("2", "refused"), ("1", "promoted")]


def test_a_verdict_beside_another_champion_than_the_present_one_is_outdated(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("promoted", 2, previous="1")
    rollback(store.settings, None, None)
    late = store.register("promoted", 3, previous="2")
    with store.connection() as connection:
        concluded = conclude(store.registry, connection, late)
    assert (concluded.decision, concluded.reasons) == (
        "refused",
        [
            "outdated: it was judged while the champion was version 2, and now it is version 1; `altaviz models promote 3` judges it again",
            "because of 3",
        ],
    )
    assert store.aliases() == ("1", "3")
    store.settle()
    assert store.aliases() == ("1", "3")
    assert ("3", "refused") in store.recorded()
    tags = store.registry.versions()[0].tags
    assert (tags["gate"], tags["gate_reasons"]) == ("refused", "; ".join(concluded.reasons))


def test_a_kill_between_alias_and_mark_of_a_promotion_does_not_outdate_it(store: Store) -> None:
    store.judge("promoted", 1)
    store.register("promoted", 2, previous="1")
    store.registry.set_alias(CHAMPION, "2")
    store.settle()
    assert store.aliases() == ("2", None)
    assert store.recorded() == [("2", "promoted"), ("1", "promoted")]


def test_a_move_that_was_cut_off_is_finished(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("promoted", 2, previous="1")
    move = ModelDecision("1", NOON + timedelta(hours=3), "rolled_back", "operator", None, "2", None, ["it hunts"])
    store.registry.set_tags("1", {_MOVE_TAG: to_tag(move)})
    store.settle()
    assert store.aliases() == ("1", None)
    assert store.recorded()[0] == ("1", "rolled_back")
    store.judge("promoted", 4, previous="1")
    store.settle()  # a finished move is not made again
    assert store.aliases() == ("3", None)


def test_a_move_is_noted_before_the_alias_moves(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KilledError

    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    with monkeypatch.context() as patch:
        patch.setattr(store.registry, "set_alias", killed)
        with pytest.raises(KilledError):
            store.promote("2", 3, previous="1")
    assert store.aliases() == ("1", "2")
    store.settle()
    assert store.aliases() == ("2", None)
    assert store.recorded()[0] == ("2", "promoted")


def test_the_note_of_a_move_goes_only_when_others_can_read_the_record(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    seen: list[list[tuple[str, str]]] = []
    monkeypatch.setattr(store.registry, "drop_tag", lambda *_: seen.append(store.recorded()))  # by a connection of its own
    store.promote("2", 3, previous="1")
    assert seen == [[("2", "promoted"), ("2", "refused"), ("1", "promoted")]]


def test_only_the_newest_verdict_is_carried_out_after_a_kill(store: Store) -> None:
    store.register("promoted", 1)
    store.register("refused", 2)
    store.settle()
    assert store.aliases() == (None, "2")
    assert store.recorded() == [("2", "refused")]


def test_a_move_takes_the_challenger_s_alias_from_the_new_champion(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    with store.connection() as connection:
        move_champion(store.registry, connection, ModelDecision("2", NOON, "rolled_back", "operator", None, "1"))
    assert store.aliases() == ("2", None)


def test_what_an_operator_decided_is_kept_with_the_version_and_survives_a_lost_database(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    refused = ModelDecision("2", NOON + timedelta(hours=3), "refused", "operator", None, "1", store.run_id, ["still not better"])
    with store.connection() as connection:
        record_refusal(store.registry, connection, refused)
    assert store.aliases() == ("1", "2")
    with store.connection() as connection:
        connection.execute("TRUNCATE model_decisions")
    store.settle()
    assert store.recorded() == [("2", "refused"), ("2", "refused"), ("1", "promoted")]  # by the operator's wish, and before
    store.promote("2", 4, previous="1")
    with store.connection() as connection:
        connection.execute("TRUNCATE model_decisions")
    store.settle()
    assert store.recorded() == [("2", "promoted"), ("2", "refused"), ("1", "promoted")]
    assert store.aliases() == ("2", None)
