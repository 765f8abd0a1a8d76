from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.errors import ConflictError, RequestError
from config.settings import Settings
from serving.alerts.life_cycle import Act
from serving.schemas import MaintenanceEvent
from serving.warehouse.connection import Warehouse
from serving.warehouse.tables import latest_predictions, upsert_events, upsert_predictions
from serving.work_orders.changes import cancel_order
from serving.work_orders.completion import Completion, complete_order, reopen_order
from serving.work_orders.draft import DraftRequest
from serving.work_orders.order import read_changes
from serving.work_orders.reported_events import mark_loaded, reported_events, waiting_events
from tests.serving.warehouse.test_tables import OK, T
from tests.serving.work_orders.conftest import NOW, drafted

BOB = Act("Bob", NOW)
LATER = T + timedelta(hours=5)
DONE = Completion("scheduled", T + timedelta(hours=1), 3.0, 14_250.5, "bearing changed", "4711")
EVENT = "SELECT event_type, event_date, downtime_hours, cost_usd, description, withdrawn_at, work_order_id, in_lake FROM maintenance_events"


@pytest.fixture(autouse=True)
def _hours_later(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute("UPDATE view_rules SET replay_as_of = %s", [LATER])


def _health(connection: Any) -> tuple[Any, ...]:
    row = next(item for item in latest_predictions(connection) if item.compressor_id == "C-1")
    return row.status, row.rul_days, row.failure_probability, row.health, row.act_by, row.reasons


def test_a_completion_is_an_event_and_ends_the_prediction_at_once(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        order = drafted(connection, settings)
        assert _health(connection)[:2] == ("ok", 4.25)
        done = complete_order(connection, order.work_order_id, DONE, BOB)
        event = connection.execute(EVENT).fetchall()
        health = _health(connection)
        fleet = connection.execute(
            "SELECT health_status, rul_days, act_by, next_work_order_id FROM v_fleet_health_summary WHERE compressor_id = 'C-1'"
        ).fetchall()
        shown = connection.execute("SELECT event_type FROM v_maintenance_events").fetchall()
        log = read_changes(connection, order.work_order_id)
    assert (done.status, done.completed_by, done.external_id) == ("completed", "Bob", "4711")
    assert done.completed_at == T + timedelta(hours=4)
    assert [(*row[:3], float(row[3]), *row[4:]) for row in event] == [
        ("scheduled", DONE.event_date, 3.0, 14_250.5, f"{order.title}: bearing changed", None, order.work_order_id, False)
    ]
    reason = "repaired at 2026-03-09 06:50 UTC: the last prediction did not know it, the next one will"
    assert health == ("insufficient_history", None, None, None, None, [reason])
    assert fleet == [("unknown", None, None, None)]
    assert shown == [("scheduled",)]
    assert (log[-1].change, log[-1].details["event_type"]) == ("completed", "scheduled")


def test_a_prediction_from_after_the_repair_counts(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        complete_order(connection, drafted(connection, settings).work_order_id, DONE, BOB)
        upsert_predictions(connection, [replace(OK, prediction_timestamp=LATER, rul_days=6.0)])
        assert _health(connection)[:2] == ("ok", 6.0)


def test_a_repair_within_the_window_ends_a_prediction_that_did_not_know_it(warehouse: Warehouse, settings: Settings) -> None:
    early = replace(DONE, event_date=T - timedelta(hours=4), downtime_hours=3.1)
    ends = early.ends_at.isoformat()
    with warehouse.connection() as connection:
        work_order_id = drafted(connection, settings).work_order_id
        upsert_predictions(connection, [replace(OK, features_used={"renewed_at": None})])
        complete_order(connection, work_order_id, early, BOB)
        assert _health(connection)[:2] == ("insufficient_history", None)
        upsert_predictions(connection, [replace(OK, features_used={"renewed_at": ends})])  # scored again, with the repair
        assert _health(connection)[:2] == ("ok", 4.25)
        long_ago = {"renewed_at": (T - timedelta(days=30)).isoformat()}
        upsert_predictions(connection, [replace(OK, prediction_timestamp=T + timedelta(hours=1), features_used=long_ago)])
        assert _health(connection)[:2] == ("insufficient_history", None)


def test_before_the_repair_began_the_prediction_stands(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        complete_order(connection, drafted(connection, settings).work_order_id, DONE, BOB)
        then = latest_predictions(connection, DONE.event_date - timedelta(minutes=1), ["C-1"])
    assert [(row.status, row.rul_days) for row in then] == [("ok", 4.25)]


def test_an_inspection_ends_no_life(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        complete_order(connection, drafted(connection, settings).work_order_id, replace(DONE, event_type="inspection"), BOB)
        assert _health(connection)[:2] == ("ok", 4.25)


def test_the_same_completion_again_changes_nothing_and_another_is_refused(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        work_order_id = drafted(connection, settings).work_order_id
        done = complete_order(connection, work_order_id, DONE, BOB)
        assert complete_order(connection, work_order_id, DONE, BOB) == done
        with pytest.raises(ConflictError, match=f"cannot complete {work_order_id}: it is completed, which allows reopen"):
            complete_order(connection, work_order_id, replace(DONE, downtime_hours=2.0), BOB)
        with pytest.raises(ConflictError, match=f"cannot cancel {work_order_id}"):
            cancel_order(connection, work_order_id, BOB)
        assert len(connection.execute(EVENT).fetchall()) == 1


def test_an_order_is_completed_when_the_work_is_done(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        work_order_id = drafted(connection, settings).work_order_id
        for wrong, field in (
            (replace(DONE, event_date=LATER + timedelta(seconds=1)), "event_date"),
            (replace(DONE, event_date=datetime(1999, 12, 31, tzinfo=UTC)), "event_date"),
            (replace(DONE, downtime_hours=4.1), "downtime_hours"),
            (replace(DONE, downtime_hours=float("nan")), "downtime_hours"),
            (replace(DONE, cost_usd=-1.0), "cost_usd"),
            (replace(DONE, event_type="repair"), "event_type"),
        ):
            with pytest.raises(RequestError) as refused:
                complete_order(connection, work_order_id, wrong, BOB)
            assert [name for name, _ in refused.value.problems] == [field]
        assert connection.execute(EVENT).fetchall() == []


def test_a_reopened_order_takes_its_event_back(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        work_order_id = drafted(connection, settings).work_order_id
        complete_order(connection, work_order_id, DONE, BOB)
        order = reopen_order(connection, work_order_id, Act("Bob", NOW, "wrong machine"))
        (event,) = connection.execute(EVENT).fetchall()
        assert _health(connection)[:2] == ("ok", 4.25)
        with pytest.raises(ConflictError, match="it is draft, which allows change, export, complete, cancel"):
            reopen_order(connection, work_order_id, BOB)
        again = complete_order(connection, work_order_id, DONE, BOB)
        assert [row[5] for row in connection.execute(EVENT)] == [None]
    assert (order.status, order.event_date, order.completed_at) == ("draft", None, None)
    assert (event[5], event[7]) == (NOW, False)
    assert again.status == "completed"


def test_an_event_that_another_order_reports_too_outlives_the_reopened_one(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        orders = [drafted(connection, settings, DraftRequest("C-1", another=True)).work_order_id for _ in range(2)]
        for work_order_id in orders:
            complete_order(connection, work_order_id, DONE, BOB)
        reopen_order(connection, orders[0], BOB)
        events = [row[5:] for row in connection.execute(EVENT)]
        assert _health(connection)[:2] == ("insufficient_history", None)
        reopen_order(connection, orders[1], BOB)
        assert _health(connection)[:2] == ("ok", 4.25)
    assert events == [(None, orders[1], False)]


def test_an_event_of_the_file_with_the_same_key_keeps_its_values(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        work_order_id = drafted(connection, settings).work_order_id
        upsert_events(connection, [MaintenanceEvent("C-1", DONE.event_date, "scheduled", "as the file says", 2.5)])
        complete_order(connection, work_order_id, DONE, BOB)
        (event,) = connection.execute(EVENT).fetchall()
    assert (event[2], event[4], event[6], event[7]) == (2.5, "as the file says", work_order_id, False)


def test_events_wait_until_the_lake_has_them(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        work_order_id = drafted(connection, settings).work_order_id
        complete_order(connection, work_order_id, DONE, BOB)
        waiting = waiting_events(connection, locked=True)
        assert mark_loaded(connection, waiting, LATER) == 1
        assert waiting_events(connection) == []
        assert reported_events(connection) == waiting
        loaded = connection.execute("SELECT event_loaded_at FROM work_orders").fetchall()
    assert [(event.compressor_id, event.event_type, event.cost_usd, event.work_order_id) for event in waiting] == [
        ("C-1", "scheduled", 14_250.5, work_order_id)
    ]
    assert loaded == [(LATER,)]
