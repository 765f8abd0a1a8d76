"""Why a model is trained, and from what: two trainings from the same give the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from config.settings import Settings

if TYPE_CHECKING:
    from serving.warehouse.decisions import Trigger
    from training.data.history import TrainingHistory


@dataclass(frozen=True)
class Occasion:
    """Why a model is trained: by whom, and by which drift decision's moment."""

    trigger: Trigger
    drift_timestamp: datetime | None = None


def fingerprint(settings: Settings, past: TrainingHistory, champion_version: str | None) -> str:
    """The same for a training that could only end as an earlier one did: same rows, events, settings and champion.

    What settings are described by is none of them, nor is what is measured on turbofans.
    """
    sections = (settings.retraining.gate, settings.evaluation.protocol, settings.simulator)
    digests = (settings.model.digest("cmapss"), *(section.digest() for section in sections))
    return past.fingerprint(*digests, str(settings.scoring.min_steps), str(champion_version))
