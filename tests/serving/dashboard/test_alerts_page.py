"""The page on which alerts are worked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from pytest_httpserver import HTTPServer
from streamlit.testing.v1 import AppTest
from werkzeug import Response

from serving.alerts.alert_rows import AlertChange, AlertFilter, count_listed, select_alerts
from serving.dashboard.display.alerts import details_text, escalated_to
from serving.dashboard.display.formatting import literal
from serving.dashboard.pages.alerts import count_cards
from serving.dashboard.queries.alerts import AlertCounts, alert_counts, alert_details
from serving.dashboard.startup import ApiPlace, Startup
from tests.serving.dashboard.conftest import NOW, UNTRUSTED, ShowPage
from tests.serving.dashboard.test_today import html_of

ID = "C-1~vibration_mms_high~20260309T030000Z"
LEVELS = ["supervisor", "manager"]


def raise_alert(connection: psycopg.Connection, compressor_id: str, alert_type: str, hours: float, **columns: object) -> None:
    """An alert that began `hours` before the moment."""
    begun = NOW - timedelta(hours=hours)
    values = {
        "compressor_id": compressor_id,
        "alert_type": alert_type,
        "alert_timestamp": begun,
        "raised_at": begun,
        "last_seen": NOW,
        "severity": "warning",
        "message": f"{alert_type} of {compressor_id}",
        "source": "threshold",
        **columns,
    }
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    connection.execute(f"INSERT INTO alert_history ({names}) VALUES ({marks})", list(values.values()))


@contextmanager
def answering(fleet: Startup, server: HTTPServer) -> Iterator[Startup]:
    """The pages with a service that is `server`."""
    with ExitStack() as resources:
        yield Startup(fleet.settings, None, ApiPlace(server.url_for("").rstrip("/"), None), resources)


def act(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def test_a_name_from_the_data_is_no_markup_in_a_message() -> None:
    assert literal("![x](https://example.com/x.png) $E$ :red[C_1] ~~gone~~ \\") == (
        r"\!\[x\](https://example.com/x.png) \$E\$ :red\[C\_1\] \~\~gone\~\~ \\"
    )


def test_what_nobody_has_acknowledged_stands_first_the_escalated_before_the_others(rows: psycopg.Connection) -> None:
    raise_alert(rows, "C-2", "discharge_temp_f_high", 5, acknowledged_at=NOW, acknowledged_by="Ana", severity="critical")
    raise_alert(rows, "C-2", "gas_flow_mcf_low", 4, escalation_level=2, escalated_at=NOW)
    raise_alert(
        rows, "C-3", "gas_flow_mcf_low", 2, shelved_at=NOW, shelved_by="Ana", shelved_until=NOW + timedelta(hours=1), shelve_reason="x"
    )
    raise_alert(rows, "C-3", "suction_pressure_psi_low", 6, resolved=True, resolved_at=NOW - timedelta(hours=1))
    found = select_alerts(rows, AlertFilter(), "to be acknowledged first", 10)
    assert [(row.compressor_id, row.state) for row in found] == [
        ("C-2", "raised"),
        ("C-1", "raised"),
        ("C-3", "resolved"),
        ("C-2", "acknowledged"),
        ("C-3", "shelved"),
    ]
    assert alert_counts(rows) == AlertCounts(3, 1, 1, 1, 1, 1, 0)
    assert count_listed(rows, AlertFilter(states=("raised",), compressor_ids=("C-2",))) == 1
    assert count_listed(rows, AlertFilter(sources=("data",))) == 0
    assert [escalated_to(row, LEVELS) for row in found[:2]] == ["manager", None]


def test_an_id_that_names_no_alert_is_left_out(rows: psycopg.Connection) -> None:
    found = alert_details(rows, [ID, "nonsense", "C-9~vibration_mms_high~20260309T030000Z"])
    assert [item.alert.alert_id for item in found] == [ID]


def test_alerts_are_counted_and_their_text_is_shown_as_text(show: ShowPage) -> None:
    page = html_of(show("alerts"))
    for text in ("To be acknowledged", "1 critical", "vibration 8.2 mm/s &lt;img", "3 h ago", f"alert={ID.replace('~', '~')}"):
        assert text in page
    assert UNTRUSTED not in page


def test_the_address_filters_and_chooses_an_alert(show: ShowPage) -> None:
    assert "No alert" in html_of(show("alerts", state="closed"))
    app = show("alerts", alert=ID)
    assert app.multiselect(key="alert").value == [ID]
    assert f"Log of {ID}" in html_of(app)


def test_an_unknown_alert_in_the_address_is_told(show: ShowPage) -> None:
    assert "The address names an alert that is not there" in html_of(show("alerts", alert="C-1~gone~20260309T030000Z"))


def test_without_a_name_nothing_can_be_written_and_the_page_says_why(show: ShowPage) -> None:
    app = show("alerts", alert=ID)
    assert all(button.disabled for button in app.button if button.label in ("Acknowledge", "Bring back", "Close"))
    assert any("nothing can be written now" in caption.value for caption in app.caption)


def test_pages_of_a_past_moment_can_only_be_read(show: ShowPage, fleet: Startup, httpserver: HTTPServer) -> None:
    """The service acts at the home's own moment: a draft or an act would have other numbers than the page."""
    past = Startup(fleet.settings, NOW - timedelta(hours=1), ApiPlace(httpserver.url_for("").rstrip("/"), None))
    app = show("alerts", past, alert=ID)
    app.session_state["planner"] = "Ana"
    app.run()
    assert all(button.disabled for button in app.button if button.label == "Acknowledge")
    assert any("open them without --as-of to write" in caption.value for caption in app.caption)


def test_an_alert_is_acknowledged_through_the_service_under_the_planners_name(
    show: ShowPage, fleet: Startup, httpserver: HTTPServer
) -> None:
    httpserver.expect_ordered_request(f"/v1/alerts/{ID}/acknowledge", "POST", json={"note": "seen", "by": "Ana"}).respond_with_json({})
    with answering(fleet, httpserver) as startup:
        app = show("alerts", startup, alert=ID)
        app.session_state["planner"] = "Ana"
        app.run()
        app.text_input(key="alert_note").set_value("seen").run()
        app = act(app, "Acknowledge")
    httpserver.check_assertions()
    assert not app.exception
    assert [item.value for item in app.success] == ["1 alert acknowledged"]


def test_what_the_service_refuses_is_one_sentence(show: ShowPage, fleet: Startup, httpserver: HTTPServer) -> None:
    refusal = Response('{"detail": "the alert is closed"}', 409, content_type="application/problem+json")
    httpserver.expect_request(f"/v1/alerts/{ID}/acknowledge").respond_with_response(refusal)
    with answering(fleet, httpserver) as startup:
        app = show("alerts", startup, alert=ID)
        app.session_state["planner"] = "Ana"
        app = act(app.run(), "Acknowledge")
    assert "the alert is closed" in app.error[0].value
    assert not app.success


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({"until": "2026-03-10T06:00:00+00:00", "reason": "crew on site"}, "until: Tue 10 Mar 2026 06:00 UTC; reason: crew on site"),
        ({"to": None, "level": 2}, "level: 2"),
        ({}, ""),
    ],
)
def test_details_of_a_change_are_a_sentence(details: dict[str, object], text: str) -> None:
    assert details_text(AlertChange("shelved", datetime(2026, 3, 9, tzinfo=UTC), "Ana", details).details) == text


def test_no_card_is_red_without_a_critical_alert() -> None:
    assert [card.urgency for card in count_cards(AlertCounts(3, 0, 0, 1, 0, 0, 0))] == [None] * 6
