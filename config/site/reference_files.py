"""Section `reference` of site.yaml: how a site writes its compressors and its work orders."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from config.loader import Section, ZoneName

CompressorField = Literal["compressor_id", "model", "horsepower", "install_date", "station_id", "retired_date"]
EventField = Literal["compressor_id", "event_date", "event_type", "description", "downtime_hours", "severity", "cost_usd"]
EventType = Literal["scheduled", "unscheduled", "inspection", "failure"]
DowntimeUnit = Literal["min", "h", "d"]

HOURS_OF: Final[dict[DowntimeUnit, float]] = {"min": 1 / 60, "h": 1.0, "d": 24.0}


def _with_whole_year(pattern: str) -> str:
    if "%Y" not in pattern or "%y" in pattern:
        raise ValueError(f"{pattern!r} needs a year of four digits (%Y): '26' may be 1926 or 2026")
    return pattern


DateFormat = Annotated[str, AfterValidator(_with_whole_year)]


def same_word(text: str) -> str:
    """`text` in the form in which words are compared.

    Case, outer blanks and repeated blanks do not count.
    """
    return " ".join(text.split()).casefold()


class TableSection(Section):
    """What both reference files share. Omitted keys are found in the file."""

    file: str = Field(min_length=1)  # name or pattern such as WO_*.xlsx; of several the newest by name
    sheet: str | None = None  # of an Excel file; the first one when left out
    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] | None = None
    date_formats: list[DateFormat] = Field(default_factory=list)  # as strptime takes them; ISO 8601 is always understood
    missing: list[str] = Field(default_factory=list)  # words that mean no value, beside the usual ones


class CompressorsSection(TableSection):
    """The list of compressors."""

    file: str = "compressor_metadata.csv"
    columns: dict[CompressorField, str] = Field(default_factory=dict)  # field: name of its column, where it has another one
    stations: dict[str, str] = Field(default_factory=dict)  # the site's word: station of fleet.yaml
    covers: Literal["fleet", "stations"] = "fleet"  # whole fleet, or the stations it names: homes fed by several sites


class StatusSection(Section):
    """The column with the status of a work order.

    Orders with a status outside `keep` are left out.
    """

    column: str = Field(min_length=1)
    keep: list[str] = Field(min_length=1)


class EventsSection(TableSection):
    """The work orders."""

    file: str = "maintenance_events.csv"
    columns: dict[EventField, str] = Field(default_factory=dict)
    time_zone: ZoneName = "UTC"  # of times that name none
    event_types: dict[str, EventType] = Field(default_factory=dict)  # the site's word or code: event type
    ignore: list[str] = Field(default_factory=list)  # words or codes of orders that are no maintenance
    compressor_ids: dict[str, str] = Field(default_factory=dict)  # the site's name of a machine: compressor_id
    status: StatusSection | None = None
    downtime_unit: DowntimeUnit = "h"
    covers_days: float | None = Field(default=None, gt=0)  # a rolling export: only the last days before its newest event

    @model_validator(mode="after")
    def _each_word_once(self) -> EventsSection:
        twice = {same_word(word) for word in self.event_types} & {same_word(word) for word in self.ignore}
        if twice:
            raise ValueError(f"ignore: {', '.join(sorted(twice))} also in event_types; keep one")
        return self


class ReferenceFilesSection(Section):
    """How a site writes its reference files. Defaults are the names and formats in docs/how-to/reference-files.md."""

    compressors: CompressorsSection = CompressorsSection()
    events: EventsSection = EventsSection()
