"""Schema of fleet.yaml: compressor models and stations."""

from __future__ import annotations

from pydantic import Field

from config.loader import Section, ZoneName


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
    time_zone: ZoneName


class FleetConfig(Section):
    """Reference data of the fleet.

    `time_zone` is for a compressor whose station is not listed.
    """

    time_zone: ZoneName
    models: dict[str, CompressorModel] = Field(min_length=1)
    stations: dict[str, Station] = Field(min_length=1)
