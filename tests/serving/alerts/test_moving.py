"""What people entered follows an alert whose beginning moves, and the log follows too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from config.errors import NotFoundError
from serving.alerts.alert_key import AlertKey
from serving.alerts.alert_rows import AlertFilter, list_alerts, read_alert, read_changes
from serving.alerts.life_cycle import Act, Shelving, acknowledge, assign, close, shelve
from serving.warehouse.alerts import Alert, replace_alerts
from serving.warehouse.connection import Warehouse
from tests.serving.alerts.conftest import NOW, OPEN, H, T, rewrite, stand_at

KEY = AlertKey("C-1", "vibration_mms_high", T)
ANA = Act("Ana", NOW)
EARLIER = replace(OPEN, alert_timestamp=T - H, raised_at=T)
LATER = replace(OPEN, alert_timestamp=T + H, raised_at=T + 2 * H)
ENDED = replace(OPEN, resolved=True, resolved_at=T + 4 * H, settled_at=T + 4 * H)


def _log(connection: psycopg.Connection, key: AlertKey) -> list[tuple[str, object]]:
    return [(item.change, item.changed_at) for item in read_changes(connection, key)]


@pytest.mark.parametrize("moved", [EARLIER, LATER])
def test_all_that_people_entered_moves_and_the_former_id_leads_to_the_alert(connection: psycopg.Connection, moved: Alert) -> None:
    acknowledge(connection, KEY, ANA)
    shelve(connection, KEY, Shelving(NOW + H, "wash-down"), ANA, timedelta(hours=2))
    before = assign(connection, KEY, "Carla", ANA)
    rewrite(connection, moved)
    after = read_alert(connection, KEY)
    assert after.key == replace(KEY, alert_timestamp=moved.alert_timestamp)
    people = ("acknowledged_at", "acknowledged_by", "shelved_at", "shelved_by", "shelved_until", "shelve_reason", "assigned_to", "state")
    assert [getattr(after, name) for name in people] == [getattr(before, name) for name in people]
    assert _log(connection, after.key) == [("raised", moved.raised_at), ("acknowledged", NOW), ("shelved", NOW), ("assigned", NOW)]
    assert read_changes(connection, KEY) == []


def test_a_moved_alert_moves_back_with_its_log(connection: psycopg.Connection) -> None:
    acknowledge(connection, KEY, ANA)
    log = _log(connection, KEY)
    rewrite(connection, EARLIER)
    rewrite(connection, OPEN)
    assert _log(connection, KEY) == log
    assert read_alert(connection, replace(KEY, alert_timestamp=T - H)).key == KEY


def test_two_alerts_that_become_one_are_raised_once_and_keep_all_acts(connection: psycopg.Connection) -> None:
    second = replace(OPEN, alert_timestamp=T + 5 * H, raised_at=T + 5 * H, last_seen=T + 6 * H)
    rewrite(connection, ENDED, second)
    acknowledge(connection, KEY, ANA)
    assign(connection, replace(KEY, alert_timestamp=T + 5 * H), "Carla", ANA)
    rewrite(connection, replace(EARLIER, last_seen=T + 6 * H))
    merged = read_alert(connection, replace(KEY, alert_timestamp=T + 5 * H))
    assert (merged.acknowledged_by, merged.assigned_to) == ("Ana", "Carla")
    assert _log(connection, merged.key) == [("raised", T), ("acknowledged", NOW), ("assigned", NOW)]


@pytest.mark.parametrize(("second_seen", "state", "by"), [(False, "raised", None), (True, "acknowledged", "Bob")])
def test_an_old_acknowledgement_does_not_hide_a_critical_alert_that_late_readings_join_to_it(
    connection: psycopg.Connection, second_seen: bool, state: str, by: str | None
) -> None:
    acknowledge(connection, KEY, ANA)
    worse = replace(OPEN, alert_timestamp=NOW + H, raised_at=NOW + H, critical_at=NOW + H, severity="critical", last_seen=NOW + 2 * H)
    rewrite(connection, ENDED, worse)
    stand_at(connection, NOW + 2 * H)
    if second_seen:
        acknowledge(connection, replace(KEY, alert_timestamp=NOW + H), Act("Bob", NOW + 2 * H))
    rewrite(connection, replace(OPEN, critical_at=NOW + H, severity="critical", last_seen=NOW + 2 * H))
    merged = read_alert(connection, KEY)
    assert (merged.state, merged.acknowledged_by) == (state, by)


def test_an_alert_that_falls_into_two_leaves_its_log_with_both(connection: psycopg.Connection) -> None:
    acknowledge(connection, KEY, ANA)
    first = replace(ENDED, alert_timestamp=T - H, raised_at=T - H, last_seen=T + H)
    second = replace(OPEN, alert_timestamp=T + 2 * H, raised_at=T + 2 * H)
    rewrite(connection, first, second)
    assert [row.acknowledged_by for row in list_alerts(connection, AlertFilter(states=("acknowledged", "closed")), 10).alerts] == [
        "Ana"
    ] * 2
    assert [len(read_changes(connection, replace(KEY, alert_timestamp=item.alert_timestamp))) for item in (first, second)] == [3, 2]


def test_an_alert_that_nobody_touched_goes_with_its_log(connection: psycopg.Connection) -> None:
    rewrite(connection)
    assert connection.execute("SELECT count(*) FROM alert_changes").fetchone() == (0,)
    with pytest.raises(NotFoundError):
        read_alert(connection, KEY)


def test_a_withdrawn_alert_says_when_that_was_found(connection: psycopg.Connection) -> None:
    assign(connection, KEY, "Carla", ANA)
    rewrite(connection)
    stand_at(connection, NOW + H)
    rewrite(connection)
    assert _log(connection, KEY) == [("raised", T + H), ("assigned", NOW), ("withdrawn", NOW)]
    rewrite(connection, OPEN)
    assert _log(connection, KEY) == [("raised", T + H), ("assigned", NOW)]


def test_a_closed_alert_that_late_readings_prolong_is_open_again(connection: psycopg.Connection) -> None:
    rewrite(connection, ENDED)
    close(connection, KEY, ANA)
    rewrite(connection, replace(ENDED, alert_timestamp=T - H, raised_at=T))
    assert read_alert(connection, KEY).state == "closed"
    rewrite(connection, replace(EARLIER, last_seen=T + 5 * H))
    assert read_alert(connection, KEY).state == "raised"


def test_the_log_follows_the_alerts_and_is_written_once(connection: psycopg.Connection) -> None:
    rewrite(connection, replace(ENDED, severity="critical", critical_at=T + 2 * H))
    assert _log(connection, KEY) == [("raised", T + H), ("became_critical", T + 2 * H), ("resolved", T + 4 * H)]
    newest = connection.execute("SELECT max(change_id), count(*) FROM alert_changes").fetchone()
    rewrite(connection, replace(ENDED, severity="critical", critical_at=T + 2 * H))
    assert connection.execute("SELECT max(change_id), count(*) FROM alert_changes").fetchone() == newest
    rewrite(connection, replace(OPEN, severity="critical", critical_at=T + H))
    assert [(item.change, item.details) for item in read_changes(connection, KEY)] == [("raised", {"severity": "critical"})]


def test_the_log_of_other_sources_and_compressors_is_left_alone(connection: psycopg.Connection) -> None:
    mine = replace(OPEN, alert_type="rul_low", source="prediction")
    replace_alerts(connection, [mine], {"C-1": T}, ["prediction"])
    connection.execute("UPDATE alert_changes SET details = '{}'")
    replace_alerts(connection, [mine], {"C-2": T}, ["prediction"])
    assert connection.execute("SELECT count(*) FROM alert_changes WHERE details = '{}'").fetchone() == (2,)
    replace_alerts(connection, [mine], {"C-1": T}, ["prediction"])
    assert connection.execute("SELECT alert_type FROM alert_changes WHERE details = '{}'").fetchall() == [("vibration_mms_high",)]


def test_a_planner_at_work_on_an_alert_that_moves_loses_nothing(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        rewrite(connection, OPEN)
    with warehouse.connection() as planner, warehouse.connection() as cycle:
        stand_at(planner, NOW)
        acknowledge(planner, KEY, ANA)
        cycle.execute("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):  # the cycle waits instead of deleting what it read before
            rewrite(cycle, EARLIER)
        cycle.rollback()
        planner.commit()
        rewrite(cycle, EARLIER)
        cycle.commit()
        stand_at(planner, NOW)
        assert acknowledge(planner, KEY, Act("Bob", NOW)).acknowledged_by == "Ana"
