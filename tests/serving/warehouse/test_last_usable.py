"""A prediction without numbers, or of the future, hides no usable one: in views, fleet and reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from pipelines.operations.status import describe_standing
from pipelines.views.fleet import describe_usable
from serving.assessment import Status
from serving.schemas import Compressor, MaintenanceEvent, Prediction, report_rows
from serving.warehouse.connection import Warehouse
from serving.warehouse.decisions import ModelDecision, Outcome, upsert_decision
from serving.warehouse.tables import (
    count_future_predictions,
    last_usable,
    latest_predictions,
    predictions_of_a_moment,
    upsert_compressors,
    upsert_events,
    upsert_predictions,
    write_view_rules,
)
from tests.serving.gold import SCORING
from tests.serving.warehouse.test_tables import OK, STALE, T

NUMBERS = ("status", "rul_days", "health", "prediction_timestamp", "status_timestamp", "age_hours", "rul_days_now")
HEALTHY = replace(OK, rul_days=18.0, rul_lower_days=12.0, rul_upper_days=25.0, health="healthy", failure_probability=0.01)


def _without(prediction: Prediction, status: Status, hours: float) -> Prediction:
    """The row of the same compressor, scored `hours` later without a number."""
    later = prediction.prediction_timestamp + timedelta(hours=hours)
    named = {"compressor_id": prediction.compressor_id, "prediction_timestamp": later, "status": status}
    return replace(STALE, **named, reasons=[f"{status} since"])


def _fleet(connection: psycopg.Connection, as_of: datetime | None = None) -> dict[str, tuple[Any, ...]]:
    """By compressor, in the order of the ranking: NUMBERS."""
    return {row.compressor_id: tuple(getattr(row, name) for name in NUMBERS) for row in latest_predictions(connection, as_of)}


def _summary(connection: psycopg.Connection, as_of: datetime) -> list[tuple[Any, ...]]:
    connection.execute("SELECT set_config('altaviz.as_of', %s, TRUE)", [as_of.isoformat()])
    query = """SELECT compressor_id, health_status, status, rul_days::float8, age_hours::float8, rul_days_now::float8
               FROM v_fleet_health_summary ORDER BY health_rank DESC, rul_days_now NULLS LAST, compressor_id"""
    return connection.execute(query).fetchall()


@pytest.mark.parametrize("status", ["stale", "insufficient_history", "bad_data"])
def test_a_row_without_numbers_hides_no_usable_one(warehouse: Warehouse, status: Status) -> None:
    ailing = replace(OK, rul_days=4.25)
    others = [replace(HEALTHY, compressor_id="C-2", prediction_timestamp=T + timedelta(hours=30)), replace(STALE, compressor_id="C-3")]
    fault = {"sensor": "vibration_mms", "fault": "frozen", "since": "2026-03-09T00:00:00Z", "detail": "no change"}
    later = [replace(_without(ailing, status, hours), data_faults=[fault]) for hours in (6, 12)]
    with warehouse.connection() as connection:
        upsert_predictions(connection, [replace(OK, prediction_timestamp=T - timedelta(hours=1), rul_days=5.0), ailing, *others, *later])
        now = T + timedelta(hours=30)
        shown, (first, *_) = _fleet(connection, now), latest_predictions(connection, now)
        summary = _summary(connection, now)
    assert list(shown) == ["C-1", "C-2", "C-3"]
    assert shown["C-1"] == (status, 4.25, "critical", T, T + timedelta(hours=12), 30.0, 3.0)
    assert shown["C-3"] == ("stale", None, None, T, T, 30.0, None)
    assert (first.reasons, first.data_faults) == ([f"{status} since", "vibration is critical"], [fault])
    assert (first.act_by, first.failure_probability, first.features_used) == (OK.act_by, 0.25, OK.features_used)
    assert summary == [
        ("C-1", "critical", status, 4.25, 30.0, 3.0),
        ("C-2", "healthy", "ok", 18.0, 0.0, 18.0),
        ("C-3", "unknown", "stale", None, 30.0, None),
    ]


def test_the_ranking_and_the_health_go_by_what_is_left_of_the_life(warehouse: Warehouse) -> None:
    now = T + timedelta(days=12)
    silent = [replace(HEALTHY, compressor_id=name, rul_days=days) for name, days in (("C-1", 18.0), ("C-2", 12.5))]
    current = replace(OK, compressor_id="C-3", prediction_timestamp=now, rul_days=4.0)
    with warehouse.connection() as connection:
        upsert_predictions(connection, [*silent, *(_without(row, "stale", 4) for row in silent), current])
        then = {name: row[2] for name, row in _fleet(connection, T + timedelta(days=3)).items()}
        later = {name: (row[2], row[-1]) for name, row in _fleet(connection, now).items()}
        used_up = {name: (row[2], row[-1]) for name, row in _fleet(connection, T + timedelta(days=40)).items()}
    assert then == {"C-2": "warning", "C-1": "healthy"}
    assert later == {"C-2": ("critical", 0.5), "C-3": ("critical", 4.0), "C-1": ("critical", 6.0)}
    assert list(later) == ["C-2", "C-3", "C-1"]
    # nothing is left of any: by the life they had then
    assert (list(used_up), {row[-1] for row in used_up.values()}) == (["C-3", "C-2", "C-1"], {0.0})


def test_an_old_usable_row_that_is_the_newest_gets_worse_as_its_life_runs_down(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        upsert_predictions(connection, [HEALTHY])
        shown = {days: _fleet(connection, T + timedelta(days=days))["C-1"] for days in (0, 3, 4, 10, 11, 30)}
        ranked = {days: _summary(connection, T + timedelta(days=days))[0][1] for days in (3, 4, 11)}
    assert {days: row[2] for days, row in shown.items()} == {
        0: "healthy", 3: "healthy", 4: "warning", 10: "warning", 11: "critical", 30: "critical",
    }  # fmt: skip
    assert ranked == {3: "healthy", 4: "warning", 11: "critical"}
    assert shown[30] == ("ok", 18.0, "critical", T, T, 720.0, 0.0)


def test_a_short_life_that_was_found_worse_stays_worse(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        upsert_predictions(connection, [replace(HEALTHY, health="critical")])
        assert _fleet(connection, T)["C-1"][2] == "critical"


@pytest.mark.parametrize(
    ("event", "holds"),
    [
        (MaintenanceEvent("C-1", T + timedelta(hours=4), "unscheduled"), False),
        (MaintenanceEvent("C-1", T + timedelta(hours=4), "failure", downtime_hours=18.0), False),
        (MaintenanceEvent("C-1", T - timedelta(hours=23), "scheduled"), False),  # the window holds readings from before it
        (MaintenanceEvent("C-1", T - timedelta(hours=40), "failure", downtime_hours=20.0), False),  # the same: it ran again only then
        (MaintenanceEvent("C-1", T - timedelta(hours=24), "scheduled"), True),
        (MaintenanceEvent("C-1", T - timedelta(hours=40), "scheduled", downtime_hours=1e9), True),  # a slip of the pen
        (MaintenanceEvent("C-1", T + timedelta(hours=4), "inspection"), True),
        (MaintenanceEvent("C-1", T + timedelta(days=9), "scheduled"), True),  # planned
        (MaintenanceEvent("C-2", T + timedelta(hours=4), "failure"), True),
        (MaintenanceEvent("C-1", T + timedelta(hours=4), "failure", withdrawn_at=T, withdrawn_by="events.csv"), True),
    ],
)
def test_numbers_from_before_a_repair_are_not_shown(warehouse: Warehouse, event: MaintenanceEvent, holds: bool) -> None:
    now = T + timedelta(hours=12)
    with warehouse.connection() as connection:
        upsert_predictions(connection, [replace(OK, prediction_timestamp=T - timedelta(days=2)), OK, _without(OK, "stale", 6)])
        upsert_events(connection, [event])
        shown = _fleet(connection, now)["C-1"]
    if holds:
        assert shown == ("stale", 4.25, "critical", T, T + timedelta(hours=6), 12.0, 3.75)
    else:
        assert shown == ("stale", None, None, T + timedelta(hours=6), T + timedelta(hours=6), 6.0, None)


def test_numbers_of_a_model_that_was_rolled_back_from_do_not_come_back(warehouse: Warehouse) -> None:
    def shown(now: datetime) -> tuple[Any, ...]:
        (row,) = latest_predictions(connection, now, ["C-1"])
        return row.model_version, row.rul_days

    def decide(hours: float, decision: Outcome, version: str, before: str | None) -> None:
        upsert_decision(connection, ModelDecision(version, T + timedelta(hours=hours), decision, "operator", previous_version=before))

    earlier = replace(OK, prediction_timestamp=T - timedelta(hours=6), rul_days=5.5, model_version="1")
    with warehouse.connection() as connection:
        later = _without(replace(OK, model_version="1"), "stale", 12)
        upsert_predictions(connection, [earlier, replace(OK, model_version="2"), later])
        decide(-8, "promoted", "1", None)
        decide(-2, "promoted", "2", "1")
        now = T + timedelta(hours=12)
        assert shown(now) == ("2", 4.25)
        decide(6, "rolled_back", "1", "2")
        assert shown(now) == ("1", 5.5)
        # a service that still runs with the rejected model
        upsert_predictions(connection, [replace(OK, prediction_timestamp=T + timedelta(hours=7), rul_days=3.5, model_version="2")])
        assert shown(now) == ("1", 5.5)
        decide(13, "refused", "2", "1")
        assert shown(T + timedelta(hours=14)) == ("1", 5.5)
        decide(15, "promoted", "2", "1")
        assert [shown(T + timedelta(hours=hours)) for hours in (14, 16)] == [("1", 5.5), ("2", 3.5)]
        connection.execute("DELETE FROM ml_predictions WHERE model_version = '1' AND status = 'ok'")
        assert [shown(T + timedelta(hours=hours))[1] for hours in (14, 16)] == [None, 3.5]


def test_a_row_beyond_the_clock_skew_is_not_the_newest_until_its_time_comes(warehouse: Warehouse) -> None:
    now = datetime.now(UTC)
    current = replace(OK, prediction_timestamp=now - timedelta(hours=1))
    ahead = [
        replace(STALE, compressor_id="C-1", prediction_timestamp=now + timedelta(days=200)),
        replace(STALE, compressor_id="C-2", prediction_timestamp=now + timedelta(minutes=30)),
    ]
    within = replace(OK, compressor_id="C-3", prediction_timestamp=now + timedelta(minutes=9))
    with warehouse.connection() as connection:
        upsert_predictions(connection, [current, *ahead, within])
        newest = {row.compressor_id: (row.status, row.age_hours) for row in latest_predictions(connection)}
        viewed = connection.execute("SELECT compressor_id, status FROM v_fleet_health_summary ORDER BY 1").fetchall()
        (row,) = predictions_of_a_moment(connection, "C-1", None, None)
        (asked,) = predictions_of_a_moment(connection, "C-1", ahead[0].prediction_timestamp, None)
        replayed = [row.compressor_id for row in latest_predictions(connection, ahead[1].prediction_timestamp)]
        assert count_future_predictions(connection) == 2
        write_view_rules(connection, timedelta(hours=2), SCORING.health)
        assert {row.compressor_id for row in latest_predictions(connection)} == {"C-1", "C-2", "C-3"}
        write_view_rules(connection, timedelta(minutes=10), SCORING.health)
    assert newest == {"C-1": ("ok", pytest.approx(1, abs=0.05)), "C-3": ("ok", 0.0)}
    assert viewed == [("C-1", "ok"), ("C-2", None), ("C-3", "ok")]
    assert (row.status, asked.status) == ("ok", "stale")
    assert replayed == ["C-1", "C-3", "C-2"]


def test_retired_and_withdrawn_rows_are_as_before(warehouse: Warehouse) -> None:
    withdrawn = replace(OK, prediction_timestamp=T + timedelta(hours=1), rul_days=3.5)
    gone = replace(OK, compressor_id="C-2")
    with warehouse.connection() as connection:
        upsert_predictions(connection, [OK, withdrawn, _without(OK, "stale", 6), gone, _without(gone, "stale", 6)])
        connection.execute("UPDATE ml_predictions SET data_withdrawn_at = %s WHERE rul_days = 3.5", [T])
        upsert_compressors(connection, [Compressor("C-2", "Ariel JGK/4", 1480.0, None, "S-1", retired_at=T, retired_by="by hand: sold")])
        shown = _fleet(connection, T + timedelta(hours=12))
    assert {name: row[1] for name, row in shown.items()} == {"C-1": 4.25}


def test_the_last_usable_one_of_what_was_just_scored(warehouse: Warehouse) -> None:
    moment = T + timedelta(hours=6)
    scored = [
        _without(OK, "stale", 6),
        replace(HEALTHY, compressor_id="C-2", prediction_timestamp=moment),
        _without(replace(OK, compressor_id="C-3"), "stale", 6),
    ]
    with warehouse.connection() as connection:
        upsert_predictions(connection, [OK, *scored])
        usable = last_usable(connection, scored)
        assert last_usable(connection, scored[1:2]) == {}
        standing = {row.compressor_id: describe_standing(row) for row in latest_predictions(connection, moment)}
    first, second, third = report_rows(scored, usable)
    assert [row["compressor_id"] for row in (first, second, third)] == ["C-1", "C-2", "C-3"]
    assert (first["status"], first["rul_days"], first["last_usable"]["rul_days"]) == ("stale", None, 4.25)
    assert describe_usable(first["last_usable"]) == "last usable 4.2 d, 6 h ago, 4.0 d left"
    assert (second["last_usable"], third["last_usable"]) == (None, None)
    assert (standing["C-1"], standing["C-3"]) == ("stale, last usable 4.2 d, 6 h ago, 4.0 d left", "stale")
    assert describe_usable({"rul_days": 1.2, "rul_days_now": 0.0, "age_hours": 75.8}) == "last usable 1.2 d, 3 d 4 h ago, 0.0 d left"
