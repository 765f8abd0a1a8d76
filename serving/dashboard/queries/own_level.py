"""What is normal for each sensor of one machine, as the alerts on a machine's own normal compare with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg


@dataclass(frozen=True)
class OwnLevel:
    """The level of a sensor in the present life, and its spread; in the sensor's unit."""

    median: float
    spread: float


def own_levels(connection: psycopg.Connection, compressor_id: str, moment: datetime) -> dict[str, OwnLevel]:
    """The levels of the life at `moment` by sensor. Empty while they are not known yet: a life is learned from its first days."""
    row = connection.execute(
        """
        SELECT CASE WHEN learned_at <= %(moment)s THEN levels END FROM machine_lives
        WHERE compressor_id = %(compressor_id)s AND life_from <= %(moment)s
        ORDER BY life_from DESC
        LIMIT 1
        """,
        {"compressor_id": compressor_id, "moment": moment},
    ).fetchone()
    return {} if row is None or row[0] is None else {sensor: OwnLevel(*level) for sensor, level in row[0].items()}
