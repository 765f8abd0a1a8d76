"""Fields of predictions that several messages share."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from serving.assessment import Health, Status
from serving.messages.fields import Answer, AnsweredTime

Urgency = Literal["critical", "warning", "healthy", "unknown"]


class DataFault(Answer):
    """A sensor's fault and its beginning."""

    sensor: str = Field(description="The sensor, a field of a reading. The sensor `all` is every sensor at once.")
    fault: str = Field(description="The kind of fault, such as `frozen`, `zero` or `missing`.")
    since: str = Field(description="When it began, ISO 8601, UTC.")
    detail: str = Field(description="The fault in words, for people.")


class Numbers(Answer):
    """The numbers of a prediction. They are null where it has none, and the last two also while no repair is due."""

    rul_days: float | None = Field(description="Predicted remaining life from `prediction_timestamp` on, days, 0 or more.")
    rul_lower_days: float | None = Field(description="Lower end of the 90 % interval of `rul_days`, days.")
    rul_upper_days: float | None = Field(description="Upper end of the 90 % interval of `rul_days`, days.")
    failure_probability: float | None = Field(description="Probability of a failure within `horizon_days`, 0 to 1.")
    confidence_score: float | None = Field(description="Confidence, 0 to 1: it falls as the interval widens.")
    act_by: date | None = Field(description="Day (UTC) on which a repair costs least. Null while none is due.")
    expected_saving_usd: float | None = Field(description="What a repair on that day saves, against no repair, USD.")


class NumbersNow(Numbers):
    """The numbers of a prediction as they stand at the moment of the answer."""

    health: Health | None = Field(description="Health by what is left of the predicted life.")
    prediction_timestamp: AnsweredTime | None = Field(description="The moment of the numbers, UTC. Null for a compressor never scored.")
    status_timestamp: AnsweredTime | None = Field(description="When the compressor was last scored, UTC: `status` is of then.")
    age_hours: float | None = Field(description="From `prediction_timestamp` until the moment of the answer, hours.")
    rul_days_now: float | None = Field(description="What is left of `rul_days` at the moment of the answer, days, 0 or more.")
    model_version: str | None = Field(description="Version of the model that made the numbers.")
    status: Status | None = Field(
        description="Status of the newest scoring. Unless it is ok, the numbers are of the last usable prediction."
    )
    data_faults: list[DataFault] = Field(description="Faults of sensors at the newest scoring.")
    horizon_days: float | None = Field(description="How far the failure probability looks ahead, days.")
    reasons: list[str] = Field(description="Why, for people: why there is no number now, then the reasons for the numbers.")
