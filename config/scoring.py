"""Schema of scoring.yaml: when a compressor gets a prediction."""

from __future__ import annotations

from pydantic import Field

from config.loader import Section


class ScoringConfig(Section):
    """What a compressor's readings must offer before a number is given."""

    min_steps: int = Field(gt=0, le=24)
    stale_after_hours: float = Field(gt=0)
