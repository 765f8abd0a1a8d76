"""Schema of scoring.yaml: when a compressor gets a prediction, and what the planner reads about it."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from config.loader import Section
from config.sections.thresholds import AmountLimit, PositiveLimit, ShareLimit


class HealthSection(Section):
    """Predicted remaining life, in days, that makes a compressor's health warning or critical."""

    warning: PositiveLimit
    critical: PositiveLimit

    @model_validator(mode="after")
    def _critical_is_shorter(self) -> Self:
        if self.critical.value >= self.warning.value:
            raise ValueError(f"critical {self.critical.value} must be below warning {self.warning.value}")
        return self


class ReasonsSection(Section):
    """Which sensors are named as reasons, and against which day.

    `notable_changes` is by feature of the contract.
    """

    least_days: AmountLimit
    stopped_share: ShareLimit
    notable_changes: dict[str, PositiveLimit]


class ScoringConfig(Section):
    """What readings must offer before a prediction is made, and how it is explained."""

    prose: ClassVar[tuple[str, ...]] = ("source",)  # reasons quote the descriptions of notable changes

    min_steps: int = Field(gt=0, le=24)
    stale_after_hours: float = Field(gt=0)
    health: HealthSection
    reasons: ReasonsSection
