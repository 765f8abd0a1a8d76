"""Ends shelvings whose time is up."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import psycopg

from serving.alerts.alert_key import AlertKey
from serving.warehouse.alert_log import PROGRAM

_END: Final = f"""
    WITH due AS (
        SELECT compressor_id, alert_type, alert_timestamp, shelved_until FROM alert_history
        WHERE shelved_until <= %(moment)s
          AND (%(compressor_id)s::text IS NULL
               OR (compressor_id, alert_type, alert_timestamp) = (%(compressor_id)s, %(alert_type)s, %(alert_timestamp)s))
        ORDER BY compressor_id, alert_type, alert_timestamp FOR UPDATE
    ),
    back AS (
        UPDATE alert_history AS alert SET shelved_at = NULL, shelved_by = NULL, shelved_until = NULL, shelve_reason = NULL
        FROM due
        WHERE (alert.compressor_id, alert.alert_type, alert.alert_timestamp) = (due.compressor_id, due.alert_type, due.alert_timestamp)
    )
    INSERT INTO alert_changes (compressor_id, alert_type, alert_timestamp, beginnings, change, changed_at, changed_by)
    SELECT compressor_id, alert_type, alert_timestamp, ARRAY[alert_timestamp], 'unshelved', shelved_until, '{PROGRAM}' FROM due
"""


def end_shelvings(connection: psycopg.Connection, moment: datetime, key: AlertKey | None = None) -> int:
    """Bring back the alert with this key, or all (None), if shelved until `moment` or earlier. The log has it. Returns their number."""
    parameters = {
        "moment": moment,
        "compressor_id": key.compressor_id if key else None,
        "alert_type": key.alert_type if key else None,
        "alert_timestamp": key.alert_timestamp if key else None,
    }
    return connection.execute(_END, parameters).rowcount
