"""Stations on a map that needs no net: each a mark, as large as its compressors are many, in the look of its worst urgency."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import altair as alt

from serving.dashboard.charts.theme import frame, neutral, themed
from serving.dashboard.display.urgency import LOOKS, URGENCIES
from serving.dashboard.queries.fleet import StationCount

_OUTLINE: Final = Path(__file__).parents[1] / "outline" / "us_states.json"
_MARGIN_SHARE: Final = 0.15  # of the span of the stations
_LEAST_MARGIN_DEGREES: Final = 1.5

Line = list[tuple[float, float]]


@dataclass(frozen=True)
class StationMark:
    """One station of the map."""

    station: str
    place: str
    latitude: float
    longitude: float
    worst: str
    compressors: int
    counts: str  # `1 critical, 2 healthy`


@dataclass(frozen=True)
class Frame:
    """The part of the world that is drawn, in degrees."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, longitude: float, latitude: float) -> bool:
        """Whether a point is inside."""
        return self.west <= longitude <= self.east and self.south <= latitude <= self.north


def station_marks(counts: Iterable[StationCount]) -> list[StationMark]:
    """One mark a station with a place, from its counts by urgency."""
    by_station: defaultdict[str, list[StationCount]] = defaultdict(list)
    for count in counts:
        if count.station_id is not None and count.latitude is not None and count.longitude is not None:
            by_station[count.station_id].append(count)
    marks = []
    for station, rows in sorted(by_station.items()):
        first, ordered = rows[0], sorted(rows, key=lambda row: URGENCIES.index(row.health_status))
        worst = next((row.health_status for row in ordered if row.health_status != "unknown"), "unknown")
        place = ", ".join(part for part in (first.town, first.basin) if part)
        told = ", ".join(f"{row.compressors} {row.health_status}" for row in ordered)
        total = sum(row.compressors for row in rows)
        marks.append(StationMark(station, place, first.latitude or 0.0, first.longitude or 0.0, worst, total, told))
    return marks


def frame_of(marks: Sequence[StationMark]) -> Frame:
    """The stations' surroundings."""
    longitudes, latitudes = [mark.longitude for mark in marks], [mark.latitude for mark in marks]
    span = max(max(longitudes) - min(longitudes), max(latitudes) - min(latitudes))
    margin = max(_MARGIN_SHARE * span, _LEAST_MARGIN_DEGREES)
    return Frame(
        max(min(longitudes) - margin, -180),
        max(min(latitudes) - margin, -85),
        min(max(longitudes) + margin, 180),
        min(max(latitudes) + margin, 85),
    )


def lines_in(frame: Frame, lines: Iterable[Line]) -> list[Line]:
    """The pieces of lines inside the frame, each with one point beyond the edge at most."""
    return [piece for line in lines for piece in _pieces(frame, line)]


def fleet_map(marks: Sequence[StationMark], *, dark: bool) -> Any:
    """The map of the stations, whose states' borders lie behind."""
    colours, view = neutral(dark=dark), frame_of(marks)
    borders: list[dict[str, Any]] = [_feature(line) for line in lines_in(view, _outline())]
    ground = alt.Chart(alt.InlineData(values=borders)).mark_geoshape(filled=False, stroke=colours.faint, strokeWidth=0.7, strokeOpacity=0.6)
    rows = [mark.__dict__ for mark in marks]
    places = alt.Chart(frame(rows)).encode(longitude="longitude:Q", latitude="latitude:Q")
    points = places.mark_point(filled=True, opacity=0.95, stroke=colours.ground, strokeWidth=1).encode(
        size=alt.Size("compressors:Q", scale=alt.Scale(type="sqrt", range=[160, 700], domainMin=1), legend=None),
        color=alt.Color(
            "worst:N", scale=alt.Scale(domain=list(LOOKS), range=[look.colour for look in LOOKS.values()]), legend=alt.Legend(title=None)
        ),
        shape=alt.Shape(
            "worst:N", scale=alt.Scale(domain=list(LOOKS), range=[look.shape for look in LOOKS.values()]), legend=alt.Legend(title=None)
        ),
        tooltip=[
            alt.Tooltip("station:N", title="Station"),
            alt.Tooltip("place:N", title="Place"),
            alt.Tooltip("counts:N", title="Compressors"),
        ],
    )
    names = places.mark_text(dy=-16, fontSize=11, color=colours.text).encode(text="station:N")
    numbers = places.mark_text(dy=17, fontSize=10, color=colours.faint).encode(text="counts:N")
    return themed(alt.layer(ground, points, names, numbers).project(type="mercator").properties(height=300), dark=dark)


def map_text(marks: Sequence[StationMark]) -> str:
    """The map in words, for screen readers."""
    return "; ".join(f"{mark.station} ({mark.place}): {mark.counts}" for mark in marks)


def _feature(line: Line) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": "LineString", "coordinates": line}}


def _pieces(frame: Frame, line: Line) -> Iterator[Line]:
    piece: Line = []
    for point in line:
        if frame.holds(*point):
            piece.append(point)
            continue
        if len(piece) > 1:
            yield piece
        piece = []
    if len(piece) > 1:
        yield piece


@functools.cache
def _outline() -> list[Line]:
    return [[(x, y) for x, y in line] for line in json.loads(_OUTLINE.read_text(encoding="utf-8"))]
