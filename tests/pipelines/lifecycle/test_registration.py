"""From a verdict to the registry and its record, cut off after each step; and the way back. Real MLflow on SQLite, real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mlflow
import mlflow.onnx
import onnx
import psycopg
import pytest
from typer.testing import CliRunner

from config.errors import ModelError, NoChampionError, NoDataError, WarehouseError
from config.settings import Settings, load_settings
from features.contract import CHALLENGER, CHAMPION, REGISTERED_MODEL
from monitoring.gate.champion import SPLIT_FILE, KnownChampion, LostChampion, find_champion
from monitoring.gate.verdict import Verdict
from pipelines.cli import app
from pipelines.lifecycle.occasion import fingerprint
from pipelines.lifecycle.promotion import promote
from pipelines.lifecycle.retrain import _known_result
from pipelines.lifecycle.versions import list_models, model_card, rollback, show_model
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_runs import tracked_run
from pipelines.runtime.spark import LazySpark
from pipelines.views.models import show_models
from serving.registry.client import Registry
from serving.registry.model_version import FACTS_TAG
from serving.registry.transitions import _MOVE_TAG, DECISION_TAG, FINGERPRINT_TAG, conclude, move_champion, record_refusal, settle, to_tag
from serving.warehouse.connection import Warehouse
from serving.warehouse.decisions import ModelDecision, Outcome, last_drift_training, list_decisions, training_lock, upsert_decision
from serving.warehouse.migrations import migrated_warehouse
from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import eventually
from tests.pipelines.tiny import PAST, tiny_fleet
from tests.serving.gold import mean_model

PARTS = {"train": ["C-1"], "validation": ["C-0"], "test": ["C-4"]}
NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Store:
    """A home with a registry and a warehouse, and one logged model to register from."""

    settings: Settings
    registry: Registry
    warehouse: Warehouse
    model_uri: str
    run_id: str

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        with self.warehouse.connection() as connection:
            yield connection

    def register(self, outcome: Outcome, hour: int, previous: str | None = None, trigger: str = "train") -> ModelDecision:
        """Step 1 alone: the version is there, with its verdict as a tag; nothing has followed from it."""
        drift = NOON + timedelta(hours=hour) if trigger == "drift" else None
        decided = ModelDecision(
            "", NOON + timedelta(hours=hour), outcome, trigger, drift, previous, self.run_id, [f"because of {hour}"], {"rmse_days": 1.5}
        )  # type: ignore[arg-type]
        facts = mean_model().facts
        return replace(decided, model_version=self.registry.register(self.model_uri, facts, {DECISION_TAG: to_tag(decided)}))

    def judge(self, outcome: Outcome, hour: int, previous: str | None = None, trigger: str = "train") -> ModelDecision:
        """All steps."""
        decision = self.register(outcome, hour, previous, trigger)
        with self.connection() as connection:
            conclude(self.registry, connection, decision)
        return decision

    def promote(self, version: str, hour: int, previous: str) -> ModelDecision:
        """An operator overrules the gate; every check goes into the record."""
        checks = [{"name": "champion", "passed": False, "says": "it is not better", "numbers": {"certainty": 0.4}}]
        decided = ModelDecision(
            version,
            NOON + timedelta(hours=hour),
            "promoted",
            "operator",
            None,
            previous,
            self.run_id,
            ["we know why"],
            {"certainty": 0.4},
            checks,
        )
        with self.connection() as connection:
            move_champion(self.registry, connection, decided)
        return decided

    def settle(self) -> None:
        with self.connection() as connection:
            settle(self.registry, connection)

    def kept(self, decision: ModelDecision) -> ModelDecision:
        """The decision as the warehouse keeps it: with the digest of its version's file."""
        return replace(decision, model_sha256=self.registry.sha256_of(decision.model_version))

    def aliases(self) -> tuple[str | None, str | None]:
        return self.registry.version_of(CHAMPION), self.registry.version_of(CHALLENGER)

    def recorded(self) -> list[tuple[str, str]]:
        with self.connection() as connection:
            return [(decision.model_version, decision.decision) for decision in list_decisions(connection)]


@pytest.fixture(scope="module")
def logged() -> Iterator[tuple[Settings, Warehouse]]:
    # not tmp_path: the embedded server's own user must be able to pass through, and pytest shuts its folders
    with TemporaryDirectory(prefix="altaviz-") as folder:
        settings = load_settings(Path(folder), environ={})
        with migrated_warehouse(settings.database, settings.home) as warehouse:
            yield settings, warehouse


@pytest.fixture(scope="module")
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
    client = mlflow.MlflowClient(settings.tracking_uri)
    for found in client.search_registered_models():
        client.delete_registered_model(found.name)
    with warehouse.connection() as connection:
        connection.execute("TRUNCATE model_decisions")
    return Store(settings, Registry(settings.tracking_uri), warehouse, *model)


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
        told = conclude(store.registry, connection, late)
    assert (told.decision, told.reasons) == (
        "refused",
        [
            "outdated: it was judged while the champion was version 2, and it is version 1 by now; `altaviz models promote 3` asks again",
            "because of 3",
        ],
    )
    assert store.aliases() == ("1", "3")
    store.settle()
    assert store.aliases() == ("1", "3")
    assert ("3", "refused") in store.recorded()
    tags = store.registry.versions()[0].tags
    assert (tags["gate"], tags["gate_reasons"]) == ("refused", "; ".join(told.reasons))


def test_a_kill_between_alias_and_mark_of_a_promotion_does_not_outdate_it(store: Store) -> None:
    store.judge("promoted", 1)
    store.register("promoted", 2, previous="1")
    store.registry.set_alias(CHAMPION, "2")
    store.settle()
    assert store.aliases() == ("2", None)
    assert store.recorded() == [("2", "promoted"), ("1", "promoted")]


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


class KilledError(Exception):
    """Stands for the kill of the process."""


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


def test_a_move_takes_the_challenger_s_alias_from_the_new_champion(store: Store) -> None:
    store.judge("promoted", 1)
    store.judge("refused", 2, previous="1")
    with store.connection() as connection:
        move_champion(store.registry, connection, ModelDecision("2", NOON, "rolled_back", "operator", None, "1"))
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


def test_a_version_that_is_champion_or_not_there_is_not_judged_again(store: Store) -> None:
    store.judge("promoted", 1)
    with StageReporter(interactive=False) as report:
        spark = LazySpark(store.settings)
        for version, says in (("1", "version 1 is champion already"), ("9", "there is no version 9; there are 1")):
            with pytest.raises(ModelError, match=says):
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
