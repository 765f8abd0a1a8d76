"""Judges measured distances: which features drifted, and whether the champion must be retrained. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.sections.monitoring import DecisionSection
from monitoring.drift.distances import Distances, FeatureDistance
from monitoring.drift.reasons import explain


@dataclass(frozen=True)
class Decision:
    """What follows from one comparison."""

    drift: bool
    drifted_features: list[str]
    prediction_drifted: bool
    retrain: bool
    reasons: list[str]


def decide(distances: Distances, config: DecisionSection, data_faults: Sequence[Mapping[str, str]] = ()) -> Decision:
    """Decide on drift and retraining. A distance is drift if it is large enough to matter and beyond chance.

    data_faults: of monitoring.drift.faulty_sensors.name_faults. The distances leave them out; the reasons name them.
    """
    drifted = [distance for distance in distances.features if is_drifted(distance, config)]
    prediction_drifted = _is_prediction_drifted(distances, config)
    found = {"prediction": prediction_drifted, "feature": bool(drifted)}
    return Decision(
        drift=any(found.values()),
        drifted_features=[distance.name for distance in drifted],
        prediction_drifted=prediction_drifted,
        retrain=any(found[kind] for kind in config.retrain_on),
        reasons=explain(distances, drifted, [kind for kind, there in found.items() if there], data_faults, config),
    )


def is_drifted(distance: FeatureDistance, config: DecisionSection) -> bool:
    """Whether some compressors moved (PSI), all moved differently (KS and effect), or the fleet moved as one."""
    if distance.psi is None or distance.psi_by_chance is None or distance.p_adjusted is None or distance.effect is None:
        return False
    level = config.false_drift_share.value
    some = distance.psi > max(config.feature_psi.value, distance.psi_by_chance)
    differently = distance.p_adjusted < level and distance.effect >= config.feature_effect.value
    as_one = (
        distance.fleet_effect is not None
        and distance.fleet_p_adjusted is not None
        and distance.fleet_effect >= config.fleet_effect.value
        and distance.fleet_p_adjusted < level
    )
    return some or differently or as_one


def _is_prediction_drifted(distances: Distances, config: DecisionSection) -> bool:
    if distances.prediction_psi is None or distances.prediction_psi_by_chance is None:
        return False
    return distances.prediction_psi > max(config.prediction_psi.value, distances.prediction_psi_by_chance)
