from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from config.settings import Settings
from serving.warehouse.connection import Warehouse
from serving.warehouse.tables import upsert_predictions
from serving.work_orders.draft import DraftRequest
from serving.work_orders.workload import workload
from tests.serving.warehouse.test_tables import OK
from tests.serving.work_orders.conftest import drafted


def test_each_day_has_its_due_repairs_its_orders_and_the_crews(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        overdue = replace(OK, compressor_id="C-2", act_by=date(2026, 3, 1), expected_saving_usd=100.0)
        upsert_predictions(connection, [overdue, replace(OK, compressor_id="C-3", prediction_timestamp=OK.prediction_timestamp)])
        planned = datetime(2026, 3, 10, 13, tzinfo=UTC)
        order = drafted(connection, settings, DraftRequest("C-1", planned_start=planned))
        days = workload(connection, settings.costs, 4)
    assert [item.day for item in days] == [date(2026, 3, day) for day in (9, 10, 11, 12)]
    assert [(item.due_repairs, item.due_unordered, item.due_compressors) for item in days] == [
        (1, 1, ["C-2"]),
        (0, 0, []),
        (0, 0, []),
        (2, 1, ["C-1", "C-3"]),
    ]
    assert [item.planned_work_orders for item in days] == [[], [order.work_order_id], [], []]
    assert {item.crews for item in days} == {2.0}
    assert [item.saving_usd for item in days] == [100.0, 0.0, 0.0, 82_501.0]
    assert not any(item.is_overloaded for item in days)


def test_a_day_with_more_work_than_crews_is_overloaded(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        upsert_predictions(connection, [replace(OK, compressor_id=name) for name in ("C-2", "C-3")])
        days = workload(connection, settings.costs, 5)
    assert [item.is_overloaded for item in days] == [False, False, False, True, False]


def test_a_due_repair_whose_order_has_no_start_is_work_of_the_day_that_it_is_due(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        upsert_predictions(connection, [replace(OK, compressor_id=name) for name in ("C-2", "C-3")])
        drafted(connection, settings, DraftRequest("C-1"))
        drafted(connection, settings, DraftRequest("C-2", planned_start=datetime(2026, 3, 10, 13, tzinfo=UTC)))
        days = workload(connection, settings.costs, 4)
    assert [(item.due_repairs, item.due_unordered, item.due_unplanned, item.planned_orders) for item in days] == [
        (0, 0, 0, 0),
        (0, 0, 0, 1),
        (0, 0, 0, 0),
        (3, 1, 1, 0),
    ]
