"""What becomes of an alert that the readings no longer show as it was.

Its heirs are the alerts of its compressor and type that now cover some of its time. They get what people entered, and its log. Without an
heir it is withdrawn if somebody worked on it, was called for it or told of it. Else it is deleted.
"""

from __future__ import annotations

from typing import Final

import psycopg

STALE: Final = "altaviz_stale"  # a temporary table of the caller: rows of alert_history that are not among the alerts any more
_KEY: Final = "compressor_id, alert_type, alert_timestamp"
_IS_STALE: Final = f"({_KEY}) IN (SELECT {_KEY} FROM {STALE})"
_HEIRS: Final = f"""
    CREATE TEMPORARY TABLE altaviz_heirs ON COMMIT DROP AS
    SELECT heir.compressor_id, heir.alert_type, heir.alert_timestamp, heir.last_seen AS heir_last_seen,
           heir.critical_at AS heir_critical_at,
           stale.alert_timestamp AS stale_timestamp, stale.last_seen, stale.acknowledged_at, stale.acknowledged_by, stale.shelved_at,
           stale.shelved_by, stale.shelved_until, stale.shelve_reason, stale.assigned_to, stale.closed_at, stale.closed_by,
           nullif(stale.escalation_level, 0) AS escalation_level, stale.escalated_at
    FROM {STALE} AS stale
    JOIN (SELECT * FROM alert_history WHERE NOT withdrawn AND NOT {_IS_STALE}) AS heir
      ON (heir.compressor_id, heir.alert_type) = (stale.compressor_id, stale.alert_type)
     AND heir.alert_timestamp <= stale.last_seen AND heir.last_seen >= stale.alert_timestamp
"""
# By group of columns that belong together: which of several stale alerts gives them, and what the heir must lack. The first column is never
# NULL where the group is filled. A closed alert stays closed only if its heir lasts no longer.
_GROUPS: Final = (
    (
        ("acknowledged_at", "acknowledged_by"),
        "NOT is_acknowledged(acknowledged_at, heir_critical_at), acknowledged_at",
        "(alert.acknowledged_at IS NULL OR is_acknowledged(first.acknowledged_at, alert.critical_at)"
        " AND NOT is_acknowledged(alert.acknowledged_at, alert.critical_at))",
        "TRUE",
    ),
    (("shelved_until", "shelved_at", "shelved_by", "shelve_reason"), "shelved_until DESC", "alert.shelved_until IS NULL", "TRUE"),
    (("assigned_to",), "stale_timestamp DESC", "alert.assigned_to IS NULL", "TRUE"),
    (("closed_at", "closed_by"), "closed_at", "alert.closed_at IS NULL", "heir_last_seen <= last_seen"),
    (("escalation_level", "escalated_at"), "escalation_level DESC", "alert.escalation_level = 0", "TRUE"),
)
_COPY_LOG: Final = """
    INSERT INTO alert_changes (compressor_id, alert_type, alert_timestamp, beginnings, change, changed_at, changed_by, details, told_at,
                               created_at)
    SELECT heir.compressor_id, heir.alert_type, heir.alert_timestamp, array_append(array_remove(old.beginnings, heir.alert_timestamp), heir.alert_timestamp), old.change, old.changed_at, old.changed_by,
           old.details, old.told_at, old.created_at
    FROM alert_changes AS old
    JOIN altaviz_heirs AS heir
      ON (heir.compressor_id, heir.alert_type, heir.stale_timestamp) = (old.compressor_id, old.alert_type, old.alert_timestamp)
    ORDER BY old.change_id
"""
# Messages that were sent or will be, by the id that the alert had then.
_TOLD: Final = """
    SELECT known.compressor_id, known.alert_type, known.alert_timestamp
    FROM alert_changes AS known
    CROSS JOIN LATERAL unnest(known.beginnings) AS begun
    JOIN outbox ON outbox.topic LIKE 'alert.%%' AND outbox.given_up_at IS NULL
     AND outbox.payload ->> 'alert_id'
         = known.compressor_id || '~' || known.alert_type || '~' || to_char(begun AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"')
"""
_OWN_WORK: Final = f"""
    (acknowledged_at IS NOT NULL OR shelved_at IS NOT NULL OR assigned_to IS NOT NULL OR closed_at IS NOT NULL OR escalation_level > 0
     OR ({_KEY}) IN (SELECT {_KEY} FROM alert_changes WHERE change IN ('acknowledged', 'shelved', 'unshelved', 'assigned', 'closed'))
     OR ({_KEY}) IN ({_TOLD} WHERE (known.compressor_id, known.alert_type, known.alert_timestamp) IN (SELECT {_KEY} FROM {STALE})))
"""
_WITHDRAW: Final = f"""
    UPDATE alert_history
    SET withdrawn = TRUE, resolved = TRUE, resolved_at = coalesce(resolved_at, last_seen), settled_at = last_seen, suppressed = '[]'
    WHERE {_IS_STALE} AND {_OWN_WORK}
      AND ({_KEY}) NOT IN (SELECT compressor_id, alert_type, stale_timestamp FROM altaviz_heirs)
"""
_DELETE_LOG: Final = f"""
    DELETE FROM alert_changes
    WHERE {_IS_STALE} AND ({_KEY}) NOT IN (SELECT {_KEY} FROM alert_history WHERE withdrawn)
"""
_DELETE: Final = f"DELETE FROM alert_history WHERE {_IS_STALE} AND NOT withdrawn"
# Late readings can prolong an alert that was closed. Nobody may miss it then.
_REOPEN: Final = (
    "UPDATE alert_history SET closed_at = NULL, closed_by = NULL WHERE closed_at IS NOT NULL AND NOT resolved AND NOT withdrawn"
)


def hand_over(connection: psycopg.Connection) -> int:
    """Give what belongs to the stale alerts to their heirs; withdraw or delete the stale ones. Returns the alerts withdrawn, deleted, reopened."""
    connection.execute(_HEIRS)
    for columns, first, lacks, fits in _GROUPS:
        assignments = ", ".join(f"{name} = first.{name}" for name in columns)
        connection.execute(f"""
            UPDATE alert_history AS alert SET {assignments}
            FROM (SELECT DISTINCT ON ({_KEY}) * FROM altaviz_heirs WHERE {columns[0]} IS NOT NULL AND {fits}
                  ORDER BY {_KEY}, {first}, stale_timestamp) AS first
            WHERE (alert.compressor_id, alert.alert_type, alert.alert_timestamp) = (first.compressor_id, first.alert_type, first.alert_timestamp)
              AND {lacks}
        """)
    connection.execute(_COPY_LOG)
    written = connection.execute(_WITHDRAW).rowcount
    connection.execute(_DELETE_LOG)
    written += connection.execute(_DELETE).rowcount + connection.execute(_REOPEN).rowcount
    connection.execute("DROP TABLE altaviz_heirs")
    return written
