"""The sentence for people that belongs to each finding of the gate. Checks hand over facts; nothing is judged here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from monitoring.gate.findings import Finding, SharedCompressor, WorseSlice

_MOST_NAMED: Final = 5  # compressors or slices in one sentence
_MOST_DIGITS: Final = 18  # 17 tell any two floats apart

_TOO_FEW: Final = "not judged, {compressors} compressors are too few ({least_compressors} are needed): "
_COVERAGE: Final = (
    "the 90 % interval covers {share:.1%} of lives "
    "({confidence:.0%} confidence interval {low:.0%} to {high:.0%}; {least:.0%} to {most:.0%} is required)"
)
_PROBABILITY: Final = (
    "the failure probability has a calibration error of {error:.3f} "
    "({confidence:.0%} confidence interval {low:.3f} to {high:.3f}; at most {most:g} is allowed)"
)
_HISTORY: Final = "the champion's RMSE on its own test windows was {recorded:.3f} d and is now {now:.3f} d"

# Placeholders are the names of facts; `digits` is worked out from two of them. A list is shortened to _MOST_NAMED items.
TEMPLATES: Final[Mapping[Finding, str]] = {
    Finding.BASELINE_BEATEN: "test RMSE {own:.3f} d beats the baseline's {other:.3f} d",
    Finding.BASELINE_NOT_BEATEN: "test RMSE {own:.3f} d does not beat the baseline's {other:.3f} d",
    Finding.BASELINE_MISSING: "no baseline was logged with this model: train it again",
    Finding.CHAMPION_BEATEN: "test RMSE {own:.3f} d beats the champion's {other:.3f} d, and does so on {certainty:.0%} of resampled fleets",
    Finding.CHAMPION_NOT_BEATEN: "test RMSE {own:.3f} d does not beat the champion's {other:.3f} d; it does on {certainty:.0%} of resampled fleets",
    Finding.CHAMPION_WITHIN_CHANCE: "test RMSE {own:.3f} d beats the champion's {other:.3f} d, but only on {certainty:.0%} of resampled fleets; "
    "{needed:.0%} are needed, so the difference may be chance",
    Finding.CHAMPION_NOT_LOADED: "the champion cannot be loaded ({why}), so nothing shows that this model is better; "
    "an operator may promote it with --force --reason TEXT",
    Finding.LABELS_EQUAL: "both models were trained on horizon_days {horizon:g} and max_rul_days {cap:g}",
    Finding.LABELS_DIFFER: "this model was trained on horizon_days {horizon:g} and max_rul_days {cap:g}, "
    "the champion on {champion_horizon:g} and {champion_cap:g}: they cannot be compared",
    Finding.HISTORY_EQUAL: f"the history is unchanged: {_HISTORY}",
    Finding.HISTORY_CHANGED: f"the history has changed: {_HISTORY}; check the maintenance events and readings",
    Finding.HISTORY_GONE: "the history no longer holds the champion's test windows, so a change of the history cannot be detected",
    Finding.UNSEEN_COMPARED: "unseen fleet: {quantity} {own:.3g}{unit}, the champion's {other:.3g}{unit} "
    "(difference {difference:+.2g}, {confidence:.0%} confidence interval {low:+.2g} to {high:+.2g}; at most {margin:.2g} worse is allowed)",
    Finding.UNSEEN_WITHOUT_CASE: "the unseen fleet has no case to measure {quantity}: enlarge gate.fleet in retraining.yaml",
    Finding.SLICES_COMPARED: "{where}: none of {slices} slices is much worse than the champion's; "
    "on the worst, {worst}, the RMSE is {ratio:.2f} times the champion's",
    Finding.SLICES_WORSE: "{where}: much worse than the champion on {worse}",
    Finding.SLICES_TOO_SMALL: "{where}: no slice is large enough to be judged",
    Finding.COVERAGE_MEASURED: _COVERAGE,
    Finding.COVERAGE_OF_TOO_FEW: _TOO_FEW + _COVERAGE,
    Finding.COVERAGE_UNKNOWN: "no failure was observed, so the coverage of the interval cannot be measured",
    Finding.PROBABILITY_MEASURED: _PROBABILITY,
    Finding.PROBABILITY_OF_TOO_FEW: _TOO_FEW + _PROBABILITY,
    Finding.PROBABILITY_UNKNOWN: "no window has a known outcome within the horizon, so the calibration of the probability cannot be measured",
    Finding.OVERLAP_NONE: "no model was trained on any of the {compressors} held-out compressors",
    Finding.OVERLAP_FOUND: "evaluated on compressors that a model was trained on: {shared}",
    Finding.OVERLAP_UNKNOWN: "it is unknown which compressors this model was trained on, so it may be evaluated on them: train it again",
    Finding.PARITY_MEASURED: "ONNX and Keras differ by {difference:.{digits}g}, {most:.{digits}g} is allowed",
    Finding.PARITY_UNKNOWN: "the difference between its ONNX and Keras models is not on record: train it again",
    Finding.SIZE_MEASURED: "the model file has {megabytes:.2f} MB, {most:g} MB are allowed",
    Finding.LATENCY_MEASURED: "one window takes {milliseconds:.2f} ms, {most:g} ms are allowed",
    Finding.CHAMPION_TRAINING_UNKNOWN: "it is unknown which compressors the champion was trained on, so it may be evaluated on some of them",
    Finding.CHAMPION_TEST_UNKNOWN: "the champion's test windows are not on record, so a change of the history cannot be detected",
    Finding.CHAMPION_TEST_PARTLY_GONE: "the history no longer holds these test compressors of the champion: {gone}; "
    "it was checked on the others",
}


def sentence(finding: Finding, facts: Mapping[str, Any]) -> str:
    """The sentence of `finding` with its `facts` filled in. Raises KeyError when a fact is missing."""
    shown = {name: _shorten(value) if isinstance(value, list) else value for name, value in facts.items()}
    if finding is Finding.PARITY_MEASURED:
        shown["digits"] = _digits_apart(facts["difference"], facts["most"])
    return TEMPLATES[finding].format_map(shown)


def _digits_apart(one: float, other: float) -> int:
    """Significant digits, at least two, that show which of two different numbers is larger."""
    return next((digits for digits in range(2, _MOST_DIGITS) if f"{one:.{digits}g}" != f"{other:.{digits}g}"), 2)


def _shorten(items: Sequence[str | SharedCompressor | WorseSlice]) -> str:
    more = f" and {len(items) - _MOST_NAMED} more" if len(items) > _MOST_NAMED else ""
    return f"{', '.join(_name(item) for item in items[:_MOST_NAMED])}{more}"


def _name(item: str | SharedCompressor | WorseSlice) -> str:
    if isinstance(item, WorseSlice):
        return f"{item.name} ({item.rmse_days:.2f} against {item.champion_rmse_days:.2f} d, {item.compressors} compressors)"
    return item if isinstance(item, str) else f"{item.name} ({item.where})"
