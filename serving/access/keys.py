"""Keys of the service in the table `api_keys`: make, list, revoke and rotate.

A key is `altaviz_ID_SECRET`. Its secret has 256 random bits and is shown once. The table has the SHA-256 of the whole text. No guess can be
tested faster than a key, so a slow hash would add nothing. Times are those of the clock, never of a replay.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from psycopg.rows import class_row

from config.errors import InputError
from config.plain_text import plain_text
from serving.access.roles import Role

if TYPE_CHECKING:
    import psycopg

MOST_KEYS: Final = 1000  # usable at a time; a running service keeps them all in memory
_MOST_NAME: Final = 100  # characters, as api_keys takes them
_ID_CHARACTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # none looks like another
_ID_LENGTH: Final = 10
_SECRET_BYTES: Final = 32
_TEXT: Final = re.compile(rf"altaviz_([{_ID_CHARACTERS}]{{{_ID_LENGTH}}})_[A-Za-z0-9_-]{{43}}")
USABLE: Final = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"


@dataclass(frozen=True)
class ApiKey:
    """A row of `api_keys` without the hash. The key itself is stored nowhere."""

    key_id: str
    name: str
    role: Role
    requests_per_minute: int | None  # None: serving.yaml
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    last_used_at: datetime | None  # to the hour
    replaced_by: str | None  # the key it was rotated to

    def state_at(self, moment: datetime) -> str:
        """`usable`, `replaced` (usable until it expires), `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= moment:
            return "expired"
        return "replaced" if self.replaced_by else "usable"


@dataclass(frozen=True)
class NewKey:
    """What a key is made with. Without `lifetime` it does not expire."""

    name: str
    role: Role
    lifetime: timedelta | None = None
    requests_per_minute: int | None = None


@dataclass(frozen=True)
class MadeKey:
    """A new key with its text, which is shown now and never again."""

    text: str
    key: ApiKey


_COLUMNS: Final = ", ".join(field.name for field in fields(ApiKey))


def id_of(text: str) -> str | None:
    """The public part of a key. None for a text that is no key."""
    found = _TEXT.fullmatch(text)
    return found[1] if found else None


def digest_of(text: str) -> str:
    """What the table has in place of the key."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def create_key(connection: psycopg.Connection, new: NewKey, by: str) -> MadeKey:
    """Add a key, made by the person `by`. Raises InputError for a name that is none, and above MOST_KEYS."""
    name = new.name.strip()
    if not name or len(name) > _MOST_NAME or plain_text(name) != name:
        raise InputError(
            f"the name {plain_text(name)[:_MOST_NAME]!r} must be 1 to {_MOST_NAME} printable characters: name who uses the key"
        )
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('altaviz.api_keys'))")
    usable = connection.execute(f"SELECT count(*) FROM api_keys WHERE {USABLE}").fetchone()
    if usable is not None and usable[0] >= MOST_KEYS:
        raise InputError(f"{MOST_KEYS} keys are usable already: revoke those that nobody uses (`altaviz keys list`)")
    key_id = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))
    text = f"altaviz_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        made = cursor.execute(
            f"""
            INSERT INTO api_keys (key_id, name, role, key_sha256, requests_per_minute, created_by, expires_at)
            VALUES (%s, %s, %s, %s, %s, %s, now() + %s) RETURNING {_COLUMNS}
            """,
            (key_id, name, new.role, digest_of(text), new.requests_per_minute, by[:_MOST_NAME], new.lifetime),
        ).fetchone()
    if made is None:
        raise InputError("the key was not stored: run the command again")
    return MadeKey(text, made)


def list_keys(connection: psycopg.Connection) -> list[ApiKey]:
    """Every key, newest first, with those that were revoked or have expired."""
    with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        return cursor.execute(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at DESC, key_id").fetchall()


def revoke_key(connection: psycopg.Connection, key_id: str, by: str) -> ApiKey:
    """End a key now. A key that was revoked before stays as it is. Raises InputError for an unknown id."""
    _locked(connection, key_id)
    with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        cursor.execute(
            "UPDATE api_keys SET revoked_at = now(), revoked_by = %s WHERE key_id = %s AND revoked_at IS NULL", (by[:_MOST_NAME], key_id)
        )
    return _locked(connection, key_id)


def rotate_key(connection: psycopg.Connection, key_id: str, overlap: timedelta, by: str) -> tuple[MadeKey, ApiKey]:
    """A new key with the name, role and lifetime of an old one, and the old one, which ends after `overlap`.

    Raises InputError for an unknown id, and for a key that is not usable or was rotated before.
    """
    old = _locked(connection, key_id)
    now = _now(connection)
    state = old.state_at(now)
    if state != "usable":
        cure = f"rotate the key that replaced it, {old.replaced_by}" if state == "replaced" else "make a new one with `altaviz keys create`"
        raise InputError(f"key {key_id} is {state} and cannot be rotated: {cure}")
    lifetime = None if old.expires_at is None else old.expires_at - old.created_at
    made = create_key(connection, NewKey(old.name, old.role, lifetime, old.requests_per_minute), by)
    connection.execute(
        "UPDATE api_keys SET expires_at = LEAST(expires_at, %s), replaced_by = %s WHERE key_id = %s",
        (now + overlap, made.key.key_id, key_id),
    )
    return made, _locked(connection, key_id)


def _locked(connection: psycopg.Connection, key_id: str) -> ApiKey:
    with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        found = cursor.execute(f"SELECT {_COLUMNS} FROM api_keys WHERE key_id = %s FOR UPDATE", (key_id,)).fetchone()
    if found is None:
        raise InputError(f"no key has the id {plain_text(key_id)[:_MOST_NAME]!r}: `altaviz keys list` shows the ids")
    return found


def _now(connection: psycopg.Connection) -> datetime:
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    now: datetime = row[0]
    return now
