from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest

from config.errors import ConflictError, RequestError
from config.settings import Settings
from serving.alerts.life_cycle import Act
from serving.warehouse.connection import Warehouse
from serving.work_orders.changes import cancel_order, change_order
from serving.work_orders.order import read_changes, read_order
from tests.serving.work_orders.conftest import ANN, NOW, drafted

BOB = Act("Bob", NOW, "parts came early")
START = datetime(2026, 3, 10, 13, tzinfo=UTC)


def test_a_change_is_kept_with_who_and_what(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        order = drafted(connection, settings)
        changed = change_order(connection, order.work_order_id, {"planned_start": START, "priority": 1, "act_by": order.act_by}, BOB)
        again = change_order(connection, order.work_order_id, {"priority": 1}, BOB)
        log = read_changes(connection, order.work_order_id)
    assert (changed.planned_start, changed.priority, changed.act_by) == (START, 1, date(2026, 3, 12))
    assert again == changed
    assert [(item.change, item.changed_by, item.note) for item in log] == [("drafted", "Ann", None), ("changed", "Bob", "parts came early")]
    assert log[1].details == {"planned_start": [None, "2026-03-10T13:00:00+00:00"], "priority": [2, 1]}


def test_concurrent_changes_keep_each_others_fields(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        work_order_id = drafted(connection, settings).work_order_id

    def change(values: dict[str, object]) -> None:
        with warehouse.connection() as connection:
            change_order(connection, work_order_id, values, BOB)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(change, [{"assigned_to": "Crew 2"}, {"priority": 3}]))
    with warehouse.connection() as connection:
        order = read_order(connection, work_order_id)
        log = read_changes(connection, work_order_id)
    assert (order.assigned_to, order.priority) == ("Crew 2", 3)
    assert sorted(name for item in log[1:] for name in item.details) == ["assigned_to", "priority"]


def test_a_field_that_nobody_may_set_is_named(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        order = drafted(connection, settings)
        with pytest.raises(RequestError) as refused:
            change_order(connection, order.work_order_id, {"status": "completed", "title": ""}, BOB)
        with pytest.raises(RequestError) as too_long:
            change_order(connection, order.work_order_id, {"assigned_to": "a" * 101, "external_id": "\x1b[2J"}, BOB)
        assert read_order(connection, order.work_order_id) == order
    assert [field for field, _ in refused.value.problems] == ["status", "title"]
    assert [field for field, _ in too_long.value.problems] == ["assigned_to", "external_id"]


def test_a_cancelled_order_is_neither_changed_nor_open(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        order = drafted(connection, settings)
        cancelled = cancel_order(connection, order.work_order_id, BOB)
        assert cancel_order(connection, order.work_order_id, ANN) == cancelled
        with pytest.raises(ConflictError, match=f"cannot change {order.work_order_id}: it is cancelled, which allows nothing more"):
            change_order(connection, order.work_order_id, {"priority": 1}, BOB)
        log = read_changes(connection, order.work_order_id)
        another = drafted(connection, settings)
    assert (cancelled.status, cancelled.cancelled_by, cancelled.cancelled_at) == ("cancelled", "Bob", NOW)
    assert [(item.change, item.details) for item in log[1:]] == [("cancelled", {"status": ["draft", "cancelled"]})]
    assert another.work_order_id != order.work_order_id
