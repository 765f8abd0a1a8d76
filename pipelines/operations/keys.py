"""Makes, lists, revokes and rotates the service's keys of a home: `altaviz keys`."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from config.settings import Settings
from serving.access.keys import ApiKey, MadeKey, NewKey, create_key, list_keys, revoke_key, rotate_key
from serving.warehouse.migrations import migrated_warehouse


def create(settings: Settings, new: NewKey) -> dict[str, Any]:
    """A new key: `key`, its text, and the columns of its row. Raises InputError, WarehouseError."""
    with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        return _made(create_key(connection, new, _operator()))


def listed(settings: Settings) -> dict[str, Any]:
    """`keys`, newest first, each with its state. Raises WarehouseError."""
    with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        return {"keys": [_row(key) for key in list_keys(connection)]}


def revoke(settings: Settings, key_id: str) -> dict[str, Any]:
    """The columns of the revoked key. Raises InputError, WarehouseError."""
    with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        return _row(revoke_key(connection, key_id, _operator()))


def rotate(settings: Settings, key_id: str, overlap: timedelta) -> dict[str, Any]:
    """The new key as `create` returns it, and `replaces`: the old key's columns. Raises InputError, WarehouseError."""
    with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        made, old = rotate_key(connection, key_id, overlap, _operator())
    return {**_made(made), "replaces": _row(old)}


def _made(made: MadeKey) -> dict[str, Any]:
    return {"key": made.text, **_row(made.key)}


def _row(key: ApiKey) -> dict[str, Any]:
    return {**asdict(key), "state": key.state_at(datetime.now(UTC))}


def _operator() -> str:
    """The user of this process, who made or ended a key."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return "unknown"
