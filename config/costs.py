"""Schema of costs.yaml: what stops and repairs cost, what crews can do, and how long policies are compared for."""

from __future__ import annotations

import math
from typing import Self

from pydantic import Field, model_validator

from config.loader import FleetSeeds, Section
from config.thresholds import Limit


class UnplannedSection(Section):
    """A failure that nobody was ready for."""

    stop_usd_per_day: Limit
    find_days: Limit
    repair_days: Limit

    @property
    def days(self) -> float:
        """Standstill after a failure."""
        return self.find_days.value + self.repair_days.value

    @property
    def usd(self) -> float:
        """Cost of a failure."""
        return self.stop_usd_per_day.value * self.days


class PlannedSection(Section):
    """A repair with parts and crew ordered in time."""

    repair_usd: Limit
    repair_days: Limit
    lead_days: Limit
    crews: Limit
    crew_days: Limit

    @property
    def earliest_day(self) -> int:
        """The first whole day after an order on which its parts are there."""
        return math.ceil(self.lead_days.value)

    @model_validator(mode="after")
    def _crews_are_counted(self) -> Self:
        if self.crews.value < 1 or self.crews.value % 1:
            raise ValueError("crews must be a whole number, at least 1")
        return self


class NextLifeSection(Section):
    """The life that a repair begins."""

    mean_days: Limit
    unannounced_share: Limit


class SimulationSection(Section):
    """How long policies are compared for, and how certain the comparison is."""

    fleet_seeds: FleetSeeds
    years: int = Field(ge=1)
    year_days: int = Field(ge=1)
    warm_up_days: int = Field(ge=0)
    stagger_days: int = Field(ge=0)
    resamples: int = Field(ge=100)
    seed: int
    threshold_warning_hours: Limit
    threshold_critical_hours: Limit
    predicted_life_days: Limit

    @model_validator(mode="after")
    def _hours_are_counted(self) -> Self:
        for name in ("threshold_warning_hours", "threshold_critical_hours"):
            hours = getattr(self, name).value
            if hours < 1 or hours % 1:
                raise ValueError(f"{name} must be a whole number of hours, at least 1")
        return self


class CostsConfig(Section):
    """All of costs.yaml."""

    unplanned: UnplannedSection
    planned: PlannedSection
    next_life: NextLifeSection
    signs_days: Limit
    signs_share: Limit
    plan_days: Limit
    simulation: SimulationSection

    @model_validator(mode="after")
    def _planning_pays_and_can_be_done(self) -> Self:
        if not 0 < self.planned.repair_usd.value < self.unplanned.usd:
            raise ValueError(
                f"planned.repair_usd must be above 0 and below the {self.unplanned.usd:g} USD of a failure: nothing is planned else"
            )
        if self.planned.lead_days.value < 0 or self.planned.earliest_day > self.plan_days.value:
            raise ValueError("planned.lead_days, in whole days, must be from 0 to plan_days: no repair would ever be due")
        if self.signs_days.value < 1 or self.signs_days.value % 1:
            raise ValueError("signs_days must be a whole number, at least 1")
        if not 0 <= self.signs_share.value <= 1:
            raise ValueError("signs_share must be from 0 to 1")
        if self.next_life.mean_days.value <= 0 or not 0 <= self.next_life.unannounced_share.value <= 1:
            raise ValueError("next_life: mean_days must be above 0 and unannounced_share from 0 to 1")
        return self

    @property
    def next_life_usd_per_day(self) -> float:
        """What a day of the next life costs: what its end costs on average over its mean length (renewal-reward)."""
        missed = self.next_life.unannounced_share.value
        return ((1 - missed) * self.planned.repair_usd.value + missed * self.unplanned.usd) / self.next_life.mean_days.value
