"""The natural key of an alert, and the id that addresses carry: `COMP-007~vibration_mms_high~20260302T060000Z`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from config.errors import NotFoundError

_TIME: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, order=True)
class AlertKey:
    """One alert of `alert_history`. `alert_timestamp` is the first reading of its condition, and moves when earlier readings arrive late."""

    compressor_id: str
    alert_type: str
    alert_timestamp: datetime

    @property
    def alert_id(self) -> str:
        """The id, as the view v_alerts writes it: to the second, in UTC."""
        return f"{self.compressor_id}~{self.alert_type}~{self.alert_timestamp.astimezone(UTC):{_TIME}}"


def parse_alert_id(alert_id: str) -> AlertKey:
    """The key that an id names. Raises NotFoundError for text that is no id."""
    parts = alert_id.rsplit("~", 2)  # a compressor's id may hold a tilde
    try:
        compressor_id, alert_type, begun = parts
        moment = datetime.strptime(begun, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise NotFoundError(f"{alert_id!r} is no id of an alert: it looks like COMP-007~vibration_mms_high~20260302T060000Z") from None
    if not compressor_id or "\x00" in alert_id:
        raise NotFoundError(f"{alert_id!r} is no id of an alert: it names no compressor")
    return AlertKey(compressor_id, alert_type, moment)
