"""/v1/alerts over HTTP: lists, the life of one alert, and what a state does not allow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.serving.api.home import AS_OF, query
from tests.serving.api.running import Running

WARNING, CRITICAL = "C-2~vibration_mms_high~20260309T110000Z", "C-1~discharge_temp_f_high~20260309T100000Z"


@pytest.fixture
def alerts(service: Running) -> Iterator[Running]:
    """Two open alerts: a warning of C-2 and a critical one of C-1."""
    service.client.get("/v1/fleet").raise_for_status()  # the fleet is in the warehouse
    _forget_alerts(service)  # scores raise some too
    query(
        service.home,
        """
        SELECT ensure_month_partitions('alert_history', ARRAY[timestamptz '2026-03-09'])
        """,
    )
    query(
        service.home,
        """
        INSERT INTO alert_history (compressor_id, alert_type, alert_timestamp, raised_at, severity, source, message, value, threshold, last_seen,
                                   reading_count)
        VALUES ('C-2', 'vibration_mms_high', '2026-03-09T11:00Z', '2026-03-09T11:20Z', 'warning', 'threshold', 'vibration', 6.5, 6, '2026-03-09T12:00Z', 7),
               ('C-1', 'discharge_temp_f_high', '2026-03-09T10:00Z', '2026-03-09T10:20Z', 'critical', 'threshold', 'hot', 270, 260, '2026-03-09T12:00Z', 13)
        RETURNING 1
        """,
    )
    yield service
    _forget_alerts(service)


def _forget_alerts(service: Running) -> None:
    for table in ("alert_changes", "alert_history"):
        query(service.home, f"WITH gone AS (DELETE FROM {table} RETURNING 1) SELECT * FROM gone")


def _act(alerts: Running, alert_id: str, name: str, **body: Any) -> tuple[int, Any]:
    answer = alerts.client.post(f"/v1/alerts/{alert_id}/{name}", json=body)
    return answer.status_code, answer.json()


def test_alerts_are_listed_worst_first_and_filtered(alerts: Running) -> None:
    def listed(**asked: Any) -> list[str]:
        answer = alerts.client.get("/v1/alerts", params={"as_of": AS_OF, **asked}).json()
        assert answer["as_of"] == AS_OF
        return [alert["alert_id"] for alert in answer["alerts"]]

    assert listed() == [CRITICAL, WARNING]
    assert listed(severity="warning") == listed(compressor_id="C-2") == listed(offset=1) == [WARNING]
    assert listed(station="STATION-A", source="threshold", limit=1) == [CRITICAL]
    assert listed(state="closed") == listed(assigned_to="Ana") == listed(station="STATION-Z") == []
    assert alerts.client.get("/v1/alerts", params={"limit": 1}).json()["total"] == 2


def test_the_life_of_an_alert_is_told_step_by_step(alerts: Running) -> None:
    until = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    steps: list[tuple[str, dict[str, Any], str]] = [
        ("assign", {"to": "Ben", "by": "Ana"}, "raised"),
        ("shelve", {"until": until.isoformat(), "reason": "crew is there", "by": "Ana"}, "shelved"),
        ("unshelve", {"by": "Ben"}, "raised"),
        ("acknowledge", {"note": "seen"}, "acknowledged"),
    ]
    for name, body, state in steps:
        status, answer = _act(alerts, WARNING, name, **body)
        assert (status, answer["alert"]["state"]) == (200, state), answer
    assert (answer["alert"]["assigned_to"], answer["alert"]["acknowledged_by"], answer["allowed"]) == ("Ben", "local", ["shelve", "assign"])
    told = alerts.client.get(f"/v1/alerts/{WARNING}").json()
    assert [(change["change"], change["changed_by"]) for change in told["changes"]] == [
        ("assigned", "Ana"),
        ("shelved", "Ana"),
        ("unshelved", "Ben"),
        ("acknowledged", "local"),
    ]
    assert told["changes"][1]["details"]["reason"] == "crew is there"
    assert told["changes"][3]["details"] == {"note": "seen"}


def test_a_resolved_alert_is_closed_and_counts_no_more(alerts: Running) -> None:
    query(
        alerts.home,
        "UPDATE alert_history SET resolved = TRUE, resolved_at = '2026-03-09T11:50Z' WHERE compressor_id = 'C-1' RETURNING 1",
    )
    fleet = {row["compressor_id"]: row["open_alerts"] for row in alerts.client.get("/v1/fleet").json()["compressors"]}
    assert (fleet["C-1"], fleet["C-2"]) == (1, 1)
    status, answer = _act(alerts, CRITICAL, "close", by="Ana", note="valve changed")
    assert (status, answer["alert"]["state"], answer["alert"]["closed_by"], answer["allowed"]) == (200, "closed", "Ana", [])
    fleet = {row["compressor_id"]: row["open_alerts"] for row in alerts.client.get("/v1/fleet").json()["compressors"]}
    assert (fleet["C-1"], fleet["C-2"]) == (0, 1)


def test_what_a_state_does_not_allow_is_a_409_that_names_state_and_ways_on(alerts: Running) -> None:
    status, problem = _act(alerts, CRITICAL, "close")
    assert (status, problem["title"], problem["state"], problem["allowed"]) == (
        409,
        "Conflict",
        "raised",
        ["acknowledge", "shelve", "assign"],
    )
    assert query(alerts.home, "SELECT count(*) FROM alert_changes") == [(0,)]


@pytest.mark.parametrize("name", ["altaviz", "AltaViz ", "alta\u00a0viz"])
def test_nobody_acts_under_the_programs_own_name(alerts: Running, name: str) -> None:
    on_alert = _act(alerts, CRITICAL, "acknowledge", by=name)
    answer = alerts.client.post("/v1/work-orders", json={"compressor_id": "C-1", "by": name})
    for status, problem in (on_alert, (answer.status_code, answer.json())):
        assert (status, problem["errors"][0]["field"]) == (422, "by")
        assert "name the person who acts" in problem["errors"][0]["detail"]
    assert query(alerts.home, "SELECT count(*) FROM alert_changes") == [(0,)]


def test_an_alert_is_not_shelved_for_ever_or_into_the_past(alerts: Running) -> None:
    for until in ("2026-03-09T12:00:00Z", "2099-12-31"):
        status, problem = _act(alerts, CRITICAL, "shelve", until=until, reason="later")
        assert (status, problem["errors"][0]["field"]) == (422, "until")


def test_a_home_in_replay_takes_its_own_moment_for_the_time_of_an_act(alerts: Running) -> None:
    query(alerts.home, f"UPDATE view_rules SET replay_as_of = '{AS_OF}' RETURNING 1")
    try:
        _, answer = _act(alerts, CRITICAL, "acknowledge", by="Ana")
    finally:
        query(alerts.home, "UPDATE view_rules SET replay_as_of = NULL RETURNING 1")
    assert (answer["as_of"], answer["is_replay"], answer["alert"]["acknowledged_at"]) == (AS_OF, True, AS_OF)
