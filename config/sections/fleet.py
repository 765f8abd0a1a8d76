"""Schema of fleet.yaml: compressor models and stations."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from config.loader import Section


class CompressorModel(Section):
    """One compressor model of the fleet."""

    manufacturer: str
    cylinders: int = Field(gt=0)
    rated_hp: float = Field(gt=0)
    drive: str


class Station(Section):
    """One compressor station; its time zone decides what the hour of the day is."""

    basin: str
    town: str
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    time_zone: str

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return _check_zone(value)


class FleetConfig(Section):
    """Reference data of the fleet.

    `time_zone` is for a compressor whose station is not listed.
    """

    time_zone: str
    models: dict[str, CompressorModel] = Field(min_length=1)
    stations: dict[str, Station] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return _check_zone(value)


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{value!r} is no IANA time zone: write one such as America/Chicago or UTC") from None
    return value
