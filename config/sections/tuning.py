"""Schema of tuning.yaml: the study, its storage, sampler and pruner, and the search space.

The space is over keys of model_config.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Annotated, Any, Final, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from config.errors import ConfigError
from config.loader import Section
from config.sections.model import ModelConfig

SEARCHED: Final = ("network", "fit", "augmentation")  # sections that shape training; the others define what is measured
_ON_GRID: Final = 1e-8  # steps by which a value may lie beside the grid

Scalar = int | float | str
Value = Scalar | list[Scalar]


class SearchRange(Section):
    """Numbers from `low` to `high`, both included. They are whole where the key's numbers are."""

    low: int | float
    high: int | float
    step: int | float | None = Field(default=None, gt=0)
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and (self.step is not None or self.low <= 0):
            raise ValueError("a logarithmic range starts above 0 and has no step")
        if not self._on_grid(self.high):
            raise ValueError("high must be a whole number of steps above low")
        return self

    @property
    def tried(self) -> list[Value]:
        """The values that stand for all when types and bounds are checked."""
        return [self.low, self.high]

    def holds(self, value: Any) -> bool:
        """Whether a search could find `value`."""
        return bool(self.low <= value <= self.high) and self._on_grid(value)

    def _on_grid(self, value: float) -> bool:
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return abs(steps - round(steps)) < _ON_GRID


class Choices(Section):
    """One of these, in no order."""

    choices: list[Value] = Field(min_length=2)

    @property
    def tried(self) -> list[Value]:
        """The values that stand for all when types and bounds are checked."""
        return self.choices

    def holds(self, value: Any) -> bool:
        """Whether a search could find `value`."""
        return value in self.choices


def _kind(values: Any) -> str:
    return "choices" if isinstance(values, Choices) or (isinstance(values, dict) and "choices" in values) else "range"


Values = Annotated[Annotated[SearchRange, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)]


class SamplerSection(Section):
    """How the next trial is chosen."""

    seed: int = Field(ge=0)
    startup_trials: int = Field(gt=0)


class PrunerSection(Section):
    """When a trial is given up."""

    startup_trials: int = Field(gt=0)
    warmup_epochs: int = Field(ge=0)


class LostSection(Section):
    """What becomes of trials whose process was killed."""

    heartbeat_s: int = Field(gt=0)
    grace_s: int = Field(gt=0)
    retries: int = Field(ge=0)

    @model_validator(mode="after")
    def _a_sign_of_life_comes_in_time(self) -> Self:
        if self.grace_s <= self.heartbeat_s:
            raise ValueError("grace_s must be above heartbeat_s: otherwise a running trial counts as lost")
        return self


class TuningConfig(Section):
    """All of tuning.yaml; loaded by `config.loader.load_section`."""

    study: str = Field(min_length=1)
    trials: int = Field(gt=0)
    networks: int = Field(gt=0)
    storage: str | None
    sampler: SamplerSection
    pruner: PrunerSection
    lost: LostSection
    space: dict[str, Values] = Field(min_length=1)

    @field_validator("space")
    @classmethod
    def _only_training_keys(cls, space: dict[str, SearchRange | Choices]) -> dict[str, SearchRange | Choices]:
        for key in space:
            if key.partition(".")[0] not in SEARCHED:
                raise ValueError(f"{key}: only keys of {', '.join(SEARCHED)} can be searched; the other sections define what is measured")
        return space


def values_in_force(model: ModelConfig, space: Mapping[str, SearchRange | Choices]) -> dict[str, Any]:
    """The value of `model` for each key of `space`.

    Raises ConfigError when a search could not find it, or when steps would leave whole numbers.
    """
    found = {key: reduce(getattr, key.split("."), model) for key in space}
    for key, value in found.items():
        step = getattr(space[key], "step", None)
        if isinstance(value, int) and step is not None and step % 1:
            raise ConfigError(f"tuning.yaml: space.{key} has steps of {step}, but the key takes whole numbers: use a whole step")
        if not space[key].holds(value):
            raise ConfigError(
                f"tuning.yaml: space.{key} does not hold {value}, the value in force and of the first trial: widen it or remove the key"
            )
    return found
