"""Events of completed work orders beside those of an events file: none is lost, and no repair counts twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from features.reference_tables.taking_back import EVENT_HISTORY_SCHEMA, EVENT_SCHEMA, Coverage, in_force, merge_events
from features.reference_tables.work_order_events import SAME_REPAIR, add_order_events, count_once

DAY = timedelta(days=1)
START = datetime(2026, 3, 8, 8, tzinfo=UTC)
AT = datetime(2026, 3, 9, 6, tzinfo=UTC)
NONE: pl.DataFrame = pl.DataFrame(schema=EVENT_HISTORY_SCHEMA)


def events(*rows: dict[str, Any]) -> pl.DataFrame:
    blank: dict[str, Any] = dict.fromkeys(EVENT_HISTORY_SCHEMA)
    usual = {"compressor_id": "C-1", "event_date": START, "event_type": "scheduled"}
    return pl.DataFrame([{**blank, **usual, **row} for row in rows], schema=EVENT_HISTORY_SCHEMA)


def order(**values: Any) -> dict[str, Any]:
    return {"work_order_id": "WO-1", "downtime_hours": 6.0, **values}


def file(present: pl.DataFrame, *rows: dict[str, Any]) -> pl.DataFrame:
    """`present` after an events file with `rows` that covers C-1."""
    covers = Coverage("maintenance_events.csv ab12", AT, frozenset({"C-1"}))
    merged, _ = merge_events(present, events(*rows).select(list(EVENT_SCHEMA)), [], covers)
    return count_once(merged, AT)


def counted(rows: pl.DataFrame) -> list[tuple[datetime, str, str | None]]:
    return in_force(rows).sort("event_date").select("event_date", "event_type", "work_order_id").rows()


def test_an_order_event_is_added_once_however_often_it_is_reported() -> None:
    once = add_order_events(NONE, events(order()), AT)
    assert counted(once) == [(START, "scheduled", "WO-1")]
    assert add_order_events(once, events(order()), AT).equals(once)


def test_a_file_without_the_repair_does_not_withdraw_it() -> None:
    taken = add_order_events(events({"event_date": START - 40 * DAY}), events(order()), AT)
    after = file(taken, {"event_date": START - 40 * DAY})
    assert counted(after) == [(START - 40 * DAY, "scheduled", None), (START, "scheduled", "WO-1")]


def test_the_same_repair_in_a_file_counts_instead_and_once() -> None:
    taken = add_order_events(NONE, events(order()), AT)
    for moment in (START - DAY, START + timedelta(hours=3), START + timedelta(hours=6) + DAY):
        after = file(taken, {"event_date": moment, "event_type": "unscheduled"})
        assert counted(after) == [(moment, "unscheduled", None)]
        assert after.filter(pl.col("work_order_id") == "WO-1").select("withdrawn_at", "withdrawn_by").rows() == [(AT, SAME_REPAIR)]
        assert file(after, {"event_date": moment, "event_type": "unscheduled"}).sort("event_date").equals(after.sort("event_date"))


def test_a_repair_days_away_or_of_another_machine_is_another() -> None:
    taken = add_order_events(NONE, events(order()), AT)
    early, late = START - DAY - timedelta(seconds=1), START + timedelta(hours=6, seconds=1) + DAY
    after = file(taken, {"event_date": early}, {"event_date": late}, {"compressor_id": "C-2"})
    assert len(counted(after)) == 4


def test_a_failure_and_the_repair_after_it_are_two_events() -> None:
    after = file(add_order_events(NONE, events(order()), AT), {"event_type": "failure"})
    assert sorted(kind for _, kind, _ in counted(after)) == ["failure", "scheduled"]


def test_the_order_counts_again_when_the_file_drops_its_record() -> None:
    taken = add_order_events(NONE, events(order()), AT)
    doubled = file(taken, {"event_date": START + timedelta(hours=1)})
    after = file(doubled)
    assert counted(after) == [(START, "scheduled", "WO-1")]
    assert after.filter(pl.col("work_order_id") == "WO-1").select("withdrawn_at", "withdrawn_by").rows() == [(None, None)]


def test_one_key_is_one_event_with_the_values_of_the_file() -> None:
    by_file = {"downtime_hours": 5.0, "cost_usd": 900.0}
    first_file = add_order_events(file(NONE, by_file), events(order(cost_usd=1.0)), AT)
    first_order = file(add_order_events(NONE, events(order(cost_usd=1.0)), AT), by_file)
    for after in (first_file, first_order):
        assert after.select("downtime_hours", "cost_usd", "withdrawn_at", "work_order_id").rows() == [(5.0, 900.0, None, "WO-1")]
        assert counted(file(after)) == [(START, "scheduled", "WO-1")]  # the order vouches for it


def test_a_reopened_order_takes_its_event_out() -> None:
    taken = add_order_events(NONE, events(order()), AT)
    reopened = events(order(withdrawn_at=AT, withdrawn_by="Ann: WO-1 reopened"))
    after = add_order_events(taken, reopened, AT)
    assert counted(after) == []
    assert counted(file(after, {"event_date": START})) == [(START, "scheduled", None)]
    assert counted(add_order_events(after, events(order()), AT)) == [(START, "scheduled", "WO-1")]
