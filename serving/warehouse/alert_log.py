"""The part of the log that follows from readings and predictions: raised, became critical, resolved, withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import psycopg

PROGRAM: Final = "altaviz"  # `changed_by` of what no person did
_REACHED: Final = (
    "(%(compressor_ids)s::text[] IS NULL OR alert.compressor_id = ANY(%(compressor_ids)s)) AND alert.source = ANY(%(sources)s)"
)
_OWN: Final = "('raised', 'became_critical', 'resolved', 'withdrawn')"

# An alert that was critical from the start is raised as critical. Nothing in the readings says when an alert vanished from them, so that is the
# moment of finding it, and stays.
_WANTED: Final = f"""
    CREATE TEMPORARY TABLE altaviz_wanted ON COMMIT DROP AS
    SELECT alert.compressor_id, alert.alert_type, alert.alert_timestamp, own.change, own.changed_at, own.details
    FROM alert_history AS alert
    CROSS JOIN v_moment AS asked
    CROSS JOIN LATERAL (VALUES
        ('raised', alert.raised_at,
         jsonb_build_object('severity', CASE WHEN alert.critical_at <= alert.raised_at THEN 'critical' ELSE 'warning' END)),
        ('became_critical', CASE WHEN alert.critical_at > alert.raised_at THEN alert.critical_at END, '{{}}'),
        ('resolved', CASE WHEN NOT alert.withdrawn THEN alert.resolved_at END, '{{}}'),
        ('withdrawn', CASE WHEN alert.withdrawn THEN coalesce((
            SELECT min(known.changed_at) FROM alert_changes AS known
            WHERE (known.compressor_id, known.alert_type, known.alert_timestamp, known.change)
                = (alert.compressor_id, alert.alert_type, alert.alert_timestamp, 'withdrawn')
         ), asked.moment) END, '{{}}')
    ) AS own (change, changed_at, details)
    WHERE own.changed_at IS NOT NULL AND {_REACHED}
"""
# One entry for each kind of change: of two alerts that became one, the earlier entry stays.
_DELETE: Final = f"""
    DELETE FROM alert_changes WHERE change_id IN (
        SELECT change_id FROM (
            SELECT known.change_id, wanted.change IS NULL AS gone,
                   row_number() OVER (PARTITION BY known.compressor_id, known.alert_type, known.alert_timestamp, known.change
                                      ORDER BY known.changed_at, known.change_id) AS place
            FROM alert_changes AS known
            JOIN alert_history AS alert USING (compressor_id, alert_type, alert_timestamp)
            LEFT JOIN altaviz_wanted AS wanted USING (compressor_id, alert_type, alert_timestamp, change)
            WHERE known.change IN {_OWN} AND {_REACHED}
        ) AS judged
        WHERE gone OR place > 1
    )
"""
_MOVE: Final = """
    UPDATE alert_changes AS known SET changed_at = wanted.changed_at, details = wanted.details
    FROM altaviz_wanted AS wanted
    WHERE (known.compressor_id, known.alert_type, known.alert_timestamp, known.change)
        = (wanted.compressor_id, wanted.alert_type, wanted.alert_timestamp, wanted.change)
      AND (known.changed_at, known.details) IS DISTINCT FROM (wanted.changed_at, wanted.details)
"""
_ADD: Final = f"""
    INSERT INTO alert_changes (compressor_id, alert_type, alert_timestamp, beginnings, change, changed_at, changed_by, details)
    SELECT compressor_id, alert_type, alert_timestamp, ARRAY[alert_timestamp], change, changed_at, '{PROGRAM}', details
    FROM altaviz_wanted AS wanted
    WHERE NOT EXISTS (
        SELECT FROM alert_changes AS known
        WHERE (known.compressor_id, known.alert_type, known.alert_timestamp, known.change)
            = (wanted.compressor_id, wanted.alert_type, wanted.alert_timestamp, wanted.change)
    )
    ORDER BY changed_at, compressor_id, alert_type, change
"""


def follow_alerts(connection: psycopg.Connection, compressor_ids: Sequence[str] | None, sources: Sequence[str]) -> None:
    """Make the log say what `alert_history` shows of `sources` of some compressors, or all (None).

    Repeating it changes nothing. An entry whose time changed keeps its place, so nobody is told of it twice.
    """
    reach = {"compressor_ids": None if compressor_ids is None else list(compressor_ids), "sources": list(sources)}
    connection.execute(_WANTED, reach)
    connection.execute("ANALYZE altaviz_wanted")
    connection.execute(_DELETE, reach)
    connection.execute(_MOVE)
    connection.execute(_ADD)
    connection.execute("DROP TABLE altaviz_wanted")
