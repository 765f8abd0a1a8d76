"""Fills a warehouse with a made-up fleet of any size, for `altaviz benchmark warehouse`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from pipelines.runtime.console import Advance
from serving.warehouse.connection import Warehouse

END: Final = datetime(2026, 3, 16, 6, tzinfo=UTC)  # the fleet's present: thirty days before it lie in two months
_STEP_H: Final = 6  # between two predictions of one compressor
_PARTITIONED: Final = ("sensor_readings_agg", "ml_predictions", "alert_history", "data_quality_metrics")
_SENSORS: Final = {"vibration": 3.0, "discharge_temp": 200.0, "suction_pressure": 60.0, "discharge_pressure": 1050.0, "horsepower": 1400.0,
                   "gas_flow": 10000.0}  # fmt: skip


@dataclass(frozen=True)
class FleetSize:
    """How much a benchmark fleet has: hourly rows in three windows for each compressor and day."""

    compressors: int
    days: int
    predictions: int

    @property
    def moments(self) -> int:
        """Moments at which each compressor was scored."""
        return max(self.predictions // self.compressors, 1)


def fill(warehouse: Warehouse, size: FleetSize, advance: Advance) -> None:
    """Fill empty tables: fleet, aggregates, predictions, alerts, work orders, events and messages. The same size gives the same rows."""
    start = END - timedelta(days=size.days)
    with warehouse.connection() as connection:
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute("SELECT setseed(0.5)")
        months = [start, END, END - timedelta(hours=_STEP_H * size.moments)]
        for table in _PARTITIONED:
            connection.execute("SELECT ensure_month_partitions(%s, ARRAY(SELECT generate_series(%s::timestamptz, %s, '1 day')))",
                               [table, min(months), END + timedelta(days=31)])  # fmt: skip
        connection.execute(_STATIONS)
        connection.execute(_FLEET, {"compressors": size.compressors})
        connection.execute("UPDATE view_rules SET replay_as_of = %s", [END])
    for day in range(size.days):
        with warehouse.connection() as connection:
            _fill_day(connection, size, start + timedelta(days=day))
        advance(day + 1, size.days)
    with warehouse.connection() as connection:
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute(_PREDICTIONS, {"moments": size.moments, "step": timedelta(hours=_STEP_H), "end": END})
        for statement in (_ALERTS, _ALERT_CHANGES, _WORK_ORDERS, _EVENTS, _OUTBOX, _QUALITY):
            connection.execute(statement, {"days": size.days, "end": END})
    with warehouse.connection() as connection:
        connection.execute("ANALYZE")


def _fill_day(connection: psycopg.Connection, size: FleetSize, day: datetime) -> None:
    names = [f"{sensor}_{statistic}" for sensor in _SENSORS for statistic in ("avg", "std", "min", "max")]
    shares = {"avg": "1", "std": "0.03", "min": "0.95", "max": "1.05"}
    values = [f"{level} * {shares[statistic]} * noise" for level in _SENSORS.values() for statistic in ("avg", "std", "min", "max")]
    connection.execute(
        f"""INSERT INTO sensor_readings_agg (compressor_id, window_type, agg_timestamp, reading_count, last_reading_at, {", ".join(names)})
            SELECT compressor_id, kind.name, hour, 6 * kind.hours, hour - INTERVAL '10 minutes', {", ".join(values)}
            FROM generate_series(%(day)s::timestamptz + INTERVAL '1 hour', %(day)s::timestamptz + INTERVAL '1 day', INTERVAL '1 hour') AS hour
            CROSS JOIN (VALUES ('1hr', 1), ('4hr', 4), ('24hr', 24)) AS kind (name, hours)
            CROSS JOIN (SELECT compressor_id FROM compressor_metadata ORDER BY compressor_id) AS compressor
            CROSS JOIN LATERAL (SELECT 0.97 + 0.06 * random() AS noise WHERE compressor_id IS NOT NULL) AS drawn""",
        {"day": day},
    )


_STATIONS: Final = """
    INSERT INTO station_locations (station_id, basin, town, latitude, longitude, time_zone)
    SELECT 'STATION-' || lpad(number::text, 3, '0'), (ARRAY['Permian Basin', 'Eagle Ford Shale', 'Haynesville Shale', 'Barnett Shale'])[1 + number % 4],
           'Town ' || number, 28 + number % 5, -104 + number % 9, 'America/Chicago'
    FROM generate_series(0, 59) AS number
"""
_FLEET: Final = """
    INSERT INTO compressor_metadata (compressor_id, model, horsepower, install_date, station_id)
    SELECT 'COMP-' || lpad(number::text, 4, '0'), (ARRAY['Ajax DPC-360', 'Ariel JGK/4', 'Caterpillar G3516', 'Waukesha 7042GSI'])[1 + number %% 4],
           1340 + number %% 4 * 100, DATE '2015-01-01' + number %% 3000, 'STATION-' || lpad((number %% 60)::text, 3, '0')
    FROM generate_series(1, %(compressors)s) AS number
"""
# One in thirty has no usable data at the end; one in seventeen is urgent.
_PREDICTIONS: Final = """
    INSERT INTO ml_predictions (compressor_id, prediction_timestamp, model_version, status, rul_days, rul_lower_days, rul_upper_days,
        failure_probability, confidence_score, health, horizon_days, reasons, features_used, act_by, expected_saving_usd, data_faults)
    SELECT compressor_id, %(end)s::timestamptz - back * %(step)s::interval, '7', CASE WHEN ok THEN 'ok' ELSE 'bad_data' END,
           CASE WHEN ok THEN days END, CASE WHEN ok THEN days * 0.6 END, CASE WHEN ok THEN days * 1.5 END,
           CASE WHEN ok THEN round((1 / (1 + days))::numeric, 4) END, CASE WHEN ok THEN 0.8 END,
           CASE WHEN NOT ok THEN NULL WHEN days <= 7 THEN 'critical' WHEN days <= 14 THEN 'warning' ELSE 'healthy' END, 3,
           to_jsonb(ARRAY['vibration 1 h mean up 3.1 mm/s in 2 days to 7.4 mm/s (warning): 4.0 days off the prediction',
                          'discharge temperature 24 h mean up 20.8 F in 4 days to 239.1 F: 1.0 days off the prediction']),
           jsonb_build_object('gold_uri', '/srv/altaviz/lake/gold', 'gold_version', 1000 - back, 'gold_table_id', 'b7f9', 'feature_set_version', 3,
                              'window_start', %(end)s::timestamptz - INTERVAL '1 day', 'scored_by', 'batch', 'values', features),
           CASE WHEN ok AND days < 14 THEN (%(end)s::timestamptz)::date + days::integer END, CASE WHEN ok AND days < 14 THEN 35000 END,
           CASE WHEN ok THEN '[]'::jsonb ELSE '[{"sensor": "vibration_mms", "fault": "frozen", "since": "2026-03-15T00:00:00Z", "detail": "same"}]' END
    FROM generate_series(%(moments)s - 1, 0, -1) AS back
    CROSS JOIN (SELECT compressor_id, row_number() OVER (ORDER BY compressor_id) AS number FROM compressor_metadata) AS compressor
    CROSS JOIN (SELECT jsonb_object_agg('feature_name_' || place, 1.5 * place) AS features FROM generate_series(1, 24) AS place) AS made
    CROSS JOIN LATERAL (SELECT CASE WHEN number %% 17 = 0 THEN 1 + number %% 11 + back / 4.0 ELSE 15 + number %% 15 END AS days,
                               NOT (number %% 30 = 0 AND back < 4) AS ok) AS drawn
"""
# Two alerts a compressor and month. Those of the last day are open, and one in fifty of the older ones.
_ALERTS: Final = """
    INSERT INTO alert_history (compressor_id, alert_type, alert_timestamp, severity, message, value, threshold, source, last_seen, reading_count,
        raised_at, critical_at, escalation_level, acknowledged_at, acknowledged_by, resolved, resolved_at, settled_at)
    SELECT compressor_id, (ARRAY['vibration_mms_high', 'discharge_temp_f_high', 'rul_days_low', 'vibration_mms_frozen'])[1 + number %% 4], began,
           CASE WHEN number %% 5 = 0 THEN 'critical' ELSE 'warning' END, 'vibration is high: 6.4 mm/s (limit 6.0 mm/s)', 6.4, 6.0,
           (ARRAY['threshold', 'own_normal', 'prediction', 'data'])[1 + number %% 4], began + INTERVAL '2 hours', 12,
           began + INTERVAL '20 minutes', CASE WHEN number %% 5 = 0 THEN began + INTERVAL '1 hour' END, 0,
           CASE WHEN NOT open THEN began + INTERVAL '1 hour' END, CASE WHEN NOT open THEN 'R. Diaz' END,
           NOT open, CASE WHEN NOT open THEN began + INTERVAL '3 hours' END, CASE WHEN NOT open THEN began + INTERVAL '4 hours' END
    FROM (SELECT compressor_id, row_number() OVER (ORDER BY compressor_id) * 2 + twice AS number
          FROM compressor_metadata CROSS JOIN generate_series(0, 1) AS twice) AS numbered
    CROSS JOIN LATERAL (SELECT %(end)s::timestamptz - (number * 7919 %% (%(days)s * 1440)) * INTERVAL '1 minute' - INTERVAL '4 hours' AS began) AS drawn
    CROSS JOIN LATERAL (SELECT began > %(end)s::timestamptz - INTERVAL '1 day' OR number %% 50 = 0 AS open) AS state
"""
_ALERT_CHANGES: Final = """
    INSERT INTO alert_changes (compressor_id, alert_type, alert_timestamp, beginnings, change, changed_at, changed_by)
    SELECT compressor_id, alert_type, alert_timestamp, ARRAY[alert_timestamp], change, at, by
    FROM alert_history CROSS JOIN LATERAL (VALUES ('raised', raised_at, 'altaviz'), ('acknowledged', acknowledged_at, acknowledged_by),
                                                  ('resolved', resolved_at, 'altaviz')) AS life (change, at, by)
    WHERE at IS NOT NULL
"""
# One in three compressors has had work this month; one in twenty has an open work order.
_WORK_ORDERS: Final = """
    INSERT INTO work_orders (compressor_id, status, priority, title, act_by, planned_start, rul_days, prediction_timestamp, model_version,
        drafted_at, drafted_by, exported_at, exported_by, completed_at, completed_by, event_type, event_date, downtime_hours)
    SELECT compressor_id, CASE WHEN done THEN 'completed' WHEN number %% 40 = 0 THEN 'draft' ELSE 'exported' END, 1 + number %% 4,
           'Inspect ' || compressor_id, (began + INTERVAL '9 days')::date, began + INTERVAL '8 days', 9, began, '7', began, 'R. Diaz',
           CASE WHEN number %% 40 <> 0 THEN began END, CASE WHEN number %% 40 <> 0 THEN 'R. Diaz' END,
           CASE WHEN done THEN began + INTERVAL '1 day' END, CASE WHEN done THEN 'crew 2' END, CASE WHEN done THEN 'scheduled' END,
           CASE WHEN done THEN began + INTERVAL '20 hours' END, CASE WHEN done THEN 4 END
    FROM (SELECT compressor_id, row_number() OVER (ORDER BY compressor_id) AS number FROM compressor_metadata) AS numbered
    CROSS JOIN LATERAL (SELECT %(end)s::timestamptz - (number %% (%(days)s * 24)) * INTERVAL '1 hour' - INTERVAL '2 days' AS began,
                               number %% 20 <> 0 AS done) AS drawn
    WHERE number %% 3 = 0 OR number %% 20 = 0
"""
_EVENTS: Final = """
    INSERT INTO maintenance_events (compressor_id, event_date, event_type, description, downtime_hours, cost_usd)
    SELECT compressor_id, %(end)s::timestamptz - (year * 180 + number %% 170) * INTERVAL '1 day', CASE number %% 9 WHEN 0 THEN 'failure' ELSE 'scheduled' END,
           'Valves renewed', 8, 15000
    FROM (SELECT compressor_id, row_number() OVER (ORDER BY compressor_id) AS number FROM compressor_metadata) AS numbered
    CROSS JOIN generate_series(0, 5) AS year
"""
_OUTBOX: Final = """
    INSERT INTO outbox (channel, topic, subject_key, payload, due_at, attempts, delivered_at)
    SELECT 'planners', 'alert.raised', compressor_id || '~' || alert_type || '~' || alert_timestamp, '{"text": "vibration is high"}', raised_at, 1,
           CASE WHEN resolved THEN raised_at + INTERVAL '2 seconds' END
    FROM alert_history
"""
_QUALITY: Final = """
    INSERT INTO data_quality_metrics (metric_timestamp, stage, metric_name, metric_value, passed)
    SELECT date_trunc('day', %(end)s::timestamptz, 'UTC') - day * INTERVAL '1 day', 'silver', 'check_' || number, 0.99, number %% 7 <> 0
    FROM generate_series(0, %(days)s - 1) AS day CROSS JOIN generate_series(1, 13) AS number
"""
