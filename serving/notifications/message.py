"""A message of the outbox, and how a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from config.plain_text import plain_text

_MOST_TITLE: Final = 150  # characters
_LINES: Final = {
    "compressor_id": "compressor",
    "model": "model",
    "station_id": "station",
    "severity": "severity",
    "raised_at": "raised",
    "changed_at": "changed",
    "changed_by": "by",
    "assigned_to": "assigned to",
    "alert_id": "alert",
    "work_order_id": "work order",
}
_CHANGES: Final = {
    "raised": "raised",
    "became_critical": "is critical now",
    "escalated": "not acknowledged",
    "acknowledged": "acknowledged",
    "shelved": "shelved",
    "unshelved": "back from shelving",
    "assigned": "assigned",
    "resolved": "resolved",
    "closed": "closed",
    "withdrawn": "withdrawn: corrected readings do not show it",
}


@dataclass(frozen=True)
class Message:
    """One row of the outbox that is being sent."""

    message_id: UUID
    topic: str
    subject_key: str
    payload: Mapping[str, Any]
    attempts: int  # this one included
    created_at: datetime

    @property
    def title(self) -> str:
        """One line. Text from data has no character in it that could begin another header."""
        payload = self.payload
        if self.topic.startswith("alert."):
            what = _CHANGES.get(str(payload.get("change")), self.topic)
            text = f"{payload.get('compressor_id')} {payload.get('severity')}: {what}: {payload.get('message')}"
        else:
            text = f"{payload.get('compressor_id', self.subject_key)}: {self.topic.replace('.', ' ').replace('_', ' ')} {self.subject_key}"
        line = plain_text(text)
        return line if len(line) <= _MOST_TITLE else f"{line[: _MOST_TITLE - 3]}..."

    @property
    def body(self) -> str:
        """Plain text: what it is, then one line for each fact."""
        payload = self.payload
        lines = [plain_text(str(payload["message"])), ""] if payload.get("message") else []
        lines += [f"{words}: {plain_text(str(payload[key]))}" for key, words in _LINES.items() if payload.get(key) is not None]
        details = payload.get("details")
        if isinstance(details, Mapping):
            lines += [f"{plain_text(str(key))}: {plain_text(str(value))}" for key, value in details.items()]
        return "\n".join([*lines, f"message: {self.message_id}"])
