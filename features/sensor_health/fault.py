"""A fault of one sensor, and its text form in silver and gold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

OK: Final = ""  # the verdict on a value that is not refused
FaultTexts = list[tuple[int, str]]  # (time in us, text of contract.DATA_FAULTS) of readings that have one, oldest first

_ZERO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Fault:
    """A fault of a sensor, and when it began.

    `unit` is the unit that the values appear to be in, if that is the fault.
    """

    sensor: str
    fault: str  # one of contract.SENSOR_FAULTS
    since_us: int  # microseconds since 1970, UTC
    unit: str | None = None

    @property
    def since(self) -> datetime:
        """First reading with the fault, UTC."""
        return _ZERO_TIME + timedelta(microseconds=self.since_us)


def encode_faults(faults: Sequence[Fault]) -> str | None:
    """The text of some faults for the column `data_faults`; None for none."""
    if not faults:
        return None
    return json.dumps([[item.sensor, item.fault, item.since_us, item.unit] for item in faults], separators=(",", ":"))


def decode_faults(text: str | None) -> list[Fault]:
    """Inverse of `encode_faults`."""
    return [Fault(*item) for item in json.loads(text)] if text else []
