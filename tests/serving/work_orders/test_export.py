from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from config.errors import ConflictError, RequestError
from config.settings import Settings
from serving.alerts.life_cycle import Act
from serving.warehouse.connection import Warehouse
from serving.work_orders.changes import cancel_order, change_order
from serving.work_orders.draft import DraftRequest
from serving.work_orders.export import export_file, export_order
from serving.work_orders.order import read_changes
from serving.work_orders.printing import to_html
from tests.serving.work_orders.conftest import NOW, drafted

BOB = Act("Bob", NOW)
START = datetime(2026, 3, 10, 13, 30, tzinfo=UTC)
HOSTILE = '=HYPERLINK("https://evil.example")'


def test_maximo_gets_the_fields_of_its_work_order(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        order = drafted(connection, settings, DraftRequest("C-1", planned_start=START, assigned_to="Crew 2"))
    maximo = settings.work_orders.maximo.model_copy(update={"assetnum": {"C-1": "11430"}, "location": {"S-1": "MIDLAND"}})
    config = settings.work_orders.model_copy(update={"maximo": maximo})
    file = export_file(order, "maximo", config)
    body: dict[str, Any] = json.loads(file.text)
    assert (file.name, file.media_type) == (f"{order.work_order_id}.maximo.json", "application/json")
    assert "- vibration is critical" in body.pop("description_longdescription")
    assert body == {
        "wonum": order.work_order_id,
        "description": "Repair C-1 (Ariel JGK/4) by 2026-03-12",
        "assetnum": "11430",
        "location": "MIDLAND",
        "siteid": "BEDFORD",
        "orgid": "EAGLENA",
        "worktype": "CM",
        "status": "WAPPR",
        "wopriority": 2,
        "reportdate": "2026-03-09T06:00:00+00:00",
        "reportedby": "Ann",
        "targstartdate": "2026-03-10T13:30:00+00:00",
        "targcompdate": "2026-03-12T23:59:59+00:00",
        "lead": "Crew 2",
        "externalrefid": order.work_order_id,
    }
    older = config.model_copy(update={"maximo": maximo.model_copy(update={"prefix": "spi:"})})
    assert json.loads(export_file(order, "maximo", older).text)["spi:wonum"] == order.work_order_id


def test_sap_gets_a_maintenance_notification(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        order = drafted(connection, settings, DraftRequest("C-1", planned_start=START, description="d" * 2000))
    body: dict[str, Any] = json.loads(export_file(order, "sap", settings.work_orders).text)
    assert len(body.pop("MaintNotifLongTextForEdit")) == 1333
    assert body == {
        "NotificationType": "M1",
        "NotificationText": "Repair C-1 (Ariel JGK/4) by 2026-03-12",
        "MaintPriority": "2",
        "TechnicalObject": "C-1",
        "TechObjIsEquipOrFuncnlLoc": "EAMS_EQUI",
        "LocationDescription": "S-1, Permian Basin, Midland",
        "RequiredStartDate": "/Date(1773100800000)/",
        "RequiredStartTime": "PT13H30M00S",
        "RequiredEndDate": "/Date(1773273600000)/",
        "NotificationCreationDate": "/Date(1773014400000)/",
        "MaintenancePlanningPlant": "1000",
        "MaintNotifExtReferenceNumber": order.work_order_id,
    }


def test_no_text_in_the_csv_is_a_formula(warehouse: Warehouse, settings: Settings) -> None:
    request = DraftRequest("C-1", title=HOSTILE, description=f"first\n{HOSTILE}", assigned_to="@SUM(A1)")
    with warehouse.connection() as connection:
        order = drafted(connection, settings, request, Act("-2+3", NOW))
    (row,) = csv.DictReader(io.StringIO(export_file(order, "csv", settings.work_orders).text, newline=""))
    assert (row["title"], row["assigned_to"], row["drafted_by"]) == (f"'{HOSTILE}", "'@SUM(A1)", "'-2+3")
    assert row["description"] == f"first\n'{HOSTILE}"
    assert (row["priority"], row["priority_name"], row["act_by"]) == ("2", "urgent", "2026-03-12")
    assert (row["rul_days"], row["cost_at_stake_usd"], row["drafted_at"]) == ("4.25", "87500.0", "2026-03-09T06:00:00Z")


def test_an_export_marks_the_order_and_sends_one_message_for_one_content(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        order = drafted(connection, settings)
        exported = export_order(connection, order.work_order_id, "maximo", "cmms", BOB, settings.work_orders)
        export_order(connection, order.work_order_id, "maximo", "cmms", BOB, settings.work_orders)
        change_order(connection, order.work_order_id, {"priority": 1}, BOB)
        export_order(connection, order.work_order_id, "maximo", "cmms", BOB, settings.work_orders)
        export_order(connection, order.work_order_id, "csv", None, BOB, settings.work_orders)
        messages = connection.execute(
            "SELECT channel, payload->>'work_order_id', payload->'body'->>'wopriority' FROM outbox WHERE topic = 'work_order.exported' "
            "AND payload->>'work_order_id' = %s ORDER BY 3",
            [order.work_order_id],
        ).fetchall()
        log = [item.details for item in read_changes(connection, order.work_order_id) if item.change == "exported"]
    assert (exported.status, exported.exported_by, exported.exported_at) == ("exported", "Bob", NOW)
    assert messages == [("cmms", order.work_order_id, "1"), ("cmms", order.work_order_id, "2")]
    assert [item["sent"] for item in log] == [True, False, True, None]


def test_what_is_not_open_is_not_exported(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connection() as connection:
        order = drafted(connection, settings)
        with pytest.raises(RequestError, match="format: must be one of csv, maximo, sap"):
            export_order(connection, order.work_order_id, "pdf", None, BOB, settings.work_orders)
        cancel_order(connection, order.work_order_id, BOB)
        with pytest.raises(ConflictError, match=f"cannot export {order.work_order_id}: it is cancelled"):
            export_order(connection, order.work_order_id, "csv", None, BOB, settings.work_orders)


def test_the_printed_page_shows_text_as_text(warehouse: Warehouse, settings: Settings) -> None:
    script = "<script>alert(1)</script>"
    request = DraftRequest("C-1", title=script, description=f"a & b\n{script}", planned_start=START, assigned_to='" onload="x')
    with warehouse.connection() as connection:
        order = drafted(connection, settings, request)
    page = to_html(order)
    assert export_file(order, "html", settings.work_orders).text == page
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a &amp; b\n&lt;script&gt;" in page
    assert 'onload="x' not in page
    assert "<td>2026-03-10 08:30 CDT</td>" in page
    assert "<td>87,500 USD</td>" in page
    assert "<li>vibration is critical</li>" in page
