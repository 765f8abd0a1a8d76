"""Months that go and months that stay, on a real server. The present is a replay's, 2026-03-09."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from config.errors import WarehouseError
from serving.schemas import QualityMetric
from serving.warehouse.alerts import Alert, replace_alerts
from serving.warehouse.connection import Warehouse
from serving.warehouse.decisions import ModelDecision, upsert_decision
from serving.warehouse.tables import upsert_predictions, upsert_quality_metrics
from serving.warehouse.upkeep.partitions import make_partitions_ahead
from serving.warehouse.upkeep.retention import TABLES, RetentionPlan, apply_retention, plan_retention
from tests.serving.warehouse.test_tables import OK, STALE, T

OLD = datetime(2025, 9, 15, tzinfo=UTC)
OLDER = datetime(2025, 8, 15, tzinfo=UTC)
FOR_EVER = dict.fromkeys(TABLES)


@pytest.fixture
def replayed(warehouse: Warehouse) -> Iterator[Warehouse]:
    with warehouse.connection() as connection:
        connection.execute("UPDATE view_rules SET replay_as_of = %s", [T])
    yield warehouse
    with warehouse.connection() as connection:
        connection.execute("UPDATE view_rules SET replay_as_of = NULL")
        connection.execute("TRUNCATE retention")


def _plan(warehouse: Warehouse, **months: int) -> RetentionPlan:
    with warehouse.connection() as connection:
        return plan_retention(connection, {**FOR_EVER, **months})


def _predict(warehouse: Warehouse, *moments: datetime) -> None:
    with warehouse.connection() as connection:
        upsert_predictions(connection, [replace(OK, prediction_timestamp=moment) for moment in moments])


def _moments(warehouse: Warehouse) -> list[datetime]:
    with warehouse.connection() as connection:
        return [row[0] for row in connection.execute("SELECT prediction_timestamp FROM ml_predictions ORDER BY 1")]


def test_months_before_the_limit_go_and_a_plan_alone_changes_nothing(replayed: Warehouse) -> None:
    _predict(replayed, OLDER, OLD, OLD + timedelta(hours=1), T)
    plan = _plan(replayed, ml_predictions=5)
    assert plan.limits == {"ml_predictions": datetime(2025, 10, 1, tzinfo=UTC)}
    rows = {month.partition: month.rows for month in plan.months if month.rows}
    assert rows == {"ml_predictions_y2025m08": 1, "ml_predictions_y2025m09": 2}
    assert len(_moments(replayed)) == 4
    apply_retention(replayed, plan)
    assert _moments(replayed) == [T]
    with replayed.connection() as connection:
        kept = connection.execute("SELECT table_name, kept_since, rows_dropped FROM retention").fetchall()
    assert kept == [("ml_predictions", datetime(2025, 10, 1, tzinfo=UTC), 3)]
    assert _plan(replayed, ml_predictions=5).months == ()


def test_a_month_stays_for_the_newest_prediction_of_a_compressor_in_service(replayed: Warehouse) -> None:
    _predict(replayed, OLD)
    with replayed.connection() as connection:
        upsert_predictions(connection, [replace(STALE, compressor_id="C-1", prediction_timestamp=T)])
    (month,) = (month for month in _plan(replayed, ml_predictions=4).months if month.rows)
    assert month.stays_for == "newest prediction, or newest one with numbers, of 1 compressors in service"
    apply_retention(replayed, _plan(replayed, ml_predictions=4))
    assert _moments(replayed) == [OLD, T]
    with replayed.connection() as connection:
        connection.execute("UPDATE compressor_metadata SET retired_at = now(), retired_by = 'sold' WHERE compressor_id = 'C-1'")
    apply_retention(replayed, _plan(replayed, ml_predictions=4))
    assert _moments(replayed) == [T]
    with replayed.connection() as connection:
        connection.execute("DELETE FROM ml_predictions")
        assert connection.execute("SELECT compressor_id FROM v_newest_predictions").fetchall() == []


def test_a_month_stays_for_the_last_prediction_that_counts(replayed: Warehouse) -> None:
    """Later ones are from withdrawn readings, of a model that was rolled back from, or without numbers."""
    kept = replace(OK, model_version="1")
    hours = [timedelta(hours=number) for number in range(4)]
    withdrawn, rejected = (
        replace(kept, prediction_timestamp=T - hours[3]),
        replace(OK, model_version="2", prediction_timestamp=T - hours[2]),
    )
    with replayed.connection() as connection:
        upsert_predictions(connection, [replace(kept, prediction_timestamp=OLD), withdrawn, rejected])
        upsert_predictions(connection, [replace(STALE, compressor_id="C-1", model_version="1", prediction_timestamp=T)])
    assert [month.stays_for for month in _plan(replayed, ml_predictions=4).months if month.rows] == [None]
    with replayed.connection() as connection:
        connection.execute("UPDATE ml_predictions SET data_withdrawn_at = %s WHERE prediction_timestamp = %s", [T, T - hours[3]])
        upsert_decision(connection, ModelDecision("1", T - hours[1], "rolled_back", "operator", previous_version="2"))
    (month,) = (month for month in _plan(replayed, ml_predictions=4).months if month.rows)
    assert month.stays_for == "newest prediction, or newest one with numbers, of 1 compressors in service"
    with replayed.connection() as connection:
        shown = connection.execute("SELECT prediction_timestamp, rul_days::float8 FROM v_latest_predictions WHERE compressor_id = 'C-1'")
        assert shown.fetchall() == [(OLD, OK.rul_days)]


def test_a_late_prediction_of_a_dropped_month_is_refused_until_a_longer_retention_wants_it(replayed: Warehouse) -> None:
    _predict(replayed, OLD, T)
    apply_retention(replayed, _plan(replayed, ml_predictions=4))
    with pytest.raises(WarehouseError, match=r"ml_predictions keeps rows since 2025-11 .* takes none of 2025-09; keep more months"):
        _predict(replayed, OLD)
    with replayed.connection() as connection:
        connection.execute("INSERT INTO lake_sync (table_id, table_name, version) VALUES ('1', 'gold', 7)")
    apply_retention(replayed, _plan(replayed, ml_predictions=6))
    _predict(replayed, OLD)
    assert _moments(replayed) == [OLD, T]
    with replayed.connection() as connection:
        assert connection.execute("SELECT count(*) FROM lake_sync").fetchone() == (0,)


def _alert(began: datetime, *, resolved: bool) -> Alert:
    end = began + timedelta(hours=1) if resolved else None
    return Alert(
        compressor_id="C-1",
        alert_type="vibration_mms",
        alert_timestamp=began,
        raised_at=began,
        critical_at=None,
        severity="warning",
        message="vibration is high",
        value=6.5,
        threshold=6.0,
        last_seen=began,
        reading_count=1,
        resolved=resolved,
        resolved_at=end,
        settled_at=end,
    )


def test_what_the_lake_shows_again_of_a_dropped_month_is_left_out(replayed: Warehouse) -> None:
    metrics = [QualityMetric(moment, "silver", "freshness", 1.0, True, {}) for moment in (OLD, T)]
    with replayed.connection() as connection:
        upsert_quality_metrics(connection, metrics)
    apply_retention(replayed, _plan(replayed, data_quality_metrics=3))
    with replayed.connection() as connection:
        assert upsert_quality_metrics(connection, metrics) == 0
        assert connection.execute("SELECT metric_timestamp FROM data_quality_metrics").fetchall() == [(T,)]


def test_alerts_that_nobody_closed_keep_their_month_and_changes_go_with_their_alert(replayed: Warehouse) -> None:
    open_alert, closed = _alert(OLD, resolved=False), _alert(OLDER, resolved=True)
    change = """INSERT INTO alert_changes (compressor_id, alert_type, alert_timestamp, beginnings, change, changed_at, changed_by)
                VALUES ('C-1', 'vibration_mms', %(at)s, ARRAY[%(at)s::timestamptz], 'raised', %(at)s, 'altaviz')"""
    with replayed.connection() as connection:
        replace_alerts(connection, [open_alert, closed], None, ["threshold"])
        connection.execute("UPDATE alert_history SET acknowledged_at = now(), acknowledged_by = 'Diaz' WHERE resolved")
        for alert in (open_alert, closed):
            connection.execute(change, {"at": alert.alert_timestamp})
    plan = _plan(replayed, alert_history=3, alert_changes=3)
    assert {month.partition: month.stays_for for month in plan.months if month.rows} == {
        "alert_history_y2025m08": None,
        "alert_history_y2025m09": "1 alerts that nobody closed",
    }
    apply_retention(replayed, plan)
    apply_retention(replayed, _plan(replayed, alert_history=3, alert_changes=3))
    with replayed.connection() as connection:
        assert connection.execute("SELECT alert_timestamp FROM alert_history").fetchall() == [(OLD,)]
        assert connection.execute("SELECT DISTINCT alert_timestamp FROM alert_changes").fetchall() == [(OLD,)]
        assert replace_alerts(connection, [open_alert, closed], None, ["threshold"]) == 0


def test_old_writes_and_delivered_messages_go_and_waiting_ones_stay(replayed: Warehouse) -> None:
    message = "INSERT INTO outbox (channel, topic, subject_key, payload, delivered_at) VALUES ('log', 'alert.raised', %s, '{}', %s)"
    write = "INSERT INTO api_writes (request_id, written_at, actor, method, path, status) VALUES (%s, %s, 'Diaz', 'POST', '/v1/score', 200)"
    with replayed.connection() as connection:
        for name, delivered in (("old", OLD), ("new", T), ("waiting", None)):
            connection.execute(message, [name, delivered])
        for name, written in (("old", OLD), ("new", T)):
            connection.execute(write, [name, written])
    plan = _plan(replayed, outbox=2, api_writes=2)
    assert plan.old_rows == {"outbox": 1, "api_writes": 1}
    apply_retention(replayed, plan)
    with replayed.connection() as connection:
        assert connection.execute("SELECT subject_key FROM outbox ORDER BY 1").fetchall() == [("new",), ("waiting",)]
        assert connection.execute("SELECT request_id FROM api_writes").fetchall() == [("new",)]


def test_readers_go_on_while_a_month_waits_for_an_older_reader(replayed: Warehouse) -> None:
    _predict(replayed, OLD, T)
    plan = _plan(replayed, ml_predictions=4)
    count = "SELECT count(*) FROM ml_predictions"
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE%CONCURRENTLY' AND wait_event_type = 'Lock'"
    dropping = threading.Thread(target=apply_retention, args=[replayed, plan])
    with psycopg.connect(**replayed.parameters) as older, psycopg.connect(**replayed.parameters, autocommit=True) as newer:
        older.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert older.execute(count).fetchone() == (2,)
        dropping.start()
        while newer.execute(waiting).fetchone() == (0,):
            assert dropping.is_alive()
        assert newer.execute(count).fetchone() == (1,)  # the old month is gone for new readers
        assert older.execute(count).fetchone() == (2,)
    dropping.join()
    assert _moments(replayed) == [T]


def test_what_a_killed_run_left_is_finished_by_the_next(replayed: Warehouse) -> None:
    _predict(replayed, OLD, T)
    with replayed.connection() as connection:
        connection.execute("INSERT INTO retention (table_name, kept_since) VALUES ('ml_predictions', '2025-11-01T00:00:00Z')")
        connection.execute("ALTER TABLE ml_predictions DETACH PARTITION ml_predictions_y2025m09")
    apply_retention(replayed, _plan(replayed, ml_predictions=4))
    with replayed.connection() as connection:
        assert connection.execute("SELECT to_regclass('ml_predictions_y2025m09')").fetchone() == (None,)


def test_partitions_made_ahead_leave_none_for_the_hourly_write(warehouse: Warehouse) -> None:
    present = datetime(2024, 11, 30, 23, tzinfo=UTC)
    with warehouse.connection() as connection:
        assert make_partitions_ahead(connection, present, 2) == 5 * 3
        months = [present, present + timedelta(hours=1), datetime(2025, 1, 31, tzinfo=UTC)]
        assert connection.execute("SELECT ensure_month_partitions('sensor_readings_agg', %s)", [months]).fetchone() == (0,)
        assert make_partitions_ahead(connection, present + timedelta(hours=1), 2) == 5


def test_a_row_of_another_century_makes_no_partition(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="ml_predictions takes no row of 2099-12: it is more than a year after the present"):
        _predict(warehouse, datetime(2099, 12, 31, tzinfo=UTC))
