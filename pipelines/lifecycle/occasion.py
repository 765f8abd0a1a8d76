"""Names why a model is trained, and fingerprints what it is trained from."""

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
    """The trigger of a training, and the time of the drift decision if drift called for it."""

    trigger: Trigger
    drift_timestamp: datetime | None = None


def fingerprint(settings: Settings, history: TrainingHistory, champion_version: str | None) -> str:
    """Equal for two trainings from the same rows, events, settings and champion. The second would repeat the first.

    Descriptions and sources in the settings are not part of it, nor is the C-MAPSS section.
    """
    sections = (settings.retraining.gate, settings.evaluation.protocol, settings.simulator)
    digests = (settings.model.digest("cmapss"), *(section.digest() for section in sections))
    return history.fingerprint(*digests, str(settings.scoring.min_steps), str(champion_version))
