"""Schema of retraining.yaml: when a challenger is trained, and when it replaces the champion."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from config.loader import Section
from config.sections.evaluation import FleetsSection
from config.sections.thresholds import AmountLimit, Band, PositiveLimit, ShareLimit, bounded


class TriggerSection(Section):
    """When a drift calls for a training."""

    cooldown_days: AmountLimit
    lock_wait_s: int = Field(gt=0)


class GateSection(Section):
    """What a challenger must reach.

    `fleet` is the unseen fleet that challenger and champion are both evaluated on.
    """

    least_certainty: ShareLimit
    history_tolerance: ShareLimit
    error_margin: ShareLimit
    recall_margin: ShareLimit
    slice_margin: ShareLimit
    slice_windows: int = Field(gt=0)
    least_compressors: int = Field(gt=1)
    coverage: Annotated[Band, bounded(0, 1)]
    calibration_error: ShareLimit
    size_mb: PositiveLimit
    latency_ms: PositiveLimit
    latency_calls: int = Field(gt=0)
    confidence: float = Field(gt=0, lt=1)
    resamples: int = Field(ge=100)
    seed: int
    fleet: FleetsSection

    @model_validator(mode="after")
    def _one_fleet(self) -> Self:
        if len(self.fleet.seeds) != 1:
            raise ValueError("fleet.seeds must name one seed: the gate has one unseen fleet")
        return self


class RetrainingConfig(Section):
    """All of retraining.yaml."""

    trigger: TriggerSection
    gate: GateSection
