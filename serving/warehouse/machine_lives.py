"""What is normal for each machine, in the warehouse: one row for each life. It is computed from readings and maintenance events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psycopg

from serving.warehouse.tables import Table, upsert_rows

FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)  # `life_from` of a life that no event began
_LIVES: Final = Table("machine_lives", ("compressor_id", "life_from"))


@dataclass(frozen=True)
class MachineLife:
    """One life of one compressor, and its own normal.

    `life_from` is the event that began it, `began_at` when the machine ran again. `levels` has level and spread by sensor, in the sensor's unit.
    They were known at the reading `learned_at`; a life without enough settled hours has none even then.
    """

    compressor_id: str
    life_from: datetime
    began_at: datetime | None
    learned_at: datetime | None
    levels: dict[str, list[float]]


def read_lives(connection: psycopg.Connection) -> dict[str, list[MachineLife]]:
    """All lives by compressor, oldest first."""
    query = "SELECT compressor_id, life_from, began_at, learned_at, levels FROM machine_lives ORDER BY compressor_id, life_from"
    lives: dict[str, list[MachineLife]] = {}
    for name, *rest in connection.execute(query):
        lives.setdefault(name, []).append(MachineLife(name, *rest))
    return lives


def replace_lives(connection: psycopg.Connection, compressor_ids: Sequence[str], lives: Iterable[MachineLife]) -> None:
    """Make `lives` all there are of these compressors."""
    rows = list(lives)
    upsert_rows(connection, _LIVES, MachineLife, rows)
    gone = """
        DELETE FROM machine_lives
        WHERE compressor_id = ANY(%s) AND (compressor_id, life_from) NOT IN (SELECT * FROM unnest(%s::text[], %s::timestamptz[]))
    """
    connection.execute(gone, [list(compressor_ids), [life.compressor_id for life in rows], [life.life_from for life in rows]])
