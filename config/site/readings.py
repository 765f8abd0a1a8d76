"""Section `readings` of site.yaml: layout, columns, units, times, ids and words for missing values."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from config.loader import Section, ZoneName
from config.site.units import ATMOSPHERE_PSI, CONTRACT_UNITS, UnknownUnit, conversion

COMPRESSOR_GROUP: Final = "compressor_id"  # the group of a pattern that holds the id
TAG_GROUP: Final = "tag"
TIME_FORMATS: Final = ("iso", "epoch_s", "epoch_ms", "epoch_us", "excel_serial")
ALIGN_LONG_S: Final = 60.0


def _known_sensor(name: str) -> str:
    if name not in CONTRACT_UNITS:
        raise ValueError(f"{name}: no such sensor; use one of {', '.join(CONTRACT_UNITS)}")
    return name


def _pattern(value: str, *groups: str) -> str:
    try:
        found = re.compile(value).groupindex
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from None
    missing = [group for group in groups if group not in found]
    if missing:
        raise ValueError(f"{value!r} has no group (?P<{missing[0]}>...)")
    return value


class SensorSource(Section):
    """The column (wide) or the tag (long) of one sensor, and the unit it is written in."""

    column: str | None = None
    tag: str | None = None
    unit: str | None = None

    @property
    def place(self) -> str | None:
        """The column or the tag."""
        return self.column or self.tag


class TimeSource(Section):
    """The column of the time, and how times are written.

    `zone` is the IANA zone of times that name none.
    """

    column: str | None = None
    format: str | None = None
    zone: ZoneName | None = None

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None and value not in TIME_FORMATS and "%" not in value:
            raise ValueError(f"{value!r} is neither a pattern such as %d.%m.%Y %H:%M:%S nor one of {', '.join(TIME_FORMATS)}")
        return value


class CompressorSource(Section):
    """Where the id stands: in a column, a constant, the path below readings/, or the tag.

    `names` maps the site's names to ids.
    """

    column: str | None = None
    value: str | None = None
    path: str | None = None
    tag: str | None = None
    names: dict[str, str] = Field(default_factory=dict)

    @field_validator("path")
    @classmethod
    def _path_has_the_id(cls, value: str | None) -> str | None:
        return value if value is None else _pattern(value, COMPRESSOR_GROUP)

    @field_validator("tag")
    @classmethod
    def _tag_has_both(cls, value: str | None) -> str | None:
        return value if value is None else _pattern(value, COMPRESSOR_GROUP, TAG_GROUP)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [name for name in ("column", "value", "path", "tag") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are given, but the id has one place: keep one of them")
        return self


class QualitySource(Section):
    """The source's own quality mark, and the values that mean good.

    `column` is for the whole row, `columns` is by sensor.
    """

    column: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    good: Annotated[list[str | int | float], Field(min_length=1)]

    @field_validator("columns")
    @classmethod
    def _known_sensors(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            _known_sensor(name)
        return value

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if (self.column is None) == (not self.columns):
            raise ValueError("give either column (one for the row) or columns (one for each sensor)")
        return self


class TextFormat(Section):
    """How text files and sheets are written. Omitted keys are found in each file."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    decimal: Literal[".", ","] | None = None
    thousands: Literal[".", ",", " ", "'"] | None = None
    encoding: str | None = None
    skip_rows: int | None = Field(default=None, ge=0)
    units_row: bool | None = None
    footer_rows: int = Field(default=0, ge=0)
    sheet: str | None = None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                codecs.lookup(value)
            except LookupError:
                raise ValueError(f"{value!r} is no encoding; common ones: utf-8, utf-16, cp1252") from None
        return value

    @model_validator(mode="after")
    def _different_signs(self) -> Self:
        if self.thousands is not None and self.thousands == (self.decimal or "."):
            raise ValueError(f"thousands and decimal are both {self.thousands!r}: use different signs")
        return self


class ReadingsSection(Section):
    """How a site writes readings. Omitted keys are found in the files.

    `stations` and `compressors` override `sensors` where a station or a compressor differs. A compressor wins
    over its station.
    """

    layout: Literal["wide", "long"] = "wide"
    tag_column: str | None = None
    value_column: str | None = None
    format: TextFormat = TextFormat()
    time: TimeSource = TimeSource()
    compressor_id: CompressorSource = CompressorSource()
    sensors: dict[str, SensorSource] = Field(default_factory=dict)
    stations: dict[str, dict[str, SensorSource]] = Field(default_factory=dict)
    compressors: dict[str, dict[str, SensorSource]] = Field(default_factory=dict)
    absent: list[str] = Field(default_factory=list)
    quality: QualitySource | None = None
    missing: list[str | int | float] = Field(default_factory=list)
    align_seconds: float | None = Field(default=None, ge=0)
    atmosphere_psi: float = Field(default=ATMOSPHERE_PSI, gt=0)

    @property
    def aligned_to_s(self) -> float:
        """Times are rounded to the nearest multiple of this many seconds. 0 leaves them."""
        return self.align_seconds if self.align_seconds is not None else ALIGN_LONG_S if self.layout == "long" else 0.0

    @field_validator("absent")
    @classmethod
    def _absent_sensors(cls, value: list[str]) -> list[str]:
        return [_known_sensor(name) for name in value]

    @model_validator(mode="after")
    def _units_and_places_fit(self) -> Self:
        groups = {"sensors": self.sensors}
        groups |= {f"stations.{name}": sources for name, sources in self.stations.items()}
        groups |= {f"compressors.{name}": sources for name, sources in self.compressors.items()}
        wrong = "tag" if self.layout == "wide" else "column"
        for where, sources in groups.items():
            for sensor, source in sources.items():
                _known_sensor(sensor)
                if getattr(source, wrong) is not None:
                    raise ValueError(f"{where}.{sensor}.{wrong}: a {self.layout} layout has {'columns' if wrong == 'tag' else 'tags'}")
                if source.unit is not None:
                    try:
                        conversion(sensor, source.unit, self.atmosphere_psi)
                    except UnknownUnit as error:
                        raise ValueError(f"{where}.{sensor}.unit: {error}") from None
        both = [name for name in self.absent if name in self.sensors]
        if both:
            raise ValueError(f"absent: {', '.join(both)} also listed under sensors; keep one")
        return self

    @model_validator(mode="after")
    def _long_only(self) -> Self:
        if self.layout == "wide" and (self.tag_column or self.value_column or self.compressor_id.tag):
            raise ValueError("tag_column, value_column and compressor_id.tag belong to layout: long")
        if self.layout == "long" and self.quality is not None and self.quality.columns:
            raise ValueError("quality.columns: a long layout has one quality column; use quality.column")
        return self
