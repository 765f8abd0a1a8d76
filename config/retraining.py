"""Schema of retraining.yaml: when a challenger is trained, and when it replaces the champion."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from config.evaluation import FleetsSection
from config.loader import Section
from config.thresholds import Band, Limit


class TriggerSection(Section):
    """When a drift calls for a training."""

    cooldown_days: Limit
    lock_wait_s: int = Field(gt=0)


class GateSection(Section):
    """What a challenger must be; `fleet` is the unseen one that it is judged on beside the champion."""

    least_certainty: Limit
    history_tolerance: Limit
    error_margin: Limit
    recall_margin: Limit
    slice_margin: Limit
    slice_windows: int = Field(gt=0)
    least_compressors: int = Field(gt=1)
    coverage: Band
    calibration_error: Limit
    size_mb: Limit
    latency_ms: Limit
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
