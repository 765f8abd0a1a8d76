"""Marks predictions that were made from readings of a withdrawn file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta

import psycopg

from serving.warehouse.prediction_points import earliest

_MADE_FROM = """
    prediction.compressor_id = taken.compressor_id
    AND prediction.prediction_timestamp BETWEEN taken.first_reading AND taken.last_reading + %(reach)s
    AND prediction.features_used ->> 'gold_table_id' = taken.gold_table_id
    AND (prediction.features_used ->> 'gold_version')::bigint BETWEEN taken.first_version AND taken.last_version
"""
_TAKEN = """
    unnest(%(compressor_id)s::text[], %(first_reading)s::timestamptz[], %(last_reading)s::timestamptz[], %(gold_table_id)s::text[],
           %(first_version)s::bigint[], %(last_version)s::bigint[], %(withdrawn_at)s::timestamptz[])
        AS taken (compressor_id, first_reading, last_reading, gold_table_id, first_version, last_version, withdrawn_at)
"""


@dataclass(frozen=True)
class TakenReadings:
    """Readings of one compressor in a withdrawn file, and the versions of gold that held them."""

    compressor_id: str
    first_reading: datetime
    last_reading: datetime
    gold_table_id: str
    first_version: int
    last_version: int
    withdrawn_at: datetime


@dataclass(frozen=True)
class Marks:
    """How many predictions are marked in all, and by compressor the oldest one whose mark has just changed."""

    predictions: int
    changed: dict[str, datetime]


def mark_predictions(connection: psycopg.Connection, taken: Sequence[TakenReadings], reach: timedelta) -> Marks:
    """Set `data_withdrawn_at` by `taken`, and clear it elsewhere.

    A prediction was made from a file if its version of gold held it, at most `reach` after one of the file's readings. Repeating changes nothing.
    A prediction that was computed anew without the file loses its mark.
    """
    rows = [astuple(item) for item in taken]
    parameters = {"reach": reach, **{item.name: [row[place] for row in rows] for place, item in enumerate(fields(TakenReadings))}}
    changed = connection.execute(
        f"""UPDATE ml_predictions AS prediction SET data_withdrawn_at = NULL
            WHERE data_withdrawn_at IS NOT NULL AND NOT EXISTS (SELECT FROM {_TAKEN} WHERE {_MADE_FROM})
            RETURNING prediction.compressor_id, prediction.prediction_timestamp""",
        parameters,
    ).fetchall()
    if rows:
        changed += connection.execute(
            f"""UPDATE ml_predictions AS prediction SET data_withdrawn_at = taken.withdrawn_at
                FROM {_TAKEN} WHERE {_MADE_FROM} AND prediction.data_withdrawn_at IS NULL
                RETURNING prediction.compressor_id, prediction.prediction_timestamp""",
            parameters,
        ).fetchall()
    row = connection.execute("SELECT count(*) FROM ml_predictions WHERE data_withdrawn_at IS NOT NULL").fetchone()
    return Marks(int(row[0]) if row else 0, earliest((str(compressor_id), moment) for compressor_id, moment in changed))
