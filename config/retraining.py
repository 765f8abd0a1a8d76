"""Schema of retraining.yaml: when a challenger is trained, and when it replaces the champion."""

from __future__ import annotations

from pydantic import Field

from config.loader import Section
from config.thresholds import Limit


class TriggerSection(Section):
    """When a drift calls for a training."""

    cooldown_days: Limit
    lock_wait_s: int = Field(gt=0)


class GateSection(Section):
    """What a challenger must be."""

    least_certainty: Limit
    history_tolerance: Limit
    resamples: int = Field(ge=100)
    seed: int


class RetrainingConfig(Section):
    """All of retraining.yaml."""

    trigger: TriggerSection
    gate: GateSection
