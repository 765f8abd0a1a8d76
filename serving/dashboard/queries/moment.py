"""The moment that every view stands at, and how fresh the data were then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True)
class Moment:
    """The present of the pages."""

    moment: datetime
    replay_as_of: datetime | None  # set: the home replays the past
    newest_hour: datetime | None  # end of the newest hour with readings, of any compressor
    newest_prediction: datetime | None
    champion: str | None  # the version promoted last, by then
    compressors: int


def stand_at(connection: psycopg.Connection, as_of: datetime | None) -> None:
    """Let the views of this transaction stand at `as_of`; None leaves them where they are."""
    if as_of is not None:
        connection.execute("SELECT set_config('altaviz.as_of', %s, TRUE)", (as_of.isoformat(),))


def read_moment(connection: psycopg.Connection) -> Moment:
    """The moment and what was known by then."""
    with connection.cursor(row_factory=class_row(Moment)) as cursor:
        found = cursor.execute(
            """
            SELECT asked.moment, asked.replay_as_of,
                   (SELECT max(agg_timestamp) FROM sensor_readings_agg
                    WHERE window_type = '1hr' AND agg_timestamp <= asked.latest + INTERVAL '1 hour') AS newest_hour,
                   (SELECT max(prediction_timestamp) FROM ml_predictions WHERE prediction_timestamp <= asked.latest) AS newest_prediction,
                   (SELECT model_version FROM model_decisions
                    WHERE decision IN ('promoted', 'rolled_back')
                    ORDER BY decided_at DESC LIMIT 1) AS champion,
                   (SELECT count(*) FROM compressor_metadata WHERE retired_at IS NULL) AS compressors
            FROM v_moment AS asked
            """
        ).fetchone()
    assert found is not None  # v_moment has one row
    return found
