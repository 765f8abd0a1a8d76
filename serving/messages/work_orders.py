"""Messages of /v1/work-orders."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from serving.messages.fields import Answer, AnsweredTime

WorkOrderStatus = Literal["draft", "exported", "completed", "cancelled"]
EventType = Literal["scheduled", "unscheduled", "inspection", "failure"]


class WorkOrderAnswer(Answer):
    """A work order, from its draft until it is done."""

    work_order_id: str = Field(description="Its number.")
    compressor_id: str = Field(description="The compressor.")
    status: WorkOrderStatus = Field(description="Where it is: a draft, exported to the maintenance system, completed or cancelled.")
    priority: int = Field(description="1 emergency, 2 urgent, 3 planned, 4 when convenient.")
    title: str = Field(description="What is to be done, in one line.")
    description: str = Field(description="What is to be done, in full.")
    reasons: list[str] = Field(description="The reasons of the prediction that it was drafted from.")
    act_by: date | None = Field(description="The day (UTC) by which it should be done.")
    planned_start: AnsweredTime | None = Field(description="When the crew is to begin, UTC. Null: not planned yet.")
    parts_lead_days: float | None = Field(description="How long the parts take to arrive, days.")
    cost_at_stake_usd: float | None = Field(description="What an unplanned stop would cost, USD.")
    expected_saving_usd: float | None = Field(description="What the planned repair saves, USD.")
    rul_days: float | None = Field(description="Remaining life of the prediction that it was drafted from, days.")
    failure_probability: float | None = Field(description="Failure probability of that prediction, 0 to 1.")
    prediction_timestamp: AnsweredTime | None = Field(description="The moment of that prediction, UTC.")
    model_version: str | None = Field(description="The version that made that prediction.")
    assigned_to: str | None = Field(description="Who does it.")
    drafted_at: AnsweredTime = Field(description="When it was drafted, UTC.")
    drafted_by: str = Field(description="Who drafted it.")
    exported_at: AnsweredTime | None = Field(description="When it was exported, UTC.")
    exported_by: str | None = Field(description="Who exported it.")
    external_id: str | None = Field(description="Its number in the maintenance system.")
    completed_at: AnsweredTime | None = Field(description="End of the repair, UTC.")
    completed_by: str | None = Field(description="Who reported it done.")
    event_type: EventType | None = Field(description="What was done, as a maintenance event.")
    event_date: AnsweredTime | None = Field(description="Start of the repair, UTC.")
    downtime_hours: float | None = Field(description="How long the compressor stood still, hours.")
    cost_usd: float | None = Field(description="What the repair cost, USD.")
    completion_note: str | None = Field(description="What was found and done.")
    cancelled_at: AnsweredTime | None = Field(description="When it was cancelled, UTC.")
    cancelled_by: str | None = Field(description="Who cancelled it.")
