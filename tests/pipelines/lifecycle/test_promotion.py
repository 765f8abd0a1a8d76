"""A version before the gate again, and what an operator may overrule. Real MLflow on SQLite, real PostgreSQL."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import timedelta

import psycopg
import pytest
from typer.testing import CliRunner

from config.errors import ModelError, NoDataError, WarehouseError
from config.settings import Settings, load_settings
from monitoring.gate.champion import KnownChampion, LostChampion, find_champion
from monitoring.gate.verdict import Verdict
from pipelines.cli import app
from pipelines.lifecycle.occasion import fingerprint
from pipelines.lifecycle.promotion import promote
from pipelines.lifecycle.retrain import _known_result
from pipelines.lifecycle.versions import rollback, show_model
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark
from serving.registry.model_version import FACTS_TAG
from serving.registry.transitions import FINGERPRINT_TAG
from serving.warehouse.decisions import list_decisions, training_lock
from tests.pipelines.console_script import eventually
from tests.pipelines.lifecycle.model_store import PARTS, Store
from tests.pipelines.tiny import PAST, tiny_fleet
from tests.serving.gold import mean_model


def test_a_retraining_is_known_only_beside_the_champion_it_was_judged_by(store: Store) -> None:
    class Seen:
        """A history that never changes."""

        def fingerprint(self, *settings: str) -> str:
            return "/".join(settings)

    def known() -> bool:
        return _known_result(store.settings, store.registry, Seen()) is not None  # type: ignore[arg-type]

    store.judge("promoted", 1)
    store.judge("promoted", 2, previous="1")
    assert not known()
    store.registry.set_tags("2", {FINGERPRINT_TAG: fingerprint(store.settings, Seen(), "1")})  # type: ignore[arg-type]
    assert known()  # 2 is what this history leads to
    store.judge("refused", 3, previous="2")
    store.registry.set_tags("3", {FINGERPRINT_TAG: fingerprint(store.settings, Seen(), "2")})  # type: ignore[arg-type]
    assert known()
    rollback(store.settings, "1", None)
    assert not known()  # nobody has compared version 3 with version 1


def test_a_version_is_judged_by_the_event_and_the_cap_that_it_was_taught(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float]] = []

    def note(settings: Settings, *_: object) -> None:
        asked.append((settings.model.labels.horizon_days, settings.model.labels.max_rul_days))
        raise NoDataError("enough has been seen")

    monkeypatch.setattr("pipelines.lifecycle.promotion.prepare_unseen", note)
    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    other = load_settings(store.settings.home, environ={}, model_overrides={"labels.horizon_days": 7.0, "labels.max_rul_days": 10.0})
    with LazySpark(other) as spark, pytest.raises(NoDataError, match="enough has been seen"):
        promote(other, "2", None, spark, StageReporter(interactive=False), force=True)
    assert asked == [(3.0, 30.0)]
    assert store.aliases() == ("1", "2")


def test_a_lock_that_was_lost_is_noticed_before_anything_moves(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def judged_while_the_session_ends(*_: object) -> Verdict:
        with store.connection() as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchall()
        assert ended == [(True,)]
        return Verdict([], [])

    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    monkeypatch.setattr("pipelines.lifecycle.promotion.judge_version", judged_while_the_session_ends)
    with LazySpark(store.settings) as spark, pytest.raises(WarehouseError, match="the training lock was lost with its session"):
        promote(store.settings, "2", None, spark, StageReporter(interactive=False), force=False)
    assert store.aliases() == ("1", "2")
    assert ("2", "promoted") not in store.recorded()


def test_the_lock_s_session_outlives_a_server_that_ends_idle_ones(store: Store) -> None:
    parameters = {**store.warehouse.parameters, "options": f"{store.warehouse.parameters['options']} -c idle_session_timeout=200ms"}
    with (
        training_lock(replace(store.warehouse, parameters=parameters), timedelta(seconds=1)) as lock,
        psycopg.connect(**parameters) as other,
    ):

        def ended() -> None:
            with store.warehouse.connection() as connection:
                query = "SELECT FROM pg_stat_activity WHERE pid = %s"
                assert connection.execute(query, [other.info.backend_pid]).fetchone() is None

        eventually(ended, 60)  # the server has ended a session that began to be idle after the lock's
        lock.require_held()


def test_a_version_promoted_against_the_gate_is_champion_with_its_failed_checks_and_has_a_way_back(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    decided = store.promote("2", 3, previous="1")
    assert store.aliases() == ("2", None)
    with store.connection() as connection:
        assert list_decisions(connection, "2")[0] == store.kept(decided)
    shown = show_model(store.settings, "2")["decisions"]
    assert [(row["decision"], row["trigger"], row["checks"]) for row in shown] == [
        ("promoted", "operator", decided.checks),
        ("refused", "train", []),
    ]
    assert rollback(store.settings, None, None)["champion"] == "1"
    assert rollback(store.settings, "2", None)["champion"] == "2"  # it has been champion


def test_a_version_that_is_champion_or_not_there_is_not_judged_again(store: Store) -> None:
    store.judge("promoted", 1)
    with StageReporter(interactive=False) as report:
        spark = LazySpark(store.settings)
        for version, message in (("1", "version 1 is champion already"), ("9", "there is no version 9; there are 1")):
            with pytest.raises(ModelError, match=message):
                promote(store.settings, version, None, spark, report, force=True)
    assert store.recorded() == [("1", "promoted")]


def test_a_champion_that_cannot_be_opened_keeps_its_parts_and_an_operator_can_replace_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    assert find_champion(store.registry) == KnownChampion(store.registry.load("1"), PARTS)
    store.registry.set_tags("1", {FACTS_TAG: json.dumps(asdict(replace(mean_model().facts, feature_set_version="0")))})
    lost = find_champion(store.registry)
    assert isinstance(lost, LostChampion)
    assert (lost.version, lost.parts) == ("1", PARTS)
    assert lost.why.startswith("version 1 was trained on feature set 0")

    monkeypatch.setattr("pipelines.lifecycle.promotion.open_history", lambda *_: PAST)
    monkeypatch.setattr("pipelines.lifecycle.promotion.labelled_fleet", lambda *_: tiny_fleet())
    with LazySpark(store.settings) as spark:
        report = StageReporter(interactive=False)
        with pytest.raises(ModelError, match=r"the gate refuses version 2: .*the champion cannot be loaded .*version 1 .*--force"):
            promote(store.settings, "2", None, spark, report, force=False)
        assert store.aliases() == ("1", "2")
        done = promote(store.settings, "2", "version 1 is of another time", spark, report, force=True)
    assert (done["champion"], done["previous_version"], done["forced"]) == ("2", "1", True)
    assert store.aliases() == ("2", None)


def test_forcing_without_a_reason_is_wrong_use(store: Store) -> None:
    for arguments in (["--force"], ["--force", "--reason", " "]):
        done = CliRunner().invoke(app, ["models", "promote", "2", *arguments, "--home", str(store.settings.home)])
        assert done.exit_code == 2
        assert "--force needs --reason TEXT" in done.output
