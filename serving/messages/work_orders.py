"""Messages of /v1/work-orders."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from serving.messages.fields import Answer, AnsweredTime, AskedTime, Identifier, Name, Note, Query, Request, without_nul
from serving.messages.prediction import DataFault, Urgency

WorkOrderStatus = Literal["draft", "exported", "completed", "cancelled"]
EventType = Literal["scheduled", "unscheduled", "inspection", "failure"]
Priority = Literal[1, 2, 3, 4]
ExportFormat = Literal["csv", "maximo", "sap"]
FileFormat = Literal["csv", "maximo", "sap", "html"]
Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(without_nul)]
Description = Annotated[str, Field(max_length=20_000), AfterValidator(without_nul)]


class WorkOrderAnswer(Answer):
    """A work order, from its draft until it is done."""

    work_order_id: str = Field(description="Its number.")
    compressor_id: str = Field(description="The compressor.")
    status: WorkOrderStatus = Field(description="Where it is: a draft, exported to the maintenance system, completed or cancelled.")
    model: str | None = Field(description="The compressor's model.")
    station_id: str | None = Field(description="The compressor's station.")
    priority: Priority = Field(description="1 emergency, 2 urgent, 3 planned, 4 when convenient.")
    title: str = Field(description="What is to be done, in one line.")
    description: str = Field(description="What is to be done, in full.")
    draft_reason: str | None = Field(description="Why a person ordered it. Always there without a usable prediction.")
    health: Urgency | None = Field(description="The compressor's urgency when it was drafted.")
    prediction_status: str | None = Field(description="Status of the newest prediction then. Null: there was none.")
    reasons: list[str] = Field(description="The reasons of the prediction that it was drafted from.")
    data_faults: list[DataFault] = Field(description="Faults of sensors at that prediction.")
    act_by: date | None = Field(description="The day (UTC) by which it should be done.")
    planned_start: AnsweredTime | None = Field(description="When the crew is to begin, UTC. Null: not planned yet.")
    parts_lead_days: float | None = Field(description="How long the parts take to arrive, days.")
    cost_at_stake_usd: float | None = Field(description="What an unplanned stop would cost, USD.")
    planned_cost_usd: float | None = Field(description="What the same repair costs when it is planned, USD.")
    expected_saving_usd: float | None = Field(description="What the planned repair saves, USD.")
    rul_days: float | None = Field(description="Remaining life of the prediction that it was drafted from, days.")
    rul_lower_days: float | None = Field(description="Lower end of the 90 % interval of that life, days.")
    rul_upper_days: float | None = Field(description="Upper end of the 90 % interval of that life, days.")
    failure_probability: float | None = Field(description="Failure probability of that prediction, 0 to 1.")
    horizon_days: float | None = Field(description="How far that probability looks ahead, days.")
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
    event_loaded_at: AnsweredTime | None = Field(description="When the lake took the maintenance event in, UTC. Null: not yet.")
    cancelled_at: AnsweredTime | None = Field(description="When it was cancelled, UTC.")
    cancelled_by: str | None = Field(description="Who cancelled it.")


class WorkOrderQuery(Query):
    """Which work orders."""

    status: WorkOrderStatus | None = Field(None, description="Only orders of this status.")
    compressor_id: Identifier | None = Field(None, description="Only orders of this compressor.")
    limit: int = Field(100, ge=1, le=1000, description="The most orders of the answer.")
    offset: int = Field(0, ge=0, le=1_000_000_000, description="How many orders to leave out before the first one.")


class WorkOrdersAnswer(Answer):
    """Open orders by the day they are planned or due, then the others, newest first."""

    total: int = Field(description="Orders that match, on all pages, count.")
    work_orders: list[WorkOrderAnswer] = Field(description="One page of them.")


class WorkOrderChangeAnswer(Answer):
    """One entry of an order's log."""

    change: str = Field(description="What happened, such as `drafted`, `changed` or `completed`.")
    changed_at: AnsweredTime = Field(description="When, UTC.")
    changed_by: str = Field(description="Who: a person, or the name of a key.")
    details: dict[str, Any] = Field(description="More about it: each changed field with its value before and after, or the event.")
    note: str | None = Field(description="A note of the person.")


class WorkOrderDetailAnswer(Answer):
    """A work order with its log."""

    work_order: WorkOrderAnswer = Field(description="The order.")
    changes: list[WorkOrderChangeAnswer] = Field(description="Its log, oldest first.")


class WorkOrderAct(Request):
    """What a person does with an order."""

    by: Name | None = Field(None, description="Who does it. Without it, the name of the key is recorded.")
    note: Note | None = Field(None, description="A note for the log.")


class DraftWorkOrderRequest(WorkOrderAct):
    """Draft an order from the newest prediction of a compressor. What is left out follows from prediction and rules."""

    compressor_id: Identifier = Field(description="The compressor.")
    reason: Note | None = Field(None, description="Why. Needed without a usable prediction.")
    draft_key: Name | None = Field(None, description="A key of the sender: the same key again returns the same order.")
    another: bool = Field(False, description="Whether to draft one although the compressor has an open order.")
    title: Title | None = Field(None, description="What is to be done, in one line.")
    description: Description | None = Field(None, description="What is to be done, in full.")
    priority: Priority | None = Field(None, description="1 emergency, 2 urgent, 3 planned, 4 when convenient.")
    act_by: date | None = Field(None, description="The day (UTC) by which it should be done.")
    planned_start: AskedTime | None = Field(None, description="When the crew is to begin, ISO 8601, UTC without a zone.")
    assigned_to: Name | None = Field(None, description="Who does it.")


class ChangeWorkOrderRequest(WorkOrderAct):
    """Change an open order. What is left out stays; null empties a field that may be empty."""

    title: Title | None = Field(None, description="What is to be done, in one line. Not null.")
    description: Description | None = Field(None, description="What is to be done, in full.")
    priority: Priority | None = Field(None, description="1 emergency, 2 urgent, 3 planned, 4 when convenient. Not null.")
    act_by: date | None = Field(None, description="The day (UTC) by which it should be done.")
    planned_start: AskedTime | None = Field(None, description="When the crew is to begin, ISO 8601, UTC without a zone.")
    assigned_to: Name | None = Field(None, description="Who does it.")
    external_id: Name | None = Field(None, description="Its number in the maintenance system.")


class CompleteWorkOrderRequest(WorkOrderAct):
    """Report an order as done. It becomes a maintenance event."""

    event_type: EventType = Field(description="What was done.")
    event_date: AskedTime = Field(description="Start of the work, ISO 8601, UTC without a zone.")
    downtime_hours: float | None = Field(None, description="How long the compressor stood still, hours, 0 or more.")
    cost_usd: float | None = Field(None, description="What it cost, USD, 0 or more.")
    external_id: Name | None = Field(None, description="Its number in the maintenance system.")


class ExportQuery(Query):
    """How an order is written."""

    format: FileFormat = Field(
        "csv", description="`csv` for spreadsheets, `maximo` or `sap` for JSON in the shape of that system, `html` for a page to print."
    )


class ExportWorkOrderRequest(WorkOrderAct):
    """Mark an order as exported, and send it."""

    format: ExportFormat = Field(description="`csv` for spreadsheets, `maximo` or `sap` for JSON in the shape of that system.")
    channel: Name | None = Field(None, description="The channel of notifications.yaml to send it to. Without it, nothing is sent.")
