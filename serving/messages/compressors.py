"""Messages of GET /v1/compressors/{compressor_id}."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from serving.assessment import Health, Status
from serving.messages.alerts import AlertAnswer
from serving.messages.fields import Answer, AnsweredTime, MomentAnswer, MomentQuery
from serving.messages.fleet import Placed, Standing
from serving.messages.prediction import NumbersNow
from serving.messages.work_orders import EventType, WorkOrderAnswer


class CompressorQuery(MomentQuery):
    """A question about one compressor."""

    days: int = Field(7, ge=1, le=31, description="How far its histories go back, days.")


class PastPrediction(Answer):
    """A prediction of the history. Of one moment it is the model's that wrote last."""

    prediction_timestamp: AnsweredTime = Field(description="The moment of the prediction, UTC.")
    model_version: str = Field(description="Version of the model.")
    status: Status = Field(description="Whether there was a prediction, and if not, why.")
    rul_days: float | None = Field(description="Predicted remaining life, days.")
    rul_lower_days: float | None = Field(description="Lower end of the 90 % interval, days.")
    rul_upper_days: float | None = Field(description="Upper end of the 90 % interval, days.")
    failure_probability: float | None = Field(description="Probability of a failure within the model's horizon, 0 to 1.")
    health: Health | None = Field(description="Health by the predicted life.")


class SensorAnswer(Answer):
    """A sensor: its newest value against its limits, and its history. Values and limits are in `unit`."""

    sensor: str = Field(description="The sensor, a field of a reading.")
    unit: str = Field(description="Unit of all values and limits of this entry.")
    description: str = Field(description="What it measures, for people.")
    value: float | None = Field(description="Mean of the newest hour with readings (`last_hour`), in `unit`.")
    state: Literal["normal", "warning", "critical"] | None = Field(description="That mean against the limits. Null without a value.")
    direction: Literal["high", "low"] = Field(description="The side on which trouble lies.")
    normal_low: float | None = Field(description="Lower end of the normal range, in `unit`.")
    normal_high: float | None = Field(description="Upper end of the normal range, in `unit`.")
    warning: float = Field(description="Limit of a warning for this compressor's model, in `unit`.")
    critical: float | None = Field(description="Limit of critical for this model, in `unit`. Null: there is none.")
    mean: list[float | None] = Field(description="Mean of each hour of `hours`, in `unit`. Null: no usable reading.")
    lowest: list[float | None] = Field(description="Lowest reading of each hour, in `unit`.")
    highest: list[float | None] = Field(description="Highest reading of each hour, in `unit`.")


class MaintenanceAnswer(Answer):
    """A maintenance event."""

    event_date: AnsweredTime = Field(description="When it began, UTC.")
    event_type: EventType = Field(description="What was done.")
    description: str | None = Field(description="In words.")
    downtime_hours: float | None = Field(description="How long the compressor stood still, hours.")
    severity: str | None = Field(description="As the maintenance system states it.")
    cost_usd: float | None = Field(description="What it cost, USD.")


class CompressorDetail(Placed, Standing, NumbersNow):
    """A compressor in service with its newest prediction, as in the fleet."""

    horsepower: float | None = Field(description="Rated power, hp.")
    install_date: date | None = Field(description="When it was installed.")


class CompressorAnswer(MomentAnswer):
    """All about one compressor at one moment."""

    days: int = Field(description="How far the histories go back, days.")
    compressor: CompressorDetail = Field(description="The compressor and its newest prediction.")
    predictions: list[PastPrediction] = Field(description="History of predictions, newest first; at most 200, evenly chosen.")
    hours: list[AnsweredTime] = Field(
        description="Ends of the hours with readings, UTC, oldest first. The histories of `sensors` follow it."
    )
    sensors: list[SensorAnswer] = Field(description="Every sensor, in the order of a reading.")
    alerts: list[AlertAnswer] = Field(description="Open alerts, then those closed lately; worst first, at most 100.")
    maintenance_events: list[MaintenanceAnswer] = Field(description="Maintenance, newest first, at most 50.")
    work_orders: list[WorkOrderAnswer] = Field(description="Open work orders, soonest first.")
