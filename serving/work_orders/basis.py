"""What the warehouse knows of a compressor when an order is drafted: the row of the fleet's list at the moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import psycopg
from psycopg.rows import class_row

from config.errors import NotFoundError
from serving.prediction.data_faults import FAULT_WORDS


@dataclass(frozen=True)
class Basis:
    """A compressor, its newest prediction with numbers (None without any), and the moment that this is of."""

    compressor_id: str
    model: str
    station_id: str | None
    basin: str | None
    town: str | None
    health: str  # the worse of alerts and prediction: healthy, warning, critical or unknown
    prediction_status: str | None  # None: never scored
    rul_days: float | None
    rul_lower_days: float | None
    rul_upper_days: float | None
    failure_probability: float | None
    horizon_days: float | None
    act_by: date | None
    expected_saving_usd: float | None
    reasons: list[str]
    data_faults: list[dict[str, Any]]
    prediction_timestamp: datetime | None
    model_version: str | None
    open_alerts: int
    moment: datetime

    @property
    def has_numbers(self) -> bool:
        """Whether a prediction says how long the compressor will last."""
        return self.rul_days is not None

    @property
    def place(self) -> str:
        """The station, its basin and town, as far as they are known."""
        return ", ".join(filter(None, (self.station_id, self.basin, self.town))) or "unknown station"


_QUERY: Final = """
    SELECT fleet.compressor_id, fleet.model, fleet.station_id, fleet.basin, fleet.town,
           fleet.health_status AS health, fleet.status AS prediction_status, fleet.rul_days::float8, fleet.rul_lower_days::float8,
           fleet.rul_upper_days::float8, fleet.failure_probability::float8, fleet.horizon_days::float8, fleet.act_by,
           fleet.expected_saving_usd::float8, coalesce(fleet.reasons, '[]') AS reasons, coalesce(fleet.data_faults, '[]') AS data_faults,
           CASE WHEN fleet.rul_days IS NOT NULL THEN fleet.prediction_timestamp END AS prediction_timestamp,
           CASE WHEN fleet.rul_days IS NOT NULL THEN fleet.model_version END AS model_version,
           fleet.open_alerts, asked.moment
    FROM v_fleet_health_summary AS fleet CROSS JOIN v_moment AS asked
    WHERE fleet.compressor_id = %s
"""


def read_basis(connection: psycopg.Connection, compressor_id: str) -> Basis:
    """The basis of a compressor in service, at the connection's moment (v_moment). Raises NotFoundError."""
    with connection.cursor(row_factory=class_row(Basis)) as cursor:
        basis = cursor.execute(_QUERY, [compressor_id]).fetchone()
    if basis is None:
        raise NotFoundError(f"{compressor_id} is not a compressor in service: use an id of the fleet")
    return basis


def fault_sentence(fault: dict[str, Any]) -> str:
    """A sensor's fault for a crew, such as `vibration: frozen since 2026-03-09T00:00:00Z (no change)`."""
    sensor, name = str(fault.get("sensor", "")), str(fault.get("fault", "fault")).replace("_", " ")
    since, detail = fault.get("since"), fault.get("detail")
    sentence = f"{FAULT_WORDS.get(sensor, sensor)}: {name}"
    return sentence + (f" since {since}" if since else "") + (f" ({detail})" if detail else "")
