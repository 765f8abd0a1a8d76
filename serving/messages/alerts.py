"""Messages of /v1/alerts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from serving.messages.fields import Answer, AnsweredTime

AlertState = Literal["raised", "acknowledged", "shelved", "resolved", "closed"]
AlertSource = Literal["threshold", "own_normal", "prediction", "data"]
Severity = Literal["warning", "critical"]


class AlertAnswer(Answer):
    """An alert with its state at the moment of the answer."""

    alert_id: str = Field(description="Its id: compressor, type and beginning, joined by `~`.")
    compressor_id: str = Field(description="The compressor.")
    model: str = Field(description="The compressor's model.")
    station_id: str | None = Field(description="The compressor's station.")
    basin: str | None = Field(description="The station's basin.")
    alert_type: str = Field(description="What is watched, such as `vibration_mms_high`.")
    source: AlertSource = Field(description="What raised it: a limit, the machine's own normal, a prediction, or a sensor's fault.")
    severity: Severity = Field(description="Its severity.")
    state: AlertState = Field(description="Where it is in its life.")
    message: str = Field(description="What happened, for people.")
    value: float | None = Field(description="What was measured or predicted, in the unit of `threshold`.")
    threshold: float | None = Field(description="The limit that was passed; `message` names its unit.")
    alert_timestamp: AnsweredTime = Field(description="The first reading of the condition, UTC.")
    raised_at: AnsweredTime = Field(description="When the condition had lasted long enough to be an alert, UTC.")
    critical_at: AnsweredTime | None = Field(description="When it became critical, UTC.")
    last_seen: AnsweredTime | None = Field(description="The newest reading with the condition, UTC.")
    reading_count: int = Field(description="Readings with the condition, count.")
    age_hours: float = Field(description="From `raised_at` until the moment of the answer, hours.")
    resolved_at: AnsweredTime | None = Field(description="When readings were normal again, UTC.")
    acknowledged_at: AnsweredTime | None = Field(description="When somebody acknowledged it, UTC.")
    acknowledged_by: str | None = Field(description="Who acknowledged it.")
    shelved_at: AnsweredTime | None = Field(description="When somebody shelved it, UTC.")
    shelved_by: str | None = Field(description="Who shelved it.")
    shelved_until: AnsweredTime | None = Field(description="When it returns by itself, UTC.")
    shelve_reason: str | None = Field(description="Why it was shelved.")
    assigned_to: str | None = Field(description="Who works on it.")
    escalation_level: int = Field(description="How often it went to the next role because nobody acknowledged it, count.")
    escalated_at: AnsweredTime | None = Field(description="When it reached that level, UTC.")
    closed_at: AnsweredTime | None = Field(description="When somebody closed it, UTC.")
    closed_by: str | None = Field(description="Who closed it.")
    suppressed: list[str] = Field(
        description="Types of alerts of the same compressor and time that were left out, for this one tells enough."
    )
