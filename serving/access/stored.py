"""Reads and writes what a running service needs of its keys: those that are usable, their last use, and the record of writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from serving.access.keyring import Caller, StoredKey, StoredKeys
from serving.access.keys import MOST_KEYS, USABLE

if TYPE_CHECKING:
    import psycopg

_MOST_ACTOR: Final = 100  # characters, as api_writes takes them
_MOST_PATH: Final = 500


def read_keys(connection: psycopg.Connection, used: Sequence[str], requests_per_minute: int) -> StoredKeys:
    """Note that the keys `used` were used in this hour, and read all that are usable. A key without its own rate gets `requests_per_minute`."""
    if used:
        connection.execute(
            "UPDATE api_keys SET last_used_at = date_trunc('hour', now()) "
            "WHERE key_id = ANY(%s) AND (last_used_at IS NULL OR last_used_at < date_trunc('hour', now()))",
            (list(used),),
        )
    rows = connection.execute(
        "SELECT key_id, name, role, coalesce(requests_per_minute, %s), key_sha256, expires_at, last_used_at "
        f"FROM api_keys WHERE {USABLE} ORDER BY created_at DESC LIMIT %s",
        (requests_per_minute, MOST_KEYS),
    ).fetchall()
    keys = [
        StoredKey(Caller(key_id, name, role, rate), bytes.fromhex(sha256), expires_at, last_used_at)
        for key_id, name, role, rate, sha256, expires_at, last_used_at in rows
    ]
    if keys:
        return StoredKeys(keys, ever=True)
    return StoredKeys(keys, ever=has_keys(connection))


def has_keys(connection: psycopg.Connection) -> bool:
    """Whether a key was ever made, usable or not."""
    return connection.execute("SELECT 1 FROM api_keys LIMIT 1").fetchone() is not None


def has_usable_key(connection: psycopg.Connection) -> bool:
    """Whether a key works now."""
    return connection.execute(f"SELECT 1 FROM api_keys WHERE {USABLE} LIMIT 1").fetchone() is not None


@dataclass(frozen=True)
class ApiWrite:
    """A request that writes, and the status it was answered with. Never a body: `details` are what a route chose to record."""

    request_id: str
    key_id: str | None
    actor: str  # the person, else the key's name
    method: str
    path: str
    status: int
    details: Mapping[str, Any] = field(default_factory=dict)


def record_write(connection: psycopg.Connection, write: ApiWrite) -> None:
    """Add a row to `api_writes`."""
    connection.execute(
        "INSERT INTO api_writes (request_id, written_at, key_id, actor, method, path, status, details) "
        "VALUES (%s, clock_timestamp(), %s, %s, %s, %s, %s, %s)",
        (
            write.request_id,
            write.key_id,
            write.actor[:_MOST_ACTOR],
            write.method,
            write.path[:_MOST_PATH],
            write.status,
            json.dumps(dict(write.details), default=str),
        ),
    )
