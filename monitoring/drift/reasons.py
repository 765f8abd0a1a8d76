"""The sentences for people that belong to a drift decision. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from config.sections.monitoring import DecisionSection
from features.contract import COMPRESSOR_ID
from monitoring.drift.distances import Distances, FeatureDistance
from serving.prediction.data_faults import FAULT_WORDS

_MOST_NAMED: Final = 4  # features, or compressors, in one sentence


def explain(
    distances: Distances,
    drifted: Sequence[FeatureDistance],
    kinds: Sequence[str],
    data_faults: Sequence[Mapping[str, str]],
    config: DecisionSection,
) -> list[str]:
    """One sentence each on predictions, features, drift that starts no retraining, and data faults.

    drifted: the features that drifted. kinds: the kinds of drift found, out of prediction and feature.
    """
    sentences = [_prediction_sentence(distances, config), _feature_sentence(distances, drifted, config)]
    ignored = [kind for kind in kinds if kind not in config.retrain_on]
    sentences += [f"{kind} drift calls for no retraining here (decision.retrain_on in monitoring.yaml)" for kind in ignored]
    if data_faults:
        sentences.append(_data_sentence(distances, data_faults, config))
    return sentences


def _prediction_sentence(distances: Distances, config: DecisionSection) -> str:
    psi, by_chance, limit = distances.prediction_psi, distances.prediction_psi_by_chance, config.prediction_psi.value
    if (psi is None or by_chance is None) and distances.compressors >= config.least_compressors:
        return "predictions cannot be compared: the model's reference is too short to show what happens by chance"
    if psi is None or by_chance is None:
        return (
            f"predictions cannot be compared: {distances.compressors} compressors have predictions, {config.least_compressors} are needed"
        )
    measured = f"prediction PSI {psi:.3f}"
    if psi <= limit:
        return f"{measured} is not above {limit:g}"
    if psi <= by_chance:
        return f"{measured} is above {limit:g}, but {distances.compressors} compressors of the reference reach {by_chance:.3f} by chance"
    return f"{measured} is above {limit:g} and above the {by_chance:.3f} that {distances.compressors} compressors of the reference reach by chance"


def _feature_sentence(distances: Distances, drifted: Sequence[FeatureDistance], config: DecisionSection) -> str:
    if not drifted and all(distance.psi is None for distance in distances.features):
        return _why_not_compared(distances, config)
    days = f"the last {distances.current_days:.3g} days against the {distances.baseline_days:.3g} before, {distances.compared} compressors"
    if not drifted:
        return f"no feature drifted ({days})"
    strongest = sorted(drifted, key=lambda distance: -(distance.psi or 0.0))
    named = ", ".join(_describe(distance) for distance in strongest[:_MOST_NAMED])
    more = f" and {len(strongest) - _MOST_NAMED} more" if len(strongest) > _MOST_NAMED else ""
    return f"drifted: {named}{more} ({days})"


def _data_sentence(distances: Distances, faults: Sequence[Mapping[str, str]], config: DecisionSection) -> str:
    by_compressor: dict[str, list[str]] = {}
    for item in faults:
        by_compressor.setdefault(item[COMPRESSOR_ID], []).append(f"{FAULT_WORDS[item['sensor']]} {item['fault']} since {item['since']}")
    named = "; ".join(f"{name} ({', '.join(own)})" for name, own in list(by_compressor.items())[:_MOST_NAMED])
    more = f" and {len(by_compressor) - _MOST_NAMED} more" if len(by_compressor) > _MOST_NAMED else ""
    sentence = f"data faults are no drift, so hours with them are left out ({len(by_compressor)} compressors): {named}{more}"
    too_few = distances.compressors < config.least_compressors or (
        distances.baseline_days and distances.compared < config.least_compressors
    )
    return f"{sentence}; too few others are left to compare: repair the sensors first, retraining does not help" if too_few else sentence


def _describe(distance: FeatureDistance) -> str:
    return (
        f"{distance.name} (PSI {distance.psi:.2f}, by chance up to {distance.psi_by_chance:.2f}; "
        f"{distance.outside:.0%} of compressors beyond the reference's outer bins; fleet shift {distance.fleet_shift:+.3g})"
    )


def _why_not_compared(distances: Distances, config: DecisionSection) -> str:
    if not distances.baseline_days:
        return f"features cannot be compared yet: the fleet's history of {distances.current_days:.3g} days is too short to compare it with itself"
    if distances.reference_weeks < config.least_weeks:
        return (
            f"features cannot be compared: the model's reference holds {distances.reference_weeks} stretches of {distances.current_days:.3g} days "
            f"with the {distances.baseline_days:.3g} before, {config.least_weeks} are needed to show what happens by chance"
        )
    return (
        f"features cannot be compared: {distances.compared} compressors ran healthy long enough in the last {distances.current_days:.3g} days "
        f"and the {distances.baseline_days:.3g} before, {config.least_compressors} are needed"
    )
