"""Schema of costs.yaml: costs of stops and repairs, crews, and the span of policy comparisons."""

from __future__ import annotations

import math
from typing import Self

from pydantic import Field, model_validator

from config.loader import FleetSeeds, Section
from config.sections.thresholds import AmountLimit, CountLimit, PositiveLimit, ShareLimit


class UnplannedSection(Section):
    """A failure that nobody was ready for."""

    stop_usd_per_day: PositiveLimit
    find_days: AmountLimit
    repair_days: AmountLimit

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

    repair_usd: PositiveLimit
    repair_days: AmountLimit
    lead_days: AmountLimit
    crews: CountLimit
    crew_days: AmountLimit

    @property
    def earliest_day(self) -> int:
        """The first whole day after an order on which its parts are there."""
        return math.ceil(self.lead_days.value)


class NextLifeSection(Section):
    """The life that a repair begins."""

    mean_days: PositiveLimit
    unannounced_share: ShareLimit


class SimulationSection(Section):
    """How long policies are compared for, and how certain the comparison is."""

    fleet_seeds: FleetSeeds
    years: int = Field(ge=1)
    year_days: int = Field(ge=1)
    warm_up_days: int = Field(ge=0)
    stagger_days: int = Field(ge=0)
    resamples: int = Field(ge=100)
    seed: int
    threshold_warning_hours: CountLimit
    threshold_critical_hours: CountLimit
    predicted_life_days: AmountLimit


class CostsConfig(Section):
    """All of costs.yaml."""

    unplanned: UnplannedSection
    planned: PlannedSection
    next_life: NextLifeSection
    signs_days: CountLimit
    signs_share: ShareLimit
    age_doubt: ShareLimit
    plan_days: AmountLimit
    simulation: SimulationSection

    @model_validator(mode="after")
    def _planning_pays_and_can_be_done(self) -> Self:
        if self.planned.repair_usd.value >= self.unplanned.usd:
            raise ValueError(f"planned.repair_usd must be below the {self.unplanned.usd:g} USD of a failure: otherwise planning never pays")
        if self.planned.earliest_day > self.plan_days.value:
            raise ValueError("planned.lead_days, in whole days, must be at most plan_days: otherwise no repair is ever due")
        return self

    @property
    def next_life_usd_per_day(self) -> float:
        """Cost of a day of the next life, in USD.

        It is the average cost of the life's end over its mean length (renewal-reward).
        """
        missed = self.next_life.unannounced_share.value
        return ((1 - missed) * self.planned.repair_usd.value + missed * self.unplanned.usd) / self.next_life.mean_days.value
