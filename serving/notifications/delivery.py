"""Sends what is due. A message is claimed, sent and marked in this order, so a killed sender repeats it and none is lost.

claim   The oldest message of the channel that is due, and that no other process claims. In case this process dies, it is due again after `LEASE`.
send    This happens outside any transaction: a slow receiver holds no lock and no connection.
mark    It is delivered, or due again after a wait that doubles. After `most_attempts` or `give_up_hours` it is given up, kept and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg.rows import class_row

from config.errors import DeliveryError
from config.logs import get_log
from config.secrets import hide_passwords
from config.sections.planner.notifications import DeliverySection
from serving.notifications.channels import Sender
from serving.notifications.message import Message
from serving.warehouse.connection import Warehouse

LEASE: Final = timedelta(minutes=5)  # beyond the time that a receiver has
_MOST_ERROR: Final = 500  # characters
_CLAIM: Final = """
    UPDATE outbox SET attempts = attempts + 1, due_at = now() + %(lease)s
    WHERE message_id = (
        SELECT message_id FROM outbox
        WHERE channel = %(channel)s AND due_at <= now() AND delivered_at IS NULL AND given_up_at IS NULL
        ORDER BY due_at, created_at LIMIT 1
        FOR UPDATE SKIP LOCKED
    )
    RETURNING message_id, topic, subject_key, payload, attempts, created_at
"""


@dataclass(frozen=True)
class Delivered:
    """Attempts of one round on one channel."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0


@dataclass(frozen=True)
class Waiting:
    """The outbox of one channel."""

    channel: str
    waiting: int
    oldest: datetime | None
    given_up: int
    last_error: str | None


def deliver(
    warehouse: Warehouse, channel: str, sender: Sender, rules: DeliverySection, is_over: Callable[[], bool] = lambda: False
) -> Delivered:
    """Send the due messages of `channel`, the oldest first, until none is due or `is_over`.

    A receiver that is not reached ends the round, so it costs one time-out. One that refuses a message gets the next. Raises WarehouseError.
    """
    sent = failed = given_up = 0
    while not is_over():
        with warehouse.connection() as connection:
            message = claim(connection, channel, rules)
        if message is None:
            break
        try:
            sender.send(message)
        except DeliveryError as error:
            with warehouse.connection() as connection:
                given_up += mark_failed(connection, message, error, rules)
            failed += 1
            get_log().warning(
                "notification not delivered", channel=channel, topic=message.topic, attempt=message.attempts, reason=str(error)
            )
            if not error.reached:
                break
        else:
            with warehouse.connection() as connection:
                mark_delivered(connection, message)
            sent += 1
    return Delivered(sent, failed, given_up)


def claim(connection: psycopg.Connection, channel: str, rules: DeliverySection) -> Message | None:
    """The next message of the channel, which no other process gets meanwhile. None if none is due."""
    lease = LEASE + timedelta(seconds=rules.timeout_s)
    with connection.cursor(row_factory=class_row(Message)) as cursor:
        return cursor.execute(_CLAIM, {"channel": channel, "lease": lease}).fetchone()


def mark_delivered(connection: psycopg.Connection, message: Message) -> None:
    """The receiver has it."""
    connection.execute(
        "UPDATE outbox SET delivered_at = now(), last_error = NULL WHERE message_id = %s AND given_up_at IS NULL", [message.message_id]
    )


def mark_failed(connection: psycopg.Connection, message: Message, error: DeliveryError, rules: DeliverySection) -> bool:
    """Try the message again later, or give it up. Returns whether it was given up."""
    wait = timedelta(seconds=max(wait_s(message.attempts, rules), min(error.retry_after_s or 0.0, rules.most_wait_s)))
    row = connection.execute(
        """UPDATE outbox SET last_error = %(error)s, due_at = now() + %(wait)s,
                  given_up_at = CASE WHEN attempts >= %(most)s OR created_at + %(age)s <= now() THEN now() END
           WHERE message_id = %(message_id)s AND delivered_at IS NULL AND given_up_at IS NULL
           RETURNING given_up_at IS NOT NULL""",
        {
            "error": hide_passwords(str(error))[:_MOST_ERROR],
            "wait": wait,
            "most": rules.most_attempts,
            "age": timedelta(hours=rules.give_up_hours),
            "message_id": message.message_id,
        },
    ).fetchone()
    return row is not None and bool(row[0])


def wait_s(attempts: int, rules: DeliverySection) -> float:
    """Seconds between attempt number `attempts` and the next: `first_wait_s`, then twice as long each time, at most `most_wait_s`."""
    doublings = min(attempts - 1, 60)  # more would not be a number any more
    return min(rules.first_wait_s * 2.0**doublings, rules.most_wait_s)


def give_up_strays(connection: psycopg.Connection, channels: Mapping[str, Sender], rules: DeliverySection) -> int:
    """Give up old messages of channels that notifications.yaml does not have any more. Returns their number."""
    return connection.execute(
        """UPDATE outbox SET given_up_at = now(), last_error = 'notifications.yaml has no such channel'
           WHERE channel <> ALL(%s) AND created_at + %s <= now() AND delivered_at IS NULL AND given_up_at IS NULL""",
        [list(channels), timedelta(hours=rules.give_up_hours)],
    ).rowcount


def try_again(connection: psycopg.Connection) -> int:
    """Make messages that wait or were given up due now, with all their attempts before them. Returns their number."""
    return connection.execute(
        "UPDATE outbox SET given_up_at = NULL, attempts = 0, due_at = now(), created_at = now() WHERE delivered_at IS NULL"
    ).rowcount


def read_waiting(connection: psycopg.Connection) -> list[Waiting]:
    """By channel: messages that wait or were given up, and the last error among them."""
    query = """
        SELECT channel, count(*) FILTER (WHERE given_up_at IS NULL) AS waiting, min(created_at) FILTER (WHERE given_up_at IS NULL) AS oldest,
               count(given_up_at) AS given_up,
               (array_agg(last_error ORDER BY updated_at DESC) FILTER (WHERE last_error IS NOT NULL))[1] AS last_error
        FROM outbox WHERE delivered_at IS NULL GROUP BY channel ORDER BY channel
    """
    with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(query).fetchall()
