"""Which changes of alerts become messages, and for whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from config.sections.planner.notifications import NotificationsConfig
from serving.alerts.advance import advance_alerts
from serving.alerts.alert_key import AlertKey
from serving.alerts.alert_rows import read_alert, read_changes
from serving.alerts.life_cycle import Act, acknowledge, assign
from serving.notifications.news import Told, tell
from serving.warehouse.connection import Warehouse
from tests.serving.alerts.conftest import NOW, OPEN, H, T, connection, rewrite
from tests.serving.alerts.test_escalation import RULES
from tests.serving.notifications.conftest import channels

__all__ = ["connection"]
KEY = AlertKey("C-1", "vibration_mms_high", T)
LOG: dict[str, Any] = {"kind": "log"}
ALL = channels(log=LOG)
CRITICAL = replace(OPEN, severity="critical", critical_at=T + 2 * H)


@pytest.fixture(autouse=True)
def _empty(warehouse: Warehouse) -> None:
    with warehouse.connection() as opened:
        opened.execute("TRUNCATE outbox")


def _messages(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT channel, topic FROM outbox ORDER BY created_at, channel, topic").fetchall()


def _tell(connection: psycopg.Connection, config: NotificationsConfig = ALL) -> Told:
    return tell(connection, config, NOW)


def test_a_change_is_told_once_with_what_the_alert_says(connection: psycopg.Connection) -> None:
    assert [_tell(connection), _tell(connection)] == [Told(messages=1, changes=1), Told()]
    ((payload,),) = connection.execute("SELECT payload FROM outbox").fetchall()
    assert payload == {
        "alert_id": "C-1~vibration_mms_high~20260302T060000Z",
        "alert_type": "vibration_mms_high",
        "assigned_to": None,
        "change": "raised",
        "changed_at": "2026-03-02T07:00:00Z",
        "changed_by": "altaviz",
        "compressor_id": "C-1",
        "details": {"severity": "warning"},
        "escalation_level": 0,
        "message": "vibration 6.5 mm/s is at or above warning 6",
        "model": "Ariel JGK/4",
        "raised_at": "2026-03-02T07:00:00Z",
        "severity": "warning",
        "source": "threshold",
        "station_id": "S-1",
        "threshold": 6.0,
        "value": 6.5,
    }


def test_the_message_is_undone_with_the_change(warehouse: Warehouse) -> None:
    with warehouse.connection() as opened:
        rewrite(opened, OPEN)
        _tell(opened)
        opened.rollback()
        assert opened.execute("SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM alert_changes)").fetchone() == (0, 0)


def test_an_alert_whose_beginning_moves_is_not_told_again(connection: psycopg.Connection) -> None:
    _tell(connection)
    rewrite(connection, replace(OPEN, alert_timestamp=T - H, raised_at=T))
    assert _tell(connection) == Told()


def test_an_alert_that_was_told_is_withdrawn_and_those_who_hear_of_ends_are_told(connection: psycopg.Connection) -> None:
    config = channels(ends=LOG | {"topics": ["alert.raised", "alert.resolved"]}, begins=LOG | {"topics": ["alert.raised"]})
    _tell(connection, config)
    rewrite(connection, replace(OPEN, alert_timestamp=T - H, raised_at=T))  # it is told under its former id
    rewrite(connection)
    moved = replace(KEY, alert_timestamp=T - H)
    assert read_alert(connection, moved).withdrawn
    assert [item.change for item in read_changes(connection, moved)] == ["raised", "withdrawn"]
    assert _tell(connection, config) == Told(messages=1, changes=1)
    assert _messages(connection)[-1] == ("ends", "alert.withdrawn")


def test_an_alert_whose_messages_nobody_got_goes_with_its_log(connection: psycopg.Connection) -> None:
    _tell(connection)
    connection.execute("UPDATE outbox SET given_up_at = now()")
    rewrite(connection)
    assert connection.execute("SELECT count(*) FROM alert_history").fetchone() == (0,)


def _again(connection: psycopg.Connection, now: datetime, *, is_past: bool = False) -> Told:
    """What is told at `now` of changes that nobody was told of."""
    connection.execute("DELETE FROM outbox")
    connection.execute("UPDATE alert_changes SET told_at = NULL")
    return tell(connection, ALL, now, is_past=is_past)


def test_old_news_of_an_alert_that_somebody_has_seen_are_counted_and_not_sent(connection: psycopg.Connection) -> None:
    late = T + H + timedelta(hours=24)
    acknowledge(connection, KEY, Act("Ana", NOW))
    assert _again(connection, late) == Told(messages=1, too_old=0, changes=2)
    assert _again(connection, late + timedelta(seconds=1)) == Told(messages=0, too_old=1, changes=2)


def test_an_alert_that_waits_for_somebody_is_told_however_late_it_was_found(connection: psycopg.Connection) -> None:
    days_later = T + timedelta(days=3)
    rewrite(connection, CRITICAL)
    assert _again(connection, days_later) == Told(messages=2, too_old=0, changes=2)
    assert [topic for _, topic in _messages(connection)] == ["alert.raised", "alert.became_critical"]
    assert _tell(connection) == Told()
    assert _again(connection, days_later, is_past=True) == Told(messages=0, too_old=2, changes=2)
    connection.execute("UPDATE view_rules SET replay_as_of = %s", [NOW])
    assert _again(connection, days_later) == Told(messages=0, too_old=2, changes=2)
    connection.execute("UPDATE view_rules SET replay_as_of = NULL")
    rewrite(connection, replace(CRITICAL, resolved=True, resolved_at=T + 3 * H, settled_at=T + 3 * H))
    assert _again(connection, days_later) == Told(messages=0, too_old=3, changes=3)


def test_a_channel_for_critical_alerts_hears_nothing_of_a_warning_before(connection: psycopg.Connection) -> None:
    config = channels(all=LOG, critical=LOG | {"least_severity": "critical"})
    _tell(connection, config)
    rewrite(connection, CRITICAL)
    _tell(connection, config)
    assert _messages(connection) == [
        ("all", "alert.raised"),
        ("all", "alert.became_critical"),
        ("critical", "alert.became_critical"),
    ]


def test_each_level_hears_of_an_alert_when_it_comes_to_it_and_of_its_end(connection: psycopg.Connection) -> None:
    levels = channels(**{f"level{level}": LOG | {"escalation_levels": [level]} for level in (0, 1, 2)})
    advance_alerts(connection, T + 2 * H, RULES)
    rewrite(connection, replace(OPEN, resolved=True, resolved_at=T + 3 * H, settled_at=T + 3 * H))
    _tell(connection, levels)
    assert set(_messages(connection)) == {
        ("level0", "alert.raised"),
        ("level1", "alert.escalated"),
        ("level0", "alert.resolved"),
        ("level1", "alert.resolved"),
    }


def test_what_people_do_is_told_to_channels_that_ask_for_it(connection: psycopg.Connection) -> None:
    config = channels(log=LOG, work=LOG | {"topics": ["alert.assigned"]})
    acknowledge(connection, KEY, Act("Ana", NOW))
    for name in ("Carla", "Dan", "Carla"):  # at the same moment of a home that replays the past
        assign(connection, KEY, name, Act("Ana", NOW))
    assert _tell(connection, config) == Told(messages=4, changes=5)
    assert _messages(connection) == [("log", "alert.raised"), *[("work", "alert.assigned")] * 3]


def test_two_at_once_share_the_news(warehouse: Warehouse) -> None:
    with warehouse.connection() as opened:
        rewrite(opened, OPEN)
    with warehouse.connection() as first, warehouse.connection() as second:
        assert [_tell(first), _tell(second)] == [Told(messages=1, changes=1), Told()]
