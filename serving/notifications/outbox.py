"""The outbox: messages that wait to be sent. They are written in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.types.json import Jsonb


def enqueue(connection: psycopg.Connection, channel: str, topic: str, subject_key: str, payload: Mapping[str, Any]) -> bool:
    """Put a message for `channel` into the outbox, in the caller's transaction. Returns whether it is new.

    A channel gets one message for each topic and subject, so a repeated call adds nothing. `payload` must be a JSON object.
    """
    row = connection.execute(
        """INSERT INTO outbox (channel, topic, subject_key, payload) VALUES (%s, %s, %s, %s)
           ON CONFLICT (channel, topic, subject_key) DO NOTHING RETURNING message_id""",
        [channel, topic, subject_key, Jsonb(dict(payload))],
    ).fetchone()
    return row is not None
