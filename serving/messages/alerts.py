"""Messages of /v1/alerts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from serving.messages.fields import Answer, AnsweredTime, AskedTime, Identifier, MomentAnswer, Name, Note, PageQuery, Request

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
    reading_count: int | None = Field(description="Readings with the condition, count. Null for an alert of a prediction.")
    age_hours: float = Field(description="From `raised_at` until the moment of the answer, hours.")
    resolved_at: AnsweredTime | None = Field(description="When readings were normal again, UTC.")
    acknowledged_at: AnsweredTime | None = Field(description="When somebody acknowledged it, UTC. Null again once a warning is critical.")
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


class AlertQuery(PageQuery):
    """Which alerts, worst first."""

    state: AlertState | None = Field(None, description="Only alerts in this state. Without it, all that are not closed.")
    compressor_id: Identifier | None = Field(None, description="Only alerts of this compressor.")
    station: Identifier | None = Field(None, description="Only alerts of this station, by its id.")
    severity: Severity | None = Field(None, description="Only alerts of this severity.")
    source: AlertSource | None = Field(None, description="Only alerts of this source.")
    assigned_to: Name | None = Field(None, description="Only alerts that this person works on.")
    limit: int = Field(100, ge=1, le=1000, description="The most alerts of the answer.")


class AlertsAnswer(MomentAnswer):
    """Alerts, the worst first, then the newest."""

    total: int = Field(description="Alerts that match, on all pages, count.")
    alerts: list[AlertAnswer] = Field(description="One page of them.")


class AlertChangeAnswer(Answer):
    """One entry of an alert's log."""

    change: str = Field(description="What happened, such as `raised`, `acknowledged` or `escalated`.")
    changed_at: AnsweredTime = Field(description="When, UTC.")
    changed_by: str = Field(description="Who: a person, the name of a key, or `altaviz` for what readings and time change.")
    details: dict[str, Any] = Field(description="More about it: note, until and reason of a shelving, to whom it was assigned, the level.")


class AlertDetailAnswer(MomentAnswer):
    """An alert with its log."""

    alert: AlertAnswer = Field(description="The alert.")
    allowed: list[str] = Field(description="What may be done with it now, the last part of the path of such a request.")
    changes: list[AlertChangeAnswer] = Field(description="Its log, oldest first.")


class AlertAct(Request):
    """What a person does with an alert."""

    by: Name | None = Field(None, description="Who does it. Without it, the name of the key is recorded.")


class NotedAct(AlertAct):
    """An act with a note."""

    note: Note | None = Field(None, description="A note for the log.")


class ShelveRequest(AlertAct):
    """Put an alert out of sight for a time."""

    until: AskedTime = Field(description="When it returns by itself, ISO 8601, UTC without a zone.")
    reason: Note = Field(description="Why.")


class AssignRequest(AlertAct):
    """Make an alert somebody's work."""

    to: Name | None = Field(description="Whose work it is. Null: nobody's.")
