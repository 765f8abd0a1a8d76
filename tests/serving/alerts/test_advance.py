from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from serving.alerts.advance import advance_alerts
from serving.alerts.alert_key import AlertKey
from serving.alerts.alert_rows import read_alert, read_changes
from serving.alerts.life_cycle import Act, Shelving, acknowledge, close, shelve, unshelve
from tests.serving.alerts.conftest import NOW, OPEN, H, T, rewrite, stand_at
from tests.serving.alerts.test_escalation import RULES

KEY = AlertKey("C-1", "vibration_mms_high", T)  # raised at T + 1 h, a full hour
ANA = Act("Ana", T + 2 * H)
MINUTE = timedelta(minutes=1)


def _log(connection: psycopg.Connection) -> list[tuple[str, datetime, str, Any]]:
    return [(item.change, item.changed_at, item.changed_by, item.details) for item in read_changes(connection, KEY)]


def test_an_alert_that_nobody_acknowledges_goes_up_and_the_log_says_to_whom(connection: psycopg.Connection) -> None:
    assert advance_alerts(connection, T + 3 * H, RULES) == 1
    alert = read_alert(connection, KEY)
    assert (alert.escalation_level, alert.escalated_at) == (2, T + 3 * H)
    assert _log(connection)[1:] == [
        ("escalated", T + 2 * H, "altaviz", {"level": 1, "to": "supervisor"}),
        ("escalated", T + 3 * H, "altaviz", {"level": 2, "to": "manager"}),
    ]
    assert advance_alerts(connection, T + 3 * H, RULES) == 0
    acknowledge(connection, KEY, Act("Ana", T + 3 * H))
    assert advance_alerts(connection, T + 9 * H, RULES) == 0


def test_a_shelving_that_is_over_ends_in_the_log_and_does_not_escalate_meanwhile(connection: psycopg.Connection) -> None:
    stand_at(connection, T + 90 * MINUTE)
    shelve(connection, KEY, Shelving(T + 3 * H, "wash-down"), Act("Ana", T + 90 * MINUTE), 5 * H)
    assert advance_alerts(connection, T + 3 * H - MINUTE, RULES) == 0
    assert advance_alerts(connection, T + 3 * H + 29 * MINUTE, RULES) == 1
    alert = read_alert(connection, KEY)
    assert (alert.shelved_until, alert.escalation_level) == (None, 0)
    assert _log(connection)[-1] == ("unshelved", T + 3 * H, "altaviz", {})
    assert advance_alerts(connection, T + 3 * H + 30 * MINUTE, RULES) == 1
    assert read_alert(connection, KEY).escalated_at == T + 3 * H + 30 * MINUTE


def test_a_warning_acknowledged_escalates_again_once_it_is_critical_until_somebody_sees_that(connection: psycopg.Connection) -> None:
    stand_at(connection, T + 2 * H)
    acknowledge(connection, KEY, ANA)
    rewrite(connection, replace(OPEN, severity="critical", critical_at=T + 2 * H + MINUTE))
    assert advance_alerts(connection, T + 3 * H + 15 * MINUTE, RULES, open_only=True) == 1
    assert read_alert(connection, KEY).escalated_at == T + 3 * H + 15 * MINUTE
    stand_at(connection, T + 3 * H + 20 * MINUTE)
    acknowledge(connection, KEY, Act("Bob", T + 3 * H + 20 * MINUTE))
    assert advance_alerts(connection, T + 9 * H, RULES) == 0
    assert [row[1:3] for row in _log(connection) if row[0] in ("acknowledged", "escalated")] == [
        (T + 2 * H, "Ana"),
        (T + 2 * H, "altaviz"),
        (T + 3 * H + 15 * MINUTE, "altaviz"),
        (T + 3 * H + 20 * MINUTE, "Bob"),
    ]


def test_late_readings_move_an_escalation_without_telling_it_again(connection: psycopg.Connection) -> None:
    advance_alerts(connection, T + 2 * H, RULES)
    ids = connection.execute("SELECT change_id FROM alert_changes ORDER BY change_id").fetchall()
    rewrite(connection, replace(OPEN, raised_at=T))
    advance_alerts(connection, T + 2 * H, RULES)
    assert [row[:2] for row in _log(connection)] == [("raised", T), ("escalated", T + H), ("escalated", T + 2 * H)]
    assert connection.execute("SELECT change_id FROM alert_changes ORDER BY change_id LIMIT 2").fetchall() == ids
    rewrite(connection, replace(OPEN, raised_at=T + 2 * H))
    advance_alerts(connection, T + 2 * H, RULES)
    assert [row[:2] for row in _log(connection)] == [("raised", T + 2 * H)]
    assert read_alert(connection, KEY).escalation_level == 0


def test_only_a_cycle_looks_at_alerts_that_are_over(connection: psycopg.Connection) -> None:
    rewrite(connection, replace(OPEN, resolved=True, resolved_at=T + 3 * H, settled_at=T + 3 * H))
    assert advance_alerts(connection, NOW, RULES, open_only=True) == 0
    assert advance_alerts(connection, NOW, RULES) == 1
    assert read_alert(connection, KEY).escalation_level == 1


def test_two_alerts_that_become_one_escalate_as_one(connection: psycopg.Connection) -> None:
    rewrite(connection, OPEN, replace(OPEN, alert_timestamp=T + 4 * H, raised_at=T + 4 * H, last_seen=T + 5 * H))
    advance_alerts(connection, T + 6 * H, RULES)
    rewrite(connection, replace(OPEN, last_seen=T + 5 * H))
    advance_alerts(connection, T + 6 * H, RULES)
    levels = [item.details["level"] for item in read_changes(connection, KEY) if item.change == "escalated"]
    assert levels == [1, 2, 3]


def test_alerts_of_a_retired_compressor_do_not_escalate(connection: psycopg.Connection) -> None:
    connection.execute("UPDATE compressor_metadata SET retired_at = now(), retired_by = 'test' WHERE compressor_id = 'C-1'")
    assert advance_alerts(connection, NOW, RULES) == 0


Acts = list[tuple[datetime, str]]


def _do(connection: psycopg.Connection, moment: datetime, what: str) -> None:
    stand_at(connection, moment)
    act, state = Act("Ana", moment), read_alert(connection, KEY).state
    if what == "shelve" and state in ("raised", "acknowledged", "shelved"):
        shelve(connection, KEY, Shelving(moment + 70 * MINUTE, f"at {moment}"), act, 9 * H)
    elif what == "unshelve" and state == "shelved":
        unshelve(connection, KEY, act)
    elif what == "acknowledge" and state != "closed":
        acknowledge(connection, KEY, act)
    elif what == "close" and state == "resolved":
        close(connection, KEY, act)


def _live(connection: psycopg.Connection, acts: Acts, resolved_at: datetime | None, critical_at: datetime | None, step: timedelta) -> Any:
    """Six hours of cycles and acts; time is advanced every `step`. Returns the alert, and its log in order of time."""
    with connection.transaction(force_rollback=True):  # which also ends the locks of its temporary tables
        connection.execute("DELETE FROM alert_changes")
        connection.execute("DELETE FROM alert_history")
        moment, end = T + H, T + 7 * H
        while moment <= end:
            if (moment - T) % H == timedelta():
                resolved = resolved_at if resolved_at is not None and resolved_at <= moment else None
                critical = critical_at if critical_at is not None and critical_at <= moment else None
                now = replace(OPEN, resolved=resolved is not None, resolved_at=resolved, settled_at=resolved, critical_at=critical)
                rewrite(connection, replace(now, severity="critical" if critical else "warning"))
            if (moment - T) % step == timedelta():
                stand_at(connection, moment)
                advance_alerts(connection, moment, RULES, open_only=(moment - T) % H != timedelta())
            for at, what in acts:
                if at == moment:
                    _do(connection, moment, what)
            moment += 20 * MINUTE
        stand_at(connection, end)
        advance_alerts(connection, end, RULES)
        return read_alert(connection, KEY), sorted(_log(connection), key=lambda item: (item[1], item[0], str(item[3])))


_THIRDS = st.integers(4, 20).map(lambda thirds: T + 20 * thirds * MINUTE)
_ACTS = st.lists(
    st.tuples(_THIRDS, st.sampled_from(["shelve", "shelve", "unshelve", "acknowledge", "close"])), max_size=4, unique_by=lambda act: act[0]
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([(T + 100 * MINUTE, "shelve"), (T + 120 * MINUTE, "unshelve"), (T + 200 * MINUTE, "acknowledge")], None, T + 140 * MINUTE)
@given(_ACTS, st.none() | _THIRDS, st.none() | _THIRDS)
def test_a_day_gives_the_same_alert_and_log_in_one_go_hour_by_hour_and_every_twenty_minutes(
    connection: psycopg.Connection, acts: Acts, resolved_at: datetime | None, critical_at: datetime | None
) -> None:
    if critical_at is not None and resolved_at is not None and critical_at > resolved_at:
        critical_at = None
    once, hourly, often = (_live(connection, acts, resolved_at, critical_at, step) for step in (99 * H, H, 20 * MINUTE))
    assert hourly == once
    assert often == once
