from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest

from config.errors import ConflictError, NotFoundError, RequestError
from serving.alerts.alert_key import AlertKey, parse_alert_id
from serving.alerts.alert_rows import AlertFilter, AlertRow, list_alerts, read_alert, read_changes
from serving.alerts.life_cycle import Act, Shelving, acknowledge, allowed, assign, close, shelve, unshelve
from serving.warehouse.connection import Warehouse
from tests.serving.alerts.conftest import NOW, OPEN, H, T, rewrite, stand_at

KEY = AlertKey("C-1", "vibration_mms_high", T)
MORNING = Act("Ana", NOW)
DAY = timedelta(hours=24)
LUNCH = Shelving(NOW + 2 * H, "wash-down of the cylinder")
RESOLVED = replace(OPEN, resolved=True, resolved_at=T + 4 * H, settled_at=T + 4 * H)


def _log(connection: psycopg.Connection, key: AlertKey = KEY) -> list[tuple[str, str]]:
    return [(item.change, item.changed_by) for item in read_changes(connection, key) if item.changed_by != "altaviz"]


def test_an_id_is_the_views_and_comes_back_as_its_key(connection: psycopg.Connection) -> None:
    alert = read_alert(connection, KEY)
    assert alert.alert_id == KEY.alert_id == "C-1~vibration_mms_high~20260302T060000Z"
    assert parse_alert_id(alert.alert_id) == KEY
    assert parse_alert_id("a~b~vibration_mms_high~20260302T060000Z").compressor_id == "a~b"


@pytest.mark.parametrize("text", ["", "C-1", "C-1~x~y", "~x~20260302T060000Z", "C\x00~x~20260302T060000Z", "C-1~x~20261302T060000Z"])
def test_text_that_is_no_id_names_nothing(text: str) -> None:
    with pytest.raises(NotFoundError, match="is no id of an alert"):
        parse_alert_id(text)


def test_an_acknowledgement_is_kept_with_its_note_and_written_once(connection: psycopg.Connection) -> None:
    seen = acknowledge(connection, KEY, Act("Ana", NOW, "crew is on its way"))
    assert (seen.state, seen.acknowledged_by, seen.acknowledged_at) == ("acknowledged", "Ana", NOW)
    assert acknowledge(connection, KEY, Act("Bob", NOW + H)) == seen
    assert read_changes(connection, KEY)[-1].details == {"note": "crew is on its way"}
    assert _log(connection) == [("acknowledged", "Ana")]


def test_an_acknowledged_warning_that_becomes_critical_asks_for_another_acknowledgement(connection: psycopg.Connection) -> None:
    acknowledge(connection, KEY, MORNING)
    worse = replace(OPEN, severity="critical", critical_at=NOW + H, last_seen=NOW + H)
    rewrite(connection, worse)
    assert read_alert(connection, KEY).state == "acknowledged"  # as it was at NOW
    stand_at(connection, NOW + H)
    again = read_alert(connection, KEY)
    assert (again.state, again.acknowledged_at, again.acknowledged_by) == ("raised", None, None)
    assert "acknowledge" in allowed(again)
    shelved = shelve(connection, KEY, replace(LUNCH, until=NOW + 2 * H), Act("Bob", NOW + H), DAY)
    assert (shelved.state, "acknowledge" in allowed(shelved)) == ("shelved", True)
    unshelve(connection, KEY, Act("Bob", NOW + H))
    seen = acknowledge(connection, KEY, Act("Bob", NOW + H))
    assert (seen.state, seen.acknowledged_by) == ("acknowledged", "Bob")
    assert [entry for entry in _log(connection) if entry[0] == "acknowledged"] == [("acknowledged", "Ana"), ("acknowledged", "Bob")]


def test_a_critical_alert_that_resolves_waits_for_somebody_although_its_warning_was_acknowledged(connection: psycopg.Connection) -> None:
    acknowledge(connection, KEY, MORNING)
    stand_at(connection, NOW + 3 * H)
    ended = NOW + 2 * H
    rewrite(connection, replace(RESOLVED, severity="critical", critical_at=NOW + H, resolved_at=ended, settled_at=ended))
    assert read_alert(connection, KEY).state == "resolved"
    assert acknowledge(connection, KEY, Act("Bob", NOW + 3 * H)).state == "closed"


def test_a_shelved_alert_returns_by_itself(connection: psycopg.Connection) -> None:
    shelved = shelve(connection, KEY, LUNCH, MORNING, DAY)
    assert (shelved.state, shelved.shelved_until, shelved.shelve_reason) == ("shelved", NOW + 2 * H, "wash-down of the cylinder")
    assert shelve(connection, KEY, LUNCH, Act("Bob", NOW), DAY) == shelved
    assert _log(connection) == [("shelved", "Ana")]
    stand_at(connection, NOW + 2 * H)
    assert read_alert(connection, KEY).state == "raised"


def test_shelving_anew_and_unshelving_are_both_kept(connection: psycopg.Connection) -> None:
    shelve(connection, KEY, LUNCH, MORNING, DAY)
    shelve(connection, KEY, replace(LUNCH, until=NOW + 3 * H), MORNING, DAY)
    back = unshelve(connection, KEY, Act("Bob", NOW))
    assert (back.state, back.shelved_until) == ("raised", None)
    assert unshelve(connection, KEY, MORNING) == back
    assert _log(connection) == [("shelved", "Ana"), ("shelved", "Ana"), ("unshelved", "Bob")]


@pytest.mark.parametrize("until", [NOW, NOW - H, NOW + DAY + timedelta(seconds=1)])
def test_shelving_until_the_past_or_for_too_long_is_refused(connection: psycopg.Connection, until: datetime) -> None:
    with pytest.raises(RequestError, match=r"^until: must lie after 2026-03-02T12:00:00Z and not after 2026-03-03T12:00:00Z$"):
        shelve(connection, KEY, replace(LUNCH, until=until), MORNING, DAY)


def test_work_goes_to_a_person_and_may_be_taken_back(connection: psycopg.Connection) -> None:
    assert assign(connection, KEY, "Carla", MORNING) == assign(connection, KEY, "Carla", MORNING)
    assert list_alerts(connection, AlertFilter(assigned_to="Carla"), 10).total == 1
    assert assign(connection, KEY, None, MORNING).assigned_to is None
    assert [(item.change, item.details) for item in read_changes(connection, KEY)][-2:] == [
        ("assigned", {"to": "Carla"}),
        ("assigned", {"to": None}),
    ]


def test_only_a_resolved_alert_is_closed_and_only_once(connection: psycopg.Connection) -> None:
    with pytest.raises(ConflictError, match="it is raised, which allows acknowledge, shelve, assign") as refused:
        close(connection, KEY, MORNING)
    assert (refused.value.state, refused.value.allowed) == ("raised", ("acknowledge", "shelve", "assign"))
    rewrite(connection, RESOLVED)
    assert read_alert(connection, KEY).state == "resolved"
    closed = close(connection, KEY, MORNING)
    assert (closed.state, closed.closed_by) == ("closed", "Ana")
    assert close(connection, KEY, Act("Bob", NOW)) == closed
    assert _log(connection) == [("closed", "Ana")]
    assert list_alerts(connection, AlertFilter(), 10).total == 0
    assert list_alerts(connection, AlertFilter(states=("closed",)), 10).total == 1


def test_an_acknowledged_alert_is_closed_when_it_resolves_and_a_person_may_still_close_it(connection: psycopg.Connection) -> None:
    acknowledge(connection, KEY, MORNING)
    rewrite(connection, RESOLVED)
    assert read_alert(connection, KEY).state == "closed"
    assert close(connection, KEY, MORNING).closed_by == "Ana"


def test_a_withdrawn_alert_can_be_closed(connection: psycopg.Connection) -> None:
    acknowledge(connection, KEY, MORNING)
    rewrite(connection)
    alert = read_alert(connection, KEY)
    assert (alert.withdrawn, allowed(alert)) == (True, ("close",))
    assert close(connection, KEY, MORNING).closed_by == "Ana"


Doing = Callable[[psycopg.Connection], AlertRow]


@pytest.mark.parametrize(
    ("what", "doing"),
    [
        ("shelve", lambda connection: shelve(connection, KEY, LUNCH, MORNING, DAY)),
        ("unshelve", lambda connection: unshelve(connection, KEY, MORNING)),
    ],
)
def test_a_resolved_alert_is_neither_shelved_nor_unshelved(connection: psycopg.Connection, what: str, doing: Doing) -> None:
    rewrite(connection, RESOLVED)
    with pytest.raises(ConflictError, match=f"cannot {what} alert C-1~vibration_mms_high~20260302T060000Z .*it is resolved"):
        doing(connection)
    assert _log(connection) == []


@pytest.mark.parametrize("name", ["", "  ", "A" * 101, "Ana\nBob", "A\x1b[31m", "A\u202e"])
def test_a_name_that_cannot_be_kept_or_shown_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match=r"^by: "):
        Act(name, NOW)


def test_acts_on_an_alert_that_is_not_there_are_refused(connection: psycopg.Connection) -> None:
    with pytest.raises(NotFoundError, match="there is no alert C-2~vibration_mms_high~20260302T060000Z"):
        acknowledge(connection, replace(KEY, compressor_id="C-2"), MORNING)


def test_a_list_has_the_worst_first_and_comes_in_pages(connection: psycopg.Connection) -> None:
    worse = replace(OPEN, compressor_id="C-2", severity="critical", critical_at=T + 2 * H)
    newer = replace(OPEN, compressor_id="C-3", raised_at=T + 2 * H, source="data")
    rewrite(connection, OPEN, worse, newer)
    assert [row.compressor_id for row in list_alerts(connection, AlertFilter(), 10).alerts] == ["C-2", "C-3", "C-1"]
    page = list_alerts(connection, AlertFilter(severities=("warning",)), 1, 1)
    assert ([row.compressor_id for row in page.alerts], page.total) == (["C-1"], 2)
    filters = [
        AlertFilter(sources=("data",)),
        AlertFilter(compressor_ids=("C-2",)),
        AlertFilter(station_ids=("S-2",)),
        AlertFilter(states=("shelved",)),
    ]
    assert [list_alerts(connection, wanted, 10).total for wanted in filters] == [1, 1, 0, 0]


def test_of_two_planners_at_once_the_second_waits_and_finds_it_done(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        rewrite(connection, OPEN)
    with warehouse.connection() as first, warehouse.connection() as second:
        for planner in (first, second):
            stand_at(planner, NOW)
        acknowledge(first, KEY, MORNING)
        second.execute("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            acknowledge(second, KEY, Act("Bob", NOW))
        second.rollback()
        first.commit()
        stand_at(second, NOW)
        assert acknowledge(second, KEY, Act("Bob", NOW)).acknowledged_by == "Ana"
        assert _log(second) == [("acknowledged", "Ana")]
