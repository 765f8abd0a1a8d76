"""The page of one compressor."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date, timedelta

import psycopg
from psycopg.types.json import Jsonb
from pytest_httpserver import HTTPServer
from streamlit.testing.v1 import AppTest

from serving.dashboard.links import going_to
from serving.dashboard.pages.compressor import likely_too_late
from serving.dashboard.queries.own_level import OwnLevel, own_levels
from serving.dashboard.startup import ApiPlace, Startup
from serving.messages.work_orders import WorkOrderAnswer
from tests.serving.dashboard.conftest import NOW, REASON, UNTRUSTED, ShowPage
from tests.serving.dashboard.test_today import html_of

DRAFT = dict.fromkeys(WorkOrderAnswer.model_fields) | {
    **{"work_order_id": "WO-000001", "compressor_id": "C-1", "status": "draft", "priority": 2, "title": "Repair", "description": ""},
    **{"reasons": [], "data_faults": [], "drafted_at": "2026-03-09T06:00:00Z", "drafted_by": "Ana"},
}


def test_a_script_that_leads_to_a_page_keeps_every_parameter() -> None:
    assert going_to("work-orders?order=WO-000001&units=SI") == (
        '<script>window.location.assign("work-orders?order=WO-000001&units=SI")</script>'
    )
    assert "</script><script>" not in going_to("work-orders?order=</script><script>alert(1)")


def button(app: AppTest) -> AppTest:
    return next(item for item in app.button if item.label == "Draft a work order")


def test_it_says_what_is_predicted_and_why(show: ShowPage) -> None:
    page = html_of(show("compressor", id="C-1"))
    for text in ("critical", "2.0 d", "Thu 12 Mar", "$16,554", REASON, "19 d", "Mon 9 Mar 01:00 CDT"):
        assert text in page


def test_a_machine_that_probably_fails_before_its_repair_says_so() -> None:
    row = {"status": "ok", "failure_probability": 0.81, "horizon_days": 3.0, "act_by": date(2026, 3, 12)}
    told = likely_too_late(row, NOW)
    assert told is not None
    assert told.startswith("It will probably fail before the repair: 81 % within 3 days, and parts and a crew are there in 3 days")
    assert likely_too_late({**row, "failure_probability": 0.4}, NOW) is None
    assert likely_too_late({**row, "act_by": date(2026, 3, 10)}, NOW) is None
    assert likely_too_late({**row, "act_by": None}, NOW) is None


def test_sensors_stand_against_their_limits_in_the_units_of_the_address(show: ShowPage) -> None:
    assert "Vibration: 8.20 mm/s, critical" in html_of(show("compressor", id="C-1"))
    assert "Discharge temperature: 212.0 °F, normal" in html_of(show("compressor", id="C-1"))
    assert "Discharge temperature: 100.0 °C, normal" in html_of(show("compressor", id="C-1", units="SI"))


def test_alerts_and_maintenance_are_text(show: ShowPage) -> None:
    page = html_of(show("compressor", id="C-1"))
    assert UNTRUSTED not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") == 2  # in the alert and in the event
    assert 'href="alerts?alert=C-1~vibration_mms_high~20260309T030000Z"' in page


def test_the_address_of_an_unknown_compressor_says_so(show: ShowPage) -> None:
    assert "There is no compressor X-9 in service" in html_of(show("compressor", id="X-9"))


def test_a_compressor_without_predictions_says_what_is_missing(show: ShowPage) -> None:
    page = html_of(show("compressor", id=UNTRUSTED))
    for text in ("no prediction yet", "No readings", "No predictions in this time", "No maintenance event is known"):
        assert text in page


def test_nothing_is_drafted_without_a_service_or_a_name(show: ShowPage, fleet: Startup) -> None:
    missing = button(show("compressor", id="C-1"))
    assert (missing.disabled, missing.help) == (True, "nothing can be written now: the prediction service is starting")
    nameless = button(show("compressor", Startup(fleet.settings, None, ApiPlace("http://127.0.0.1:9", None), ExitStack()), id="C-1"))
    assert (nameless.disabled, nameless.help) == (True, "give your name first, at the top of the page")


def test_a_draft_goes_to_the_service_under_the_planners_name_and_leads_to_it(
    show: ShowPage, fleet: Startup, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v1/work-orders", method="POST", json={"compressor_id": "C-1", "by": "Ana"}).respond_with_json(
        {"work_order": DRAFT, "changes": []}, status=201
    )
    busy = {"title": "Service Unavailable", "status": 503, "detail": "no champion yet", "request_id": "r"}
    httpserver.expect_request("/v1/compressors/C-1/waiting").respond_with_json(busy, status=503)
    app = show("compressor", Startup(fleet.settings, None, ApiPlace(httpserver.url_for("").rstrip("/"), None), fleet.resources), id="C-1")
    app.text_input(key="planner").set_value("Ana").run()
    button(app).click().run()
    assert "503 Service Unavailable: no champion yet" in html_of(app)
    httpserver.check()
    assert app.success[0].value == "Drafted [WO-000001](work-orders?order=WO-000001)"


def test_what_the_service_refuses_is_shown(show: ShowPage, fleet: Startup, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/work-orders").respond_with_json({"detail": "work order WO-000001 is open already"}, status=409)
    app = show("compressor", Startup(fleet.settings, None, ApiPlace(httpserver.url_for("").rstrip("/"), None), fleet.resources), id="C-1")
    app.text_input(key="planner").set_value("Ana").run()
    button(app).click().run()
    assert app.error[0].value == "not written: work order WO-000001 is open already"


def test_the_own_normal_is_that_of_the_life_at_the_moment_once_it_is_learned(rows: psycopg.Connection) -> None:
    began, learned = NOW - timedelta(days=20), NOW - timedelta(days=15)
    for life_from, level in ((began - timedelta(days=40), 9.0), (began, 3.0)):
        rows.execute(
            "INSERT INTO machine_lives (compressor_id, life_from, began_at, learned_at, levels) VALUES ('C-1', %s, %s, %s, %s)",
            [life_from, life_from, learned, Jsonb({"vibration_mms": [level, 0.1]})],
        )
    assert own_levels(rows, "C-1", NOW) == {"vibration_mms": OwnLevel(3.0, 0.1)}
    assert own_levels(rows, "C-1", learned - timedelta(hours=1)) == {}
    assert own_levels(rows, "C-2", NOW) == {}
