"""How far the warehouse has followed the lake."""

from __future__ import annotations

import psycopg


def synced_version(connection: psycopg.Connection, table_id: str) -> int | None:
    """The Delta version of the table that the warehouse has synced, None before the first sync."""
    row = connection.execute("SELECT version FROM lake_sync WHERE table_id = %s", [table_id]).fetchone()
    return None if row is None else int(row[0])


def record_sync(connection: psycopg.Connection, table_id: str, table_name: str, version: int) -> None:
    """Note, in the caller's transaction, that `version` is in."""
    connection.execute(
        """INSERT INTO lake_sync (table_id, table_name, version) VALUES (%s, %s, %s)
           ON CONFLICT (table_id) DO UPDATE SET version = excluded.version, synced_at = now()
           WHERE lake_sync.version IS DISTINCT FROM excluded.version""",
        [table_id, table_name, version],
    )


def record_only_sync(connection: psycopg.Connection, table_id: str, table_name: str, version: int) -> None:
    """Run `record_sync` and drop all others under `table_name`. A return to other rules or another lake starts anew."""
    connection.execute("DELETE FROM lake_sync WHERE table_name = %s AND table_id <> %s", [table_name, table_id])
    record_sync(connection, table_id, table_name, version)
