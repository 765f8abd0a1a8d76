"""Judges what monitoring.drift.distances measured: which features drifted, whether the champion must be trained anew, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.sections.monitoring import DecisionSection
from features.contract import COMPRESSOR_ID
from monitoring.drift.distances import Distances, FeatureDistance
from serving.prediction.data_faults import FAULT_WORDS

_MOST_NAMED = 4  # features, or compressors, in one reason


@dataclass(frozen=True)
class Decision:
    """What follows from one comparison."""

    drift: bool
    drifted_features: list[str]
    prediction_drifted: bool
    retrain: bool
    reasons: list[str]


def decide(distances: Distances, config: DecisionSection, data_faults: Sequence[Mapping[str, str]] = ()) -> Decision:
    """Drift is a distance that is both large enough to matter and beyond chance for that many compressors, features and weeks.

    `data_faults` (monitoring.drift.faulty_sensors.name_faults) are named among the reasons; the distances are measured without them.
    """
    drifted = [distance for distance in distances.features if is_drifted(distance, config)]
    prediction_drifted = _is_prediction_drifted(distances, config)
    found = {"prediction": prediction_drifted, "feature": bool(drifted)}
    reasons = [_prediction_reason(distances, config), _feature_reason(distances, drifted, config)]
    ignored = [kind for kind, there in found.items() if there and kind not in config.retrain_on]
    reasons += [f"{kind} drift calls for no retraining here (retrain_on of monitoring.yaml)" for kind in ignored]
    if data_faults:
        reasons.append(_data_reason(distances, data_faults, config))
    return Decision(
        drift=any(found.values()),
        drifted_features=[distance.name for distance in drifted],
        prediction_drifted=prediction_drifted,
        retrain=any(found[kind] for kind in config.retrain_on),
        reasons=reasons,
    )


def is_drifted(distance: FeatureDistance, config: DecisionSection) -> bool:
    """Some compressors moved (PSI), all of them moved differently (KS and effect), or the fleet moved as one."""
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


def _prediction_reason(distances: Distances, config: DecisionSection) -> str:
    psi, by_chance, limit = distances.prediction_psi, distances.prediction_psi_by_chance, config.prediction_psi.value
    if (psi is None or by_chance is None) and distances.compressors >= config.least_compressors:
        return "predictions cannot be compared: the model's reference is too short to say what they do by chance"
    if psi is None or by_chance is None:
        return f"predictions cannot be compared: {distances.compressors} compressors have any, {config.least_compressors} are needed"
    said = f"prediction PSI {psi:.3f}"
    if psi <= limit:
        return f"{said} is not above {limit:g}"
    if psi <= by_chance:
        return f"{said} is above {limit:g}, but {distances.compressors} compressors of the reference reach {by_chance:.3f} by chance"
    return (
        f"{said} is above {limit:g} and above the {by_chance:.3f} that {distances.compressors} compressors of the reference reach by chance"
    )


def _feature_reason(distances: Distances, drifted: list[FeatureDistance], config: DecisionSection) -> str:
    if not drifted and all(distance.psi is None for distance in distances.features):
        return _why_not_compared(distances, config)
    days = f"the last {distances.current_days:.3g} days against the {distances.baseline_days:.3g} before, {distances.compared} compressors"
    if not drifted:
        return f"no feature drifted ({days})"
    strongest = sorted(drifted, key=lambda distance: -(distance.psi or 0.0))
    named = ", ".join(_describe(distance) for distance in strongest[:_MOST_NAMED])
    more = f" and {len(strongest) - _MOST_NAMED} more" if len(strongest) > _MOST_NAMED else ""
    return f"drifted: {named}{more} ({days})"


def _data_reason(distances: Distances, faults: Sequence[Mapping[str, str]], config: DecisionSection) -> str:
    by_compressor: dict[str, list[str]] = {}
    for item in faults:
        by_compressor.setdefault(item[COMPRESSOR_ID], []).append(f"{FAULT_WORDS[item['sensor']]} {item['fault']} since {item['since']}")
    named = "; ".join(f"{name} ({', '.join(own)})" for name, own in list(by_compressor.items())[:_MOST_NAMED])
    more = f" and {len(by_compressor) - _MOST_NAMED} more" if len(by_compressor) > _MOST_NAMED else ""
    said = f"data faults are no drift, hours with them are left out ({len(by_compressor)} of the compressors): {named}{more}"
    too_few = distances.compressors < config.least_compressors or (
        distances.baseline_days and distances.compared < config.least_compressors
    )
    return f"{said}; too few others are left to compare: mend the data first, it calls for no retraining" if too_few else said


def _describe(distance: FeatureDistance) -> str:
    return (
        f"{distance.name} (PSI {distance.psi:.2f}, by chance up to {distance.psi_by_chance:.2f}; "
        f"{distance.outside:.0%} of compressors beyond the reference's outer bins; fleet {distance.fleet_shift:+.3g})"
    )


def _why_not_compared(distances: Distances, config: DecisionSection) -> str:
    if not distances.baseline_days:
        return f"features cannot be compared yet: the fleet's history of {distances.current_days:.3g} days is too short to compare it with itself"
    if distances.reference_weeks < config.least_weeks:
        return (
            f"features cannot be compared: the model's reference holds {distances.reference_weeks} stretches of {distances.current_days:.3g} days "
            f"with the {distances.baseline_days:.3g} before, {config.least_weeks} are needed to say what they do by chance"
        )
    return (
        f"features cannot be compared: {distances.compared} compressors ran healthy long enough in the last {distances.current_days:.3g} days "
        f"and the {distances.baseline_days:.3g} before, {config.least_compressors} are needed"
    )
