"""Schema of quality.yaml's alerts.own_normal: when a sensor has left the level that is normal for its machine."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.loader import Section
from config.sections.thresholds import AmountLimit, CountLimit, PartLimit, PositiveLimit, SomeSensors

Side = Literal["above", "below"]


class OwnNormalSection(Section):
    """When a sensor left the machine's own level for good. `sides` are those that mean trouble; a sensor that is not named is not watched."""

    learn_hours: CountLimit
    learn_within_days: PositiveLimit
    window_hours: CountLimit
    least_hours: CountLimit
    limit_spreads: PositiveLimit
    deadband_spreads: AmountLimit
    least_spread: PartLimit
    on_delay_hours: CountLimit
    off_delay_hours: CountLimit
    join_hours: CountLimit
    sides: SomeSensors[Annotated[list[Side], Field(min_length=1)]]

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.least_hours.value > self.window_hours.value:
            raise ValueError(f"least_hours {self.least_hours.value:g} must not exceed window_hours {self.window_hours.value:g}")
        if self.deadband_spreads.value >= self.limit_spreads.value:
            raise ValueError(f"deadband_spreads {self.deadband_spreads.value:g} must be below limit_spreads {self.limit_spreads.value:g}")
        return self
