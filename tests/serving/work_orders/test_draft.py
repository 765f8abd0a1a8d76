from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest

from config.errors import ConflictError, NotFoundError, RequestError
from config.settings import Settings
from serving.warehouse.connection import Warehouse
from serving.work_orders.draft import DraftRequest
from serving.work_orders.order import OrderFilter, count_orders, list_orders, read_changes, read_order
from tests.serving.warehouse.test_tables import T
from tests.serving.work_orders.conftest import ANN, NOW, drafted


def test_a_draft_holds_what_the_prediction_and_the_costs_say(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        order = drafted(connection, settings)
        changes = read_changes(connection, order.work_order_id)
    assert (order.compressor_id, order.model, order.place) == ("C-1", "Ariel JGK/4", "S-1, Permian Basin, Midland")
    assert (order.status, order.priority, order.act_by, order.planned_start) == ("draft", 2, date(2026, 3, 12), None)
    assert (order.rul_days, order.rul_lower_days, order.rul_upper_days) == (4.25, 3.0, 6.5)
    assert (order.failure_probability, order.horizon_days, order.prediction_timestamp) == (0.75, 3.0, T)
    assert (order.parts_lead_days, order.cost_at_stake_usd, order.planned_cost_usd) == (3.0, 87_500.0, 15_000.0)
    assert (order.expected_saving_usd, order.reasons, order.health) == (41250.5, ["vibration is critical"], "critical")
    assert (order.drafted_by, order.drafted_at) == ("Ann", NOW)
    assert order.title == "Repair C-1 (Ariel JGK/4) by 2026-03-12"
    assert "Repair it by Thu 2026-03-12" in order.description
    assert "Expected remaining life: 4.2 days (3.0 to 6.5), as of 2026-03-09 05:50 UTC." in order.description
    assert "- vibration is critical" in order.description
    assert "an unplanned stop costs about 87,500 USD. Expected saving of a repair by then: 41,250 USD." in order.description
    assert [(item.change, item.changed_by, item.details) for item in changes] == [
        ("drafted", "Ann", {"priority": 2, "act_by": "2026-03-12"})
    ]


def test_a_person_may_say_otherwise_than_the_prediction(warehouse: Warehouse, settings: Settings) -> None:
    start = datetime(2026, 3, 10, 13, tzinfo=UTC)
    request = DraftRequest(
        "C-1", title="Bearing", description="Change it", priority=1, act_by=date(2026, 3, 11), planned_start=start, assigned_to="Crew 2"
    )
    with warehouse.connection() as connection:
        order = drafted(connection, settings, request)
    assert (order.title, order.description, order.priority) == ("Bearing", "Change it", 1)
    assert (order.act_by, order.planned_start, order.assigned_to) == (date(2026, 3, 11), start, "Crew 2")


@pytest.mark.parametrize(("compressor_id", "status"), [("C-2", "never scored"), ("C-3", "stale")])
def test_without_usable_numbers_a_person_gives_the_reason(
    warehouse: Warehouse, settings: Settings, compressor_id: str, status: str
) -> None:
    with warehouse.connection() as connection:
        with pytest.raises(RequestError, match=rf"{compressor_id} has no usable prediction \({status}\): write why") as refused:
            drafted(connection, settings, DraftRequest(compressor_id))
        order = drafted(connection, settings, DraftRequest(compressor_id, reason="it knocks"))
    assert refused.value.status == 422
    assert (order.rul_days, order.act_by, order.priority, order.draft_reason) == (None, None, 4, "it knocks")
    assert order.title == f"Inspect {compressor_id} (Ariel JGK/4)"
    assert "A person drafted this order, not the model." in order.description
    assert "Ann asked for this order: it knocks" in order.description


def test_one_open_order_a_compressor_unless_another_is_asked_for(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        first = drafted(connection, settings)
        with pytest.raises(ConflictError, match=f"C-1 has the open order {first.work_order_id}: it is open, which allows change"):
            drafted(connection, settings)
        second = drafted(connection, settings, DraftRequest("C-1", another=True))
        listed = list_orders(connection, OrderFilter(("draft",), "C-1"))
        assert count_orders(connection, OrderFilter(compressor_id="C-2")) == 0
    assert {order.work_order_id for order in listed} == {first.work_order_id, second.work_order_id}


def test_a_key_that_was_used_finds_its_order(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        first = drafted(connection, settings, DraftRequest("C-1", draft_key="click-1"))
        again = drafted(connection, settings, DraftRequest("C-1", draft_key="click-1", another=True))
        with pytest.raises(RequestError, match=f"was used for {first.work_order_id} of C-1"):
            drafted(connection, settings, DraftRequest("C-3", draft_key="click-1", reason="it knocks"))
    assert again == first


def test_a_double_click_makes_one_order(warehouse: Warehouse, settings: Settings) -> None:
    def click(_: int) -> str:
        try:
            with warehouse.connection() as connection:
                return drafted(connection, settings).work_order_id
        except ConflictError:
            return "refused"

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(click, range(2)))
    with warehouse.connection() as connection:
        orders = list_orders(connection)
    assert answers == [orders[0].work_order_id, "refused"]
    assert len(orders) == 1


def test_what_is_unknown_is_not_found(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        with pytest.raises(NotFoundError, match="C-9 is not a compressor in service"):
            drafted(connection, settings, DraftRequest("C-9"), ANN)
        with pytest.raises(NotFoundError, match="WO-9 is not a work order"):
            read_order(connection, "WO-9")
