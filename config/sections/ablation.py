"""Schema of ablation.yaml: which parts are removed from the model to measure their worth."""

from __future__ import annotations

from typing import Any

from config.loader import FleetSeeds, Section

Changes = dict[str, Any]  # key of model_config.yaml, dotted -> value


class AblationConfig(Section):
    """All of ablation.yaml; the names are what a report calls the variants."""

    fleet_seeds: FleetSeeds
    compressors: dict[str, Changes]
    cmapss: dict[str, Changes]
