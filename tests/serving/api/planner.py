"""The shared service as a planner finds it: a home that stands at the end of its data, with two open alerts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.serving.api.home import AS_OF, query
from tests.serving.api.running import Running

WARNING, CRITICAL = "C-2~vibration_mms_high~20260309T090000Z", "C-1~discharge_temp_f_high~20260309T100000Z"
_WRITTEN = ("alert_changes", "alert_history", "work_order_changes", "maintenance_events", "work_orders", "outbox")


@contextmanager
def planners_service(service: Running) -> Iterator[Running]:
    """Afterwards there are no alerts, orders and events, and the home is live."""
    service.score(as_of=AS_OF)
    query(service.home, f"SELECT ensure_month_partitions('alert_history', ARRAY[timestamptz '{AS_OF}'])")
    query(
        service.home,
        """
        WITH gone AS (DELETE FROM alert_history RETURNING 1)
        INSERT INTO alert_history (compressor_id, alert_type, alert_timestamp, raised_at, severity, source, message, value, threshold,
                                   last_seen, reading_count)
        VALUES ('C-2', 'vibration_mms_high', '2026-03-09T09:00Z', '2026-03-09T09:20Z', 'warning', 'threshold', 'vibration', 6.5, 6,
                '2026-03-09T12:00Z', 19),
               ('C-1', 'discharge_temp_f_high', '2026-03-09T10:00Z', '2026-03-09T10:00Z', 'critical', 'threshold', 'hot', 270, 260,
                '2026-03-09T12:00Z', 13)
        RETURNING 1
        """,
    )
    query(service.home, f"UPDATE view_rules SET replay_as_of = '{AS_OF}' RETURNING 1")
    try:
        yield service
    finally:
        query(service.home, "UPDATE view_rules SET replay_as_of = NULL RETURNING 1")
        for table in _WRITTEN:
            query(service.home, f"WITH gone AS (DELETE FROM {table} RETURNING 1) SELECT * FROM gone")
