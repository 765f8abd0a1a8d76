"""Judges a model, and whether it may take the champion's place. Pure; the numbers of every check are plain values, ready for JSON.

A model passes when every check does; each check that fails is one reason. Intervals are those of a bootstrap over whole compressors
(monitoring.statistics.bootstrap): windows of one compressor are nearly copies of each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from config.sections.retraining import GateSection
from features.arrays import Floats, Integers
from monitoring.evaluation.calibration import bin_gaps, calibration_error
from monitoring.evaluation.comparison import UnitSums, compare_metric
from monitoring.gate.evidence import Artefact, CalibrationEvidence, Evidence, JudgedWindows, LabelSettings, Origin, Recheck, Unseen
from monitoring.gate.verdict import Check, Verdict
from monitoring.statistics.bootstrap import Resampling, interval
from training.metrics import rmse

_DIGITS: Final = 4
_NAMED: Final = 5  # compressors or slices that a sentence names
_BYTES_PER_MB: Final = 1e6
ERROR: Final = "rul_rmse_days"  # of monitoring.evaluation.comparison's metrics, those that the sums of an unseen fleet must hold
RECALL: Final = "recall"
SLOW_RECALL: Final = "recall_5d"


def judge(evidence: Evidence, config: GateSection) -> Verdict:
    """Put every question to the challenger; those that compare it are left out while there is no champion."""
    held_out, champion, unseen = evidence.held_out, evidence.held_out.champion, evidence.unseen
    checks = [_beats_baseline(held_out, evidence.baseline_rmse_days)]
    if champion is not None:
        checks += [_beats_champion(held_out, champion, config), _no_slice_much_worse("", held_out, champion, config)]
    if evidence.lost_champion is not None:
        checks.append(_no_comparison(evidence.lost_champion))
    if "champion" in evidence.taught:
        checks.append(_same_labels(evidence.taught["challenger"], evidence.taught["champion"]))
    if evidence.recheck is not None:
        checks.append(_same_history(evidence.recheck, config))
    if unseen is not None and unseen.ground.champion is not None:
        margin = config.error_margin.value * rmse(unseen.ground.true, unseen.ground.champion)
        fleets = _resampling(unseen.challenger.units, config)
        checks += [
            _not_worse("unseen_error", "RMSE", ERROR, unseen, margin, fleets, config),
            _not_worse("unseen_recall", "recall of all failures", RECALL, unseen, config.recall_margin.value, fleets, config),
            _not_worse("unseen_slow_recall", "recall of slow failures", SLOW_RECALL, unseen, config.recall_margin.value, fleets, config),
            _no_slice_much_worse("unseen_", unseen.ground, unseen.ground.champion, config),
        ]
    checks += [_coverage(evidence.trust, config), _odds(evidence.trust, config), _none_relearned(evidence.origin)]
    checks += judge_artefact(evidence.artefact, config)
    return Verdict(checks, list(_caveats(evidence)))


def judge_artefact(made: Artefact, config: GateSection) -> list[Check]:
    """Parity with Keras, and the budgets of size and time: what can be asked of any exported model."""
    difference, most = made.onnx_difference, made.most_onnx_difference
    if difference is None:
        parity = Check("parity", False, "how far its ONNX model is from its Keras model is not on record: train it again", {})
    else:
        says = f"ONNX and Keras differ by {difference:.2g}, {most:.2g} is allowed"
        parity = Check("parity", bool(difference <= most), says, {"onnx_max_abs_difference": difference})
    size, slow = config.size_mb, config.latency_ms
    megabytes = made.onnx_bytes / _BYTES_PER_MB
    return [
        parity,
        Check("size", megabytes <= size.value, f"{megabytes:.2f} MB, {size.value:g} are allowed", {"onnx_bytes": made.onnx_bytes}),
        Check(
            "latency",
            made.latency_ms <= slow.value,
            f"{made.latency_ms:.2f} ms for one window, {slow.value:g} are allowed",
            {"latency_ms": round(made.latency_ms, _DIGITS)},
        ),
    ]


def better_share(held: JudgedWindows, champion: Floats, config: GateSection) -> float:
    """Share of fleets on which the challenger's RMSE is below the champion's; a fleet is the held-out compressors, drawn with replacement."""
    units, unit = np.unique(held.unit, return_inverse=True)
    ours, theirs = (UnitSums.of_errors(ERROR, held.true, said, unit, len(units)).over[ERROR] for said in (held.challenger, champion))
    drawn = _resampling(len(units), config).draws
    return float((drawn @ ours < drawn @ theirs).mean())


def _beats_baseline(held: JudgedWindows, baseline: float | None) -> Check:
    own = rmse(held.true, held.challenger)
    if baseline is None:
        return Check("baseline", False, "no baseline is logged beside it: train it again", {"rmse_days": own})
    numbers = {"rmse_days": own, "baseline_rmse_days": baseline}
    return Check("baseline", own < baseline, _against("baseline", own, baseline), numbers)


def _beats_champion(held: JudgedWindows, champion: Floats, config: GateSection) -> Check:
    own, other = rmse(held.true, held.challenger), rmse(held.true, champion)
    certainty, needed = better_share(held, champion, config), config.least_certainty.value
    says = f"{_against('champion', own, other)}, and does so on {certainty:.0%} of resampled fleets"
    if own < other and certainty < needed:
        says += f"; {needed:.0%} are needed: a difference within chance replaces no champion"
    numbers = {"rmse_days": own, "champion_rmse_days": other, "certainty": certainty}
    return Check("champion", own < other and certainty >= needed, says, numbers)


def _caveats(evidence: Evidence) -> Iterator[str]:
    if evidence.origin.learned.get("champion", ()) is None:
        yield "which compressors the champion has learned from is not known: it may have been judged by some of them"
    if evidence.held_out.champion is not None and evidence.recheck is None:
        yield "by which windows the champion was judged when it was made is not known: whether the history has changed since cannot be told"
    if evidence.recheck is not None and evidence.recheck.gone and evidence.recheck.now is not None:
        names = _list(sorted(evidence.recheck.gone))
        yield f"compressors that the champion was judged by are no longer in the history ({names}): it was checked on the others"


def _no_comparison(why: str) -> Check:
    """A champion that cannot be opened is replaced by an operator alone."""
    says = (
        f"nothing shows that it is better than the champion, which cannot be opened ({why}); an operator may promote it (--force --reason)"
    )
    return Check("champion", False, says, {})


def _same_labels(challenger: LabelSettings, champion: LabelSettings) -> Check:
    """Errors under two caps, and odds of two events, are not to be compared: under a low cap every error is small."""
    numbers = {
        "horizon_days": challenger.horizon_days,
        "max_rul_days": challenger.max_rul_days,
        "champion_horizon_days": champion.horizon_days,
        "champion_max_rul_days": champion.max_rul_days,
    }
    taught = f"horizon_days {challenger.horizon_days:g} and max_rul_days {challenger.max_rul_days:g}"
    if challenger == champion:
        return Check("labels", True, f"both were taught {taught}", numbers)
    other = f"{champion.horizon_days:g} and {champion.max_rul_days:g}"
    says = f"it was taught {taught}, the champion {other}: the two cannot be compared"
    return Check("labels", False, says, numbers)


def _same_history(recheck: Recheck, config: GateSection) -> Check:
    """A history whose labels are no longer those that the champion was judged by can teach and judge wrongly."""
    if recheck.now is None:
        says = "nothing is left of the windows that the champion was judged by: whether the history has changed since cannot be told"
        return Check("history", False, says, {"champion_recorded_rmse_days": recheck.recorded})
    passed = abs(recheck.now - recheck.recorded) <= config.history_tolerance.value * recheck.recorded
    found = f"on the windows it was judged by, the champion's RMSE was {recheck.recorded:.3f} d and is now {recheck.now:.3f} d"
    says = f"the history is the same: {found}" if passed else f"the history has changed: {found}; check the maintenance events and readings"
    numbers = {"champion_recorded_rmse_days": recheck.recorded, "champion_recheck_rmse_days": recheck.now}
    return Check("history", passed, says, numbers)


def _not_worse(name: str, words: str, metric: str, unseen: Unseen, margin: float, fleets: Resampling, config: GateSection) -> Check:
    """Whether the interval of the difference ends before `margin` on the worse side; without a case nothing is shown."""
    found = compare_metric(metric, unseen.challenger, unseen.champion, fleets, config.confidence)
    if found is None:
        return Check(name, False, f"the unseen fleet has no case of {words} to judge by: make it larger (retraining.yaml)", {})
    low, high = found["interval"]
    less_is_better = metric == ERROR
    unit, measured = (" d", "unseen_rmse_days") if less_is_better else ("", name)
    numbers = {
        measured: found["ours"],
        f"champion_{measured}": found["theirs"],
        f"{name}_difference": found["difference"],
        f"{name}_interval": found["interval"],
        f"{name}_margin": round(margin, _DIGITS),
    }
    says = (
        f"unseen fleet: {words} {found['ours']:.3g}{unit}, the champion's {found['theirs']:.3g}{unit} "
        f"(difference {found['difference']:+.2g}, {config.confidence:.0%} interval {low:+.2g} to {high:+.2g}; "
        f"{margin:.2g} worse is the most it may hold)"
    )
    return Check(name, bool(high <= margin if less_is_better else low >= -margin), says, numbers)


def _no_slice_much_worse(prefix: str, ground: JudgedWindows, champion: Floats, config: GateSection) -> Check:
    """Whether the challenger's RMSE is nowhere above the champion's by more than the margin, beyond chance."""
    slices: dict[str, dict[str, Any]] = {}
    worst, bad = ("", 0.0), []
    every, unit = np.unique(ground.unit, return_inverse=True)
    fleets = _resampling(len(every), config)  # of the whole ground for every slice: whoever has no window in it is drawn too
    for grouping, groups in ground.groups.items():
        for value in np.unique(groups):
            own = groups == value
            units = len(np.unique(unit[own]))
            if own.sum() < config.slice_windows or units < config.least_compressors:
                continue
            ours, theirs = (
                UnitSums.of_errors(ERROR, ground.true[own], said[own], unit[own], len(every)) for said in (ground.challenger, champion)
            )
            found = compare_metric(ERROR, ours, theirs, fleets, config.confidence)
            if found is None or not found["theirs"]:
                continue
            name, ratio = f"{grouping} {value}", found["ours"] / found["theirs"]
            slices[name] = {
                "rmse_days": found["ours"],
                "champion_rmse_days": found["theirs"],
                "interval": found["interval"],
                "windows": int(own.sum()),
                "compressors": units,
            }
            worst = max(worst, (name, ratio), key=lambda item: item[1])
            if ratio > 1 + config.slice_margin.value and found["interval"][0] > 0:
                bad.append(f"{name} ({found['ours']:.2f} against {found['theirs']:.2f} d, {units} compressors)")
    where = "unseen fleet" if prefix else "held-out windows"
    if bad:
        says = f"{where}: much worse than the champion on {', '.join(bad[:_NAMED])}"
    elif slices:
        says = f"{where}: none of {len(slices)} slices is much worse than the champion's; the worst is {worst[0]}, RMSE x {worst[1]:.2f}"
    else:
        says = f"{where}: no slice is large enough to be judged by itself"
    return Check(f"{prefix}slices", not bad, says, {f"{prefix}worst_slice_ratio": round(worst[1], _DIGITS), "slices": slices})


def _coverage(trust: CalibrationEvidence, config: GateSection) -> Check:
    """Whether the share of lives inside the interval can be within its bounds, for all that the compressors can say."""
    units, position = np.unique(trust.unit, return_inverse=True)
    if not len(units):
        return Check("coverage", False, "no failure was seen, so nothing shows whether lives are inside the interval", {})
    inside, windows = (np.bincount(position, weights, len(units)) for weights in (trust.inside, None))
    drawn = _resampling(len(units), config).draws
    low, high = interval(drawn @ inside / (drawn @ windows), config.confidence)
    share, bounds, name = float(trust.inside.mean()), config.coverage, f"{trust.where}coverage_90"
    judged = len(units) >= config.least_compressors
    says = f"{share:.1%} of lives inside the 90 % interval ({config.confidence:.0%} interval {low:.0%} to {high:.0%}; {bounds.low:.0%} to {bounds.high:.0%} is asked for)"
    numbers = {name: round(share, _DIGITS), f"{name}_interval": [round(low, _DIGITS), round(high, _DIGITS)]}
    return Check("coverage", not judged or (high >= bounds.low and low <= bounds.high), _unless(judged, says, units, config), numbers)


def _odds(trust: CalibrationEvidence, config: GateSection) -> Check:
    """Whether the expected calibration error of the probability can be below its bound, for all that the compressors can say."""
    units, position = np.unique(trust.odds_unit, return_inverse=True)
    if not len(units):
        return Check(
            "probability", False, "of no window it is known whether the failure came: nothing shows whether the probability holds", {}
        )
    gaps = bin_gaps(trust.odds, trust.bins, position, len(units))
    windows = np.bincount(position, minlength=len(units))
    error = float(calibration_error(gaps.sum(axis=0), len(position)))
    drawn = _resampling(len(units), config).draws
    low, high = interval(calibration_error(drawn @ gaps, drawn @ windows), config.confidence)
    judged, most, name = len(units) >= config.least_compressors, config.calibration_error.value, f"{trust.where}calibration_error"
    says = f"calibration error of the failure probability {error:.3f} ({config.confidence:.0%} interval {low:.3f} to {high:.3f}; {most:g} is the most)"
    numbers = {name: round(error, _DIGITS), f"{name}_interval": [round(low, _DIGITS), round(high, _DIGITS)]}
    return Check("probability", not judged or low <= most, _unless(judged, says, units, config), numbers)


def _none_relearned(origin: Origin) -> Check:
    """Whether no judge was a teacher; a champion's teachers may be unknown (a caveat), the challenger's may not."""
    if origin.learned["challenger"] is None:
        return Check(
            "overlap", False, "which compressors it has learned from is not known: they may be those that judge it; train it again", {}
        )
    found = [f"{name} ({side})" for side, learned in origin.learned.items() for name in sorted(set(origin.judged) & set(learned or ()))] + [
        f"{name} (unseen fleet)" for name in sorted(origin.relearned)
    ]
    says = (
        f"judged by compressors that were learned from: {_list(found)}"
        if found
        else f"none of {len(set(origin.judged))} held-out compressors was learned from"
    )
    return Check("overlap", not found, says, {"held_out_compressors": len(set(origin.judged)), "shared_compressors": len(found)})


def _resampling(units: int, config: GateSection) -> Resampling:
    return Resampling(units, config.resamples, config.seed)


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _unless(judged: bool, says: str, units: Integers, config: GateSection) -> str:
    return says if judged else f"not judged, {len(units)} compressors are too few ({config.least_compressors} are needed): {says}"


def _against(name: str, model: float, other: float) -> str:
    return f"test RMSE {model:.3f} d {'beats' if model < other else 'does not beat'} the {name}'s {other:.3f} d"
