from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from serving.warehouse.alerts import (
    Alert,
    AlertCounts,
    Source,
    alert_lock,
    alerted_since,
    count_alerts,
    live_since,
    replace_alerts,
    try_all_alerts,
)
from serving.warehouse.connection import Warehouse
from tests.serving.warehouse.test_tables import T

H = timedelta(hours=1)
OPEN = Alert(
    compressor_id="C-1",
    alert_type="vibration_mms_high",
    alert_timestamp=T,
    raised_at=T,
    critical_at=None,
    severity="warning",
    message="vibration 6.5 mm/s is at or above warning 6",
    value=6.5,
    threshold=6.0,
    last_seen=T + H,
    reading_count=7,
    resolved=False,
    resolved_at=None,
    settled_at=None,
)
RESOLVED = replace(OPEN, compressor_id="C-2", resolved=True, resolved_at=T + 2 * H, settled_at=T + 2 * H, suppressed=["gas_flow_mcf_low"])
ALL = None
READINGS: Final[tuple[Source, ...]] = ("threshold", "own_normal", "data")


def _replace(warehouse: Warehouse, *alerts: Alert, since: dict[str, datetime] | None = ALL) -> int:
    with warehouse.connection() as connection:
        alert_lock(connection)
        return replace_alerts(connection, alerts, since, READINGS)


def _acknowledge(warehouse: Warehouse, alert: Alert, by: str = "planner") -> None:
    with warehouse.connection() as connection:
        done = connection.execute(
            "UPDATE alert_history SET acknowledged_at = %s, acknowledged_by = %s WHERE (compressor_id, alert_timestamp) = (%s, %s)",
            [T, by, alert.compressor_id, alert.alert_timestamp],
        )
        assert done.rowcount == 1


def _rows(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    query = """
        SELECT compressor_id, alert_timestamp, acknowledged_by, resolved, withdrawn
        FROM alert_history ORDER BY compressor_id, alert_timestamp
    """
    with warehouse.connection() as connection:
        return connection.execute(query).fetchall()


def test_alerts_are_written_once_and_counted(warehouse: Warehouse) -> None:
    assert [_replace(warehouse, OPEN, RESOLVED) for _ in range(2)] == [2, 0]
    with warehouse.connection() as connection:
        assert count_alerts(connection) == AlertCounts(
            raised=2, open=1, suppressed=1, withdrawn=0, data_raised=0, data_open=0, data_withdrawn=0
        )
        active = connection.execute("SELECT compressor_id, last_seen, reading_count, suppressed FROM v_active_alerts").fetchall()
    assert active == [("C-1", T + H, 7, [])]


def test_what_is_not_raised_any_more_goes_but_only_in_reach(warehouse: Warehouse) -> None:
    earlier = replace(RESOLVED, compressor_id="C-1", alert_timestamp=T - 5 * H, last_seen=T - 4 * H)
    _replace(warehouse, earlier, OPEN, RESOLVED)
    assert _replace(warehouse, since={"C-1": T}) == 1
    assert [row[:2] for row in _rows(warehouse)] == [("C-1", T - 5 * H), ("C-2", T)]
    assert _replace(warehouse) == 2
    assert _rows(warehouse) == []


def test_alerts_of_another_source_are_left_alone(warehouse: Warehouse) -> None:
    _replace(warehouse, OPEN)
    with warehouse.connection() as connection:
        connection.execute("UPDATE alert_history SET source = 'prediction'")
    assert _replace(warehouse) == 0
    with warehouse.connection() as connection:
        assert live_since(connection, {"C-1": T + H}, READINGS) == {}
        assert live_since(connection, {"C-1": T + H}, ["prediction"]) == {"C-1": T}
        assert replace_alerts(connection, [], ALL, ["prediction"]) == 1


def test_acknowledgement_and_escalation_survive_a_rewrite(warehouse: Warehouse) -> None:
    _replace(warehouse, OPEN)
    _acknowledge(warehouse, OPEN)
    with warehouse.connection() as connection:
        connection.execute("UPDATE alert_history SET escalation_level = 2")
    assert _replace(warehouse, replace(OPEN, severity="critical", value=8.5)) == 1
    with warehouse.connection() as connection:
        row = connection.execute("SELECT severity, acknowledged_by, escalation_level FROM alert_history").fetchone()
    assert row == ("critical", "planner", 2)


def test_acknowledgement_moves_with_the_beginning_of_its_alert(warehouse: Warehouse) -> None:
    _replace(warehouse, OPEN)
    _acknowledge(warehouse, OPEN)
    begun_before = replace(OPEN, alert_timestamp=T - H, reading_count=13)
    assert _replace(warehouse, begun_before) == 2
    assert _rows(warehouse) == [("C-1", T - H, "planner", False, False)]


def test_of_two_acknowledged_alerts_that_become_one_the_first_acknowledgement_stays(warehouse: Warehouse) -> None:
    second = replace(OPEN, alert_timestamp=T + 3 * H, last_seen=T + 4 * H)
    _replace(warehouse, OPEN, second)
    _acknowledge(warehouse, OPEN, "first")
    _acknowledge(warehouse, second, "second")
    _replace(warehouse, replace(OPEN, alert_timestamp=T - H, last_seen=T + 4 * H))
    assert _rows(warehouse) == [("C-1", T - H, "first", False, False)]


def test_an_acknowledged_alert_that_the_readings_do_not_show_is_closed_as_withdrawn(warehouse: Warehouse) -> None:
    _replace(warehouse, OPEN, RESOLVED)
    _acknowledge(warehouse, OPEN)
    assert _replace(warehouse) == 2
    assert _rows(warehouse) == [("C-1", T, "planner", True, True)]
    assert _replace(warehouse) == 0
    with warehouse.connection() as connection:
        assert count_alerts(connection) == AlertCounts(
            raised=0, open=0, suppressed=0, withdrawn=1, data_raised=0, data_open=0, data_withdrawn=0
        )
        assert alerted_since(connection, T, READINGS) == set()
    assert _replace(warehouse, OPEN) == 1
    assert _rows(warehouse) == [("C-1", T, "planner", False, False)]


def test_an_alert_is_live_until_it_is_settled(warehouse: Warehouse) -> None:
    _replace(warehouse, OPEN, RESOLVED)
    with warehouse.connection() as connection:
        late, settled = T + 9 * H, T + 2 * H
        assert live_since(connection, {"C-1": late, "C-2": late, "C-3": late}, READINGS) == {"C-1": T}
        assert live_since(connection, {"C-2": settled}, READINGS) == {"C-2": T}
        assert live_since(connection, {"C-1": T}, READINGS) == {}
        assert [alerted_since(connection, T + hours * H, READINGS) for hours in (1, 2, 3)] == [{"C-1", "C-2"}, {"C-2"}, set()]


def test_a_second_writer_waits_for_the_first(warehouse: Warehouse) -> None:
    with warehouse.connection() as first, warehouse.connection() as second:
        alert_lock(first)
        assert not try_all_alerts(second)
        first.rollback()
        second.rollback()
        assert try_all_alerts(second)
        assert not try_all_alerts(first)
