"""Messages of GET /v1/fleet."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from serving.messages.fields import Answer, AnsweredTime, Identifier, MomentAnswer, Name, PageQuery
from serving.messages.prediction import NumbersNow, Urgency

FleetSort = Literal[
    "rank", "compressor_id", "rul_days_now", "failure_probability", "act_by", "expected_saving_usd", "reading_age_hours", "open_alerts"
]


class FleetQuery(PageQuery):
    """Which compressors, in which order."""

    station: Identifier | None = Field(None, description="Only compressors of this station, by its id.")
    basin: Name | None = Field(None, description="Only compressors of this basin.")
    model: Name | None = Field(None, description="Only compressors of this model.")
    urgency: Urgency | None = Field(None, description="Only compressors of this urgency.")
    sort: FleetSort = Field(
        "rank",
        description=(
            "The order, worst first: `rank` (most urgent), `rul_days_now` (shortest), `failure_probability` (highest), `act_by` (soonest), "
            "`expected_saving_usd` (largest), `reading_age_hours` (oldest), `open_alerts` (most); or `compressor_id`."
        ),
    )


class Placed(Answer):
    """A compressor, and where it stands."""

    compressor_id: str = Field(description="The compressor.")
    model: str = Field(description="Its model, as the maker calls it.")
    station_id: str | None = Field(description="Its station.")
    basin: str | None = Field(description="The station's basin.")
    town: str | None = Field(description="The town that is nearest to the station.")
    latitude: float | None = Field(description="The station's latitude, degrees north.")
    longitude: float | None = Field(description="The station's longitude, degrees east.")
    time_zone: str | None = Field(description="The station's time zone, an IANA name.")


class Standing(Answer):
    """How urgent a compressor is, and what is open."""

    urgency: Urgency = Field(description="The worse of health and active alerts; `unknown` with neither.")
    active_alerts: int = Field(description="Raised or acknowledged alerts about the machine, count.")
    data_alerts: int = Field(description="Raised or acknowledged alerts about sensor faults, count.")
    open_alerts: int = Field(description="All alerts that are not closed, count.")
    unacknowledged_alerts: int = Field(description="Open alerts that nobody acknowledged and nobody shelved, count.")
    shelved_alerts: int = Field(description="Shelved alerts, count.")
    last_hour: AnsweredTime | None = Field(description="End of the newest hour with readings, UTC.")
    reading_age_hours: float | None = Field(description="From the end of that hour until the moment of the answer, hours.")
    next_work_order_id: str | None = Field(description="The open work order that comes first.")
    next_planned_start: AnsweredTime | None = Field(description="When its crew is to begin, UTC.")
    next_work_act_by: date | None = Field(description="The day (UTC) by which it should be done.")


class FleetRow(Placed, Standing, NumbersNow):
    """A compressor in service with its newest prediction.

    Unless `status` is ok, the numbers are those of the last usable prediction, at `prediction_timestamp`. They are null where none holds.
    """

    rank: int = Field(description="Place in the whole fleet, 1 is the most urgent. A filter or another order does not change it.")


class FleetAnswer(MomentAnswer):
    """Compressors in service."""

    total: int = Field(description="Compressors that match, on all pages, count.")
    compressors: list[FleetRow] = Field(description="One page of them, in the asked order.")
