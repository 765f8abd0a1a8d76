"""Messages of GET /v1/fleet."""

from __future__ import annotations

from serving.assessment import Health
from serving.messages.fields import Answer, AnsweredTime
from serving.messages.scoring import Predicted


class FleetRow(Predicted):
    """A compressor's newest prediction in the warehouse, with its age.

    Unless `status` is ok, the numbers are those of the last usable prediction, at `prediction_timestamp`. They are null where none holds. The
    compressor was last scored at `status_timestamp`, which is the time of its status.
    """

    rank: int
    health: Health | None
    prediction_timestamp: AnsweredTime
    status_timestamp: AnsweredTime
    age_hours: float
    rul_days_now: float | None
    model_version: str


class FleetAnswer(Answer):
    """The fleet, most urgent first."""

    as_of: AnsweredTime | None
    compressors: list[FleetRow]
