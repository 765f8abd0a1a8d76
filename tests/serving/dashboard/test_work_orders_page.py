"""The page on which work orders are planned, sent and completed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from pytest_httpserver import HTTPServer
from streamlit.testing.v1 import AppTest
from werkzeug import Response

from config.loader import CONFIG_DIR
from config.settings import load_settings
from serving.alerts.life_cycle import Act
from serving.dashboard.charts.repairs import DayLoad, work_loads
from serving.dashboard.display.orders import details_text, ending_text
from serving.dashboard.order_work import changed_values
from serving.dashboard.queries.orders import OrderCounts, order_counts, order_record
from serving.dashboard.startup import ApiPlace, Startup
from serving.warehouse.connection import Warehouse
from serving.work_orders.changes import cancel_order, change_order
from serving.work_orders.completion import Completion, complete_order
from serving.work_orders.draft import DraftRequest, draft_order
from serving.work_orders.order import OrderFilter, WorkOrder, count_orders, list_orders
from serving.work_orders.workload import WorkDay
from tests.serving.dashboard.conftest import NOW, REASON, UNTRUSTED, ShowPage
from tests.serving.dashboard.test_today import html_of

ANA = Act("Ana", NOW, None)
CHICAGO = ZoneInfo("America/Chicago")
ESCAPED = "&lt;img src=x onerror=alert(1)&gt;"
PLANNED = datetime(2026, 3, 10, 13, tzinfo=UTC)


def draft(connection: psycopg.Connection, fleet: Startup, request: DraftRequest) -> WorkOrder:
    return draft_order(connection, request, ANA, fleet.settings.costs, fleet.settings.work_orders)


@pytest.fixture(scope="module")
def orders(fleet_home: tuple[Path, Warehouse], fleet: Startup) -> Iterator[dict[str, str]]:
    """An order of each compressor: C-1 due on the 12th, C-2 planned on the 10th, C-3 completed, and a cancelled one with hostile text."""
    with fleet_home[1].connection() as connection:
        ids = {name: draft(connection, fleet, DraftRequest(name)).work_order_id for name in ("C-1", "C-2", "C-3")}
        ids[UNTRUSTED] = draft(connection, fleet, DraftRequest(UNTRUSTED, reason=UNTRUSTED, title=UNTRUSTED)).work_order_id
        change_order(connection, ids["C-2"], {"planned_start": PLANNED, "assigned_to": UNTRUSTED}, ANA)
        complete_order(connection, ids["C-3"], Completion("inspection", NOW - timedelta(hours=9), 2.0, 300.0, UNTRUSTED), ANA)
        cancel_order(connection, ids[UNTRUSTED], replace(ANA, note=UNTRUSTED))
    yield ids
    with fleet_home[1].connection() as connection:
        connection.execute("TRUNCATE work_orders CASCADE")
        connection.execute("DELETE FROM maintenance_events WHERE work_order_id IS NOT NULL OR compressor_id = 'C-3'")


@pytest.fixture
def written(fleet: Startup, httpserver: HTTPServer) -> Startup:
    """The pages with a service that is `httpserver`."""
    return Startup(fleet.settings, None, ApiPlace(httpserver.url_for("").rstrip("/"), None), fleet.resources)


def named(app: AppTest) -> AppTest:
    app.session_state["planner"] = "Ana"
    return app.run()


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def field(app: AppTest, kind: str, label: str) -> AppTest:
    return next(item for item in app.get(kind) if item.label.startswith(label))


def listed(page: str, orders: dict[str, str]) -> list[str]:
    """The compressors of the list, in its order."""
    table = page.split("<caption>Work orders, soonest first</caption>")[1].split("</table>")[0]
    found = {table.find(f">{number}</a>"): name for name, number in orders.items()}
    return [name for place, name in sorted(found.items()) if place >= 0]


def test_open_orders_are_listed_soonest_first(show: ShowPage, orders: dict[str, str]) -> None:
    page = html_of(show("work-orders"))
    assert listed(page, orders) == ["C-2", "C-1"]
    for text in (f'href="work-orders?order={orders["C-1"]}"', "Tue 10 Mar 08:00 CDT", "Thu 12 Mar", "in 3 days", "2 urgent"):
        assert text in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "completed"}, ["C-3"]),
        ({"station": "S-1"}, ["C-2", "C-1"]),
        ({"id": "C-1"}, ["C-1"]),
        ({"priority": "3 planned"}, ["C-2"]),
    ],
)
def test_the_address_filters(show: ShowPage, orders: dict[str, str], query: dict[str, str], found: list[str]) -> None:
    assert listed(html_of(show("work-orders", **query)), orders) == found


def test_a_link_to_an_order_keeps_the_filters(show: ShowPage, orders: dict[str, str]) -> None:
    assert f"?order={orders['C-3']}&amp;status=completed&amp;station=S-1" in html_of(show("work-orders", status="completed", station="S-1"))


def test_a_choice_without_orders_says_what_to_do(show: ShowPage, orders: dict[str, str]) -> None:
    assert "No work order of this choice" in html_of(show("work-orders", station="S-2"))


def test_an_order_says_what_by_when_and_why(show: ShowPage, orders: dict[str, str]) -> None:
    page = html_of(show("work-orders", order=orders["C-1"]))
    for text in (
        "Thu 12 Mar",
        "order them by Mon 9 Mar",
        REASON,
        "$16,554",
        "2.0 d",
        "from the prediction of Mon 9 Mar 01:00 CDT by model version 1",
        "Drafted Mon 9 Mar 01:00 CDT by Ana",
        f"Log of {orders['C-1']}",
        'href="compressor?id=C-1"',
    ):
        assert text in page


def test_a_start_before_the_parts_can_be_there_is_told(show: ShowPage, orders: dict[str, str]) -> None:
    assert "too late for Tue 10 Mar, unless they are in stock" in html_of(show("work-orders", order=orders["C-2"]))


def test_the_log_tells_each_change_in_the_time_of_the_station(show: ShowPage, orders: dict[str, str]) -> None:
    assert "planned start: – → Tue 10 Mar 08:00 CDT" in html_of(show("work-orders", order=orders["C-2"]))


def test_text_of_people_is_shown_as_text(show: ShowPage, orders: dict[str, str]) -> None:
    cancelled = show("work-orders", order=orders[UNTRUSTED], status="cancelled")
    completed = html_of(show("work-orders", order=orders["C-3"]))
    page = html_of(cancelled)
    assert UNTRUSTED not in page + completed
    assert f"Ana: {ESCAPED}" in page
    assert f"Told by Ana. {ESCAPED}" in completed


def test_an_unknown_order_in_the_address_is_told(show: ShowPage, orders: dict[str, str]) -> None:
    assert "There is no work order WO-999999" in html_of(show("work-orders", order="WO-999999"))
    assert "There is no work order" in html_of(show("work-orders", order="WO-1\x00"))


def test_without_a_service_an_order_can_be_read_and_downloaded_only(show: ShowPage, orders: dict[str, str]) -> None:
    app = show("work-orders", order=orders["C-1"])
    assert {button.label: button.disabled for button in app.button} == {
        "Save changes": True,
        "Export": True,
        "Complete the order": True,
        "Cancel this order": True,
    }
    assert [item.proto.label for item in app.get("download_button")] == ["CSV", "Maximo", "SAP", "Page to print", "CSV"]
    assert any("Nothing can be written now" in caption.value for caption in app.caption)


def test_a_status_offers_what_it_allows(show: ShowPage, orders: dict[str, str]) -> None:
    assert [button.label for button in show("work-orders", order=orders["C-3"]).button] == ["Reopen this order"]
    cancelled = show("work-orders", order=orders[UNTRUSTED])
    assert not cancelled.button
    assert "A cancelled order stays as it is" in html_of(cancelled)


def test_only_changed_fields_are_sent_and_the_start_is_of_the_stations_clock(
    show: ShowPage, written: Startup, httpserver: HTTPServer, orders: dict[str, str]
) -> None:
    body = {"planned_start": "2026-03-11T15:00:00Z", "assigned_to": "Crew 2", "note": "as agreed", "by": "Ana"}
    httpserver.expect_ordered_request(f"/v1/work-orders/{orders['C-1']}", "PATCH", json=body).respond_with_json({})
    app = named(show("work-orders", written, order=orders["C-1"]))
    field(app, "datetime_input", "Planned start (CDT)").set_value(datetime(2026, 3, 11, 10))
    field(app, "text_input", "Assigned to").set_value(" Crew 2 ")
    field(app, "text_input", "Note").set_value("as agreed")
    app = press(app, "Save changes")
    httpserver.check()
    assert [item.value for item in app.success] == ["Changes saved"]


def test_saving_without_a_change_sends_nothing(show: ShowPage, written: Startup, httpserver: HTTPServer, orders: dict[str, str]) -> None:
    app = press(named(show("work-orders", written, order=orders["C-2"])), "Save changes")
    assert [item.value for item in app.info] == ["Nothing was changed, so nothing was saved"]
    assert not httpserver.log


def test_completed_work_is_sent_as_an_event(show: ShowPage, written: Startup, httpserver: HTTPServer, orders: dict[str, str]) -> None:
    body = {
        "event_type": "unscheduled",
        "event_date": "2026-03-08T17:30:00Z",
        "downtime_hours": 6.5,
        "cost_usd": 4200.0,
        "external_id": None,
        "note": "valve changed",
        "by": "Ana",
    }
    httpserver.expect_ordered_request(f"/v1/work-orders/{orders['C-1']}/complete", "POST", json=body).respond_with_json({})
    app = named(show("work-orders", written, order=orders["C-1"]))
    app = press(app, "Complete the order")
    assert "Give the start of the work" in app.error[0].value
    field(app, "selectbox", "What was done").set_value("unscheduled")
    field(app, "datetime_input", "Start (CDT)").set_value(datetime(2026, 3, 8, 12, 30))
    field(app, "number_input", "Standstill").set_value(6.5)
    field(app, "number_input", "Cost").set_value(4200.0)
    field(app, "text_input", "What was found").set_value("valve changed")
    app = press(app, "Complete the order")
    httpserver.check()
    assert [item.value for item in app.success] == ["Completed: the work is a maintenance event now"]


@pytest.mark.parametrize(("compressor", "label", "act"), [("C-1", "Cancel this order", "cancel"), ("C-3", "Reopen this order", "reopen")])
def test_an_order_is_cancelled_and_reopened_under_the_planners_name(
    show: ShowPage, written: Startup, httpserver: HTTPServer, orders: dict[str, str], compressor: str, label: str, act: str
) -> None:
    path = f"/v1/work-orders/{orders[compressor]}/{act}"
    httpserver.expect_ordered_request(path, "POST", json={"note": None, "by": "Ana"}).respond_with_json({})
    app = press(named(show("work-orders", written, order=orders[compressor])), label)
    httpserver.check()
    assert len(app.success) == 1


def test_what_the_service_refuses_is_one_sentence_and_the_form_keeps_its_values(
    show: ShowPage, written: Startup, httpserver: HTTPServer, orders: dict[str, str]
) -> None:
    refusal = Response('{"detail": "assigned_to: holds a control character"}', 422, content_type="application/problem+json")
    httpserver.expect_request(f"/v1/work-orders/{orders['C-1']}").respond_with_response(refusal)
    app = named(show("work-orders", written, order=orders["C-1"]))
    field(app, "text_input", "Assigned to").set_value("Crew 9")
    app = press(app, "Save changes")
    assert [item.value for item in app.error] == [r"not written: assigned\_to: holds a control character"]  # Markdown: shown literally
    assert field(app, "text_input", "Assigned to").value == "Crew 9"
    assert not app.success


def test_an_order_is_sent_by_a_channel_that_takes_orders(
    show: ShowPage, fleet: Startup, httpserver: HTTPServer, orders: dict[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "config"
    shutil.copytree(CONFIG_DIR, config, ignore=shutil.ignore_patterns("*.py", "sections", "site", "__pycache__"))
    channels = "channels:\n  cmms: {kind: log, topics: [work_order.exported], least_severity: warning, escalation_levels: [0]}\n"
    text = (config / "notifications.yaml").read_text(encoding="utf-8")
    (config / "notifications.yaml").write_text(
        "\n".join(channels.rstrip() if line.startswith("channels:") else line for line in text.splitlines()), encoding="utf-8"
    )
    body = {"format": "maximo", "channel": "cmms", "note": None, "by": "Ana"}
    httpserver.expect_ordered_request(f"/v1/work-orders/{orders['C-1']}/export", "POST", json=body).respond_with_json({})
    settings = load_settings(fleet.home, environ={"ALTAVIZ_CONFIG_DIR": str(config)})
    startup = Startup(settings, None, ApiPlace(httpserver.url_for("").rstrip("/"), None), ExitStack())
    app = named(show("work-orders", startup, order=orders["C-1"]))
    to = field(app, "selectbox", "Send to")
    assert to.options == ["nobody: mark it as exported", "cmms"]
    to.set_value("cmms")
    field(app, "selectbox", "Format").set_value("maximo")
    app = press(app, "Export")
    httpserver.check()
    assert [item.value for item in app.success] == ["Exported: the message to cmms is in the outbox"]


def test_open_orders_are_counted_at_the_moment(rows: psycopg.Connection, orders: dict[str, str]) -> None:
    counts = order_counts(rows)
    assert replace(counts, cost_at_stake_usd=0.0) == OrderCounts(2, 0, 0, 0, 1, 1, 0.0)
    rows.execute("UPDATE work_orders SET act_by = '2026-03-08', priority = 1, status = 'exported' WHERE compressor_id = 'C-1'")
    assert replace(order_counts(rows), cost_at_stake_usd=0.0) == OrderCounts(1, 1, 1, 1, 1, 1, 0.0)
    assert counts.cost_at_stake_usd == sum(order.cost_at_stake_usd or 0 for order in list_orders(rows) if order.is_open)


def test_filters_of_station_and_priority_count_what_they_list(rows: psycopg.Connection, orders: dict[str, str]) -> None:
    for wanted, found in (
        (OrderFilter(stations=("S-2",)), [UNTRUSTED]),
        (OrderFilter(priorities=(2,)), ["C-1"]),
        (OrderFilter(("draft",), "C-1", ("S-2",)), []),
    ):
        assert [order.compressor_id for order in list_orders(rows, wanted)] == found
        assert count_orders(rows, wanted) == len(found)


def test_an_emptied_field_is_sent_as_null_and_a_day_as_text(rows: psycopg.Connection, orders: dict[str, str]) -> None:
    record = order_record(rows, orders["C-2"])
    assert record is not None
    order = record.order
    kept = {
        "planned_start": datetime(2026, 3, 10, 8),
        "act_by": order.act_by,
        "assigned_to": order.assigned_to,
        "priority": order.priority,
        "description": order.description,
    }
    assert changed_values(order, kept, CHICAGO) == {}
    given = {**kept, "planned_start": None, "assigned_to": None, "act_by": date(2026, 3, 14)}
    assert changed_values(order, given, CHICAGO) == {"planned_start": None, "assigned_to": None, "act_by": "2026-03-14"}
    assert ending_text(order, CHICAGO) is None


def test_the_days_ahead_show_planned_orders_and_repairs_that_nobody_has_planned() -> None:
    days = [WorkDay(date(2026, 3, 9), 4, 2, 1, ["A", "B", "C", "D"], 3, ["WO-1"], 2.0, 0.0)]
    assert work_loads(days) == [
        DayLoad("Mon 9 Mar", "work order planned", 3, 0),
        DayLoad("Mon 9 Mar", "work order without a start", 1, 0),
        DayLoad("Mon 9 Mar", "no work order", 2, 0),
    ]


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({"priority": [3, 1], "assigned_to": [None, "Ana"]}, "priority: 3 → 1; assigned to: – → Ana"),
        ({"description": ["old", "two\nlines"]}, "description: written anew"),
        ({"format": "sap", "channel": None, "sent": True}, "format: sap; sent: yes"),
        ({"event_date": "2026-03-09T06:00:00+00:00"}, "event date: Mon 9 Mar 01:00 CDT"),
        ({"title": ["Test T", "T"]}, "title: Test T → T"),
    ],
)
def test_details_of_a_change_are_a_sentence(details: dict[str, object], text: str) -> None:
    assert details_text(details, CHICAGO) == text
