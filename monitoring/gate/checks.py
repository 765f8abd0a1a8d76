"""The checks of the gate: whether a model may become champion. Pure; every check returns numbers and a verdict.

A model passes when all checks pass. Windows of one compressor are nearly copies of each other. So intervals are those of a bootstrap
over whole compressors (monitoring.statistics.bootstrap).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from config.sections.retraining import GateSection
from features.arrays import Floats
from monitoring.evaluation.calibration import bin_gaps, calibration_error
from monitoring.evaluation.comparison import UnitSums, compare_metric, metric
from monitoring.gate.evidence import (
    CalibrationEvidence,
    ComparedWindows,
    Evidence,
    ExportedModel,
    LabelSettings,
    Recheck,
    TrainingOverlap,
    UnseenEvidence,
)
from monitoring.gate.findings import Finding, SharedCompressor, WorseSlice
from monitoring.gate.verdict import Caveat, Check, Verdict
from monitoring.statistics.bootstrap import Resampling, interval
from training.metrics import rmse

_DIGITS: Final = 4
_BYTES_PER_MB: Final = 1e6
# Metrics of monitoring.evaluation.comparison that the sums of an unseen fleet must hold
ERROR: Final = "rul_rmse_days"
RECALL: Final = "recall"
SLOW_RECALL: Final = "recall_5d"


@dataclass(frozen=True)
class _Comparison:
    """A metric on the unseen fleet, and by how much the challenger may be worse."""

    check: str
    metric: str
    margin: float


def judge(evidence: Evidence, config: GateSection) -> Verdict:
    """Run every check on the challenger. Without a champion, those that compare are left out."""
    held_out, champion, unseen = evidence.held_out, evidence.held_out.champion, evidence.unseen
    checks = [_beats_baseline(held_out, evidence.baseline_rmse_days)]
    if champion is not None:
        checks += [_beats_champion(held_out, champion, config), _no_slice_much_worse("", held_out, champion, config)]
    if evidence.lost_champion is not None:
        checks.append(Check("champion", False, Finding.CHAMPION_NOT_LOADED, {"why": evidence.lost_champion}))
    if "champion" in evidence.labels:
        checks.append(_same_labels(evidence.labels["challenger"], evidence.labels["champion"]))
    if evidence.recheck is not None:
        checks.append(_same_history(evidence.recheck, config))
    if unseen is not None and unseen.windows.champion is not None:
        margin = config.error_margin.value * rmse(unseen.windows.true, unseen.windows.champion)
        fleets = _resampling(unseen.challenger.units, config)
        compared = [
            _Comparison("unseen_error", ERROR, margin),
            _Comparison("unseen_recall", RECALL, config.recall_margin.value),
            _Comparison("unseen_slow_recall", SLOW_RECALL, config.recall_margin.value),
        ]
        checks += [_not_worse(one, unseen, fleets, config.confidence) for one in compared]
        checks.append(_no_slice_much_worse("unseen_", unseen.windows, unseen.windows.champion, config))
    checks += [_coverage(evidence.calibration, config), _probability(evidence.calibration, config), _no_overlap(evidence.overlap)]
    checks += judge_export(evidence.exported, config)
    return Verdict(checks, list(_caveats(evidence)))


def judge_export(exported: ExportedModel, config: GateSection) -> list[Check]:
    """Parity with Keras, and the budgets of size and time. They apply to any exported model."""
    difference, most = exported.onnx_difference, exported.most_onnx_difference
    if difference is None:
        parity = Check("parity", False, Finding.PARITY_UNKNOWN)
    else:
        facts = {"difference": difference, "most": most}
        parity = Check("parity", bool(difference <= most), Finding.PARITY_MEASURED, facts, {"onnx_max_abs_difference": difference})
    megabytes, size = exported.onnx_bytes / _BYTES_PER_MB, config.size_mb.value
    milliseconds, slow = exported.latency_ms, config.latency_ms.value
    return [
        parity,
        Check(
            "size",
            megabytes <= size,
            Finding.SIZE_MEASURED,
            {"megabytes": megabytes, "most": size},
            {"onnx_bytes": exported.onnx_bytes},
        ),
        Check(
            "latency",
            milliseconds <= slow,
            Finding.LATENCY_MEASURED,
            {"milliseconds": milliseconds, "most": slow},
            {"latency_ms": round(milliseconds, _DIGITS)},
        ),
    ]


def better_share(held_out: ComparedWindows, champion: Floats, config: GateSection) -> float:
    """Share of resampled fleets on which the challenger's RMSE is below the champion's: 0..1.

    A fleet is the held-out compressors, drawn with replacement.
    """
    units, unit = np.unique(held_out.unit, return_inverse=True)
    ours, theirs = (
        UnitSums.of_errors(ERROR, held_out.true, predicted, unit, len(units)).over[ERROR] for predicted in (held_out.challenger, champion)
    )
    drawn = _resampling(len(units), config).draws
    return float((drawn @ ours < drawn @ theirs).mean())


def _beats_baseline(held_out: ComparedWindows, baseline: float | None) -> Check:
    own = rmse(held_out.true, held_out.challenger)
    if baseline is None:
        return Check("baseline", False, Finding.BASELINE_MISSING, numbers={"rmse_days": own})
    beaten = own < baseline
    finding = Finding.BASELINE_BEATEN if beaten else Finding.BASELINE_NOT_BEATEN
    return Check("baseline", beaten, finding, {"own": own, "other": baseline}, {"rmse_days": own, "baseline_rmse_days": baseline})


def _beats_champion(held_out: ComparedWindows, champion: Floats, config: GateSection) -> Check:
    own, other = rmse(held_out.true, held_out.challenger), rmse(held_out.true, champion)
    certainty, needed = better_share(held_out, champion, config), config.least_certainty.value
    finding = Finding.CHAMPION_BEATEN if certainty >= needed else Finding.CHAMPION_WITHIN_CHANCE
    if not own < other:
        finding = Finding.CHAMPION_NOT_BEATEN
    facts = {"own": own, "other": other, "certainty": certainty, "needed": needed}
    numbers = {"rmse_days": own, "champion_rmse_days": other, "certainty": certainty}
    return Check("champion", finding is Finding.CHAMPION_BEATEN, finding, facts, numbers)


def _caveats(evidence: Evidence) -> Iterator[Caveat]:
    recheck = evidence.recheck
    if evidence.overlap.trained_on.get("champion", ()) is None:
        yield Caveat(Finding.CHAMPION_TRAINING_UNKNOWN)
    if evidence.held_out.champion is not None and recheck is None:
        yield Caveat(Finding.CHAMPION_TEST_UNKNOWN)
    if recheck is not None and recheck.gone and recheck.now is not None:
        yield Caveat(Finding.CHAMPION_TEST_PARTLY_GONE, {"gone": sorted(recheck.gone)})


def _same_labels(challenger: LabelSettings, champion: LabelSettings) -> Check:
    """Errors under two caps cannot be compared: a low cap makes every error small. Nor can probabilities over two horizons."""
    facts = {
        "horizon": challenger.horizon_days,
        "cap": challenger.max_rul_days,
        "champion_horizon": champion.horizon_days,
        "champion_cap": champion.max_rul_days,
    }
    numbers = {
        "horizon_days": challenger.horizon_days,
        "max_rul_days": challenger.max_rul_days,
        "champion_horizon_days": champion.horizon_days,
        "champion_max_rul_days": champion.max_rul_days,
    }
    equal = challenger == champion
    return Check("labels", equal, Finding.LABELS_EQUAL if equal else Finding.LABELS_DIFFER, facts, numbers)


def _same_history(recheck: Recheck, config: GateSection) -> Check:
    """Whether the champion's test windows still have the labels of its training. Changed labels train and evaluate wrongly."""
    if recheck.now is None:
        return Check("history", False, Finding.HISTORY_GONE, numbers={"champion_recorded_rmse_days": recheck.recorded})
    equal = abs(recheck.now - recheck.recorded) <= config.history_tolerance.value * recheck.recorded
    facts = {"recorded": recheck.recorded, "now": recheck.now}
    numbers = {"champion_recorded_rmse_days": recheck.recorded, "champion_recheck_rmse_days": recheck.now}
    return Check("history", equal, Finding.HISTORY_EQUAL if equal else Finding.HISTORY_CHANGED, facts, numbers)


def _not_worse(compared: _Comparison, unseen: UnseenEvidence, fleets: Resampling, confidence: float) -> Check:
    """Whether the interval of the difference ends before the margin on the worse side. Without a case the check fails."""
    name, margin, kind = compared.check, compared.margin, metric(compared.metric)
    found = compare_metric(compared.metric, unseen.challenger, unseen.champion, fleets, confidence)
    if found is None:
        return Check(name, False, Finding.UNSEEN_WITHOUT_CASE, {"quantity": kind.words})
    low, high = found["interval"]
    facts = {
        "quantity": kind.words,
        "unit": f" {kind.unit}" if kind.unit else "",
        "own": found["ours"],
        "other": found["theirs"],
        "difference": found["difference"],
        "confidence": confidence,
        "low": low,
        "high": high,
        "margin": margin,
    }
    measured = "unseen_rmse_days" if compared.metric == ERROR else name
    numbers = {
        measured: found["ours"],
        f"champion_{measured}": found["theirs"],
        f"{name}_difference": found["difference"],
        f"{name}_interval": found["interval"],
        f"{name}_margin": round(margin, _DIGITS),
    }
    return Check(name, bool(low >= -margin if kind.more_is_better else high <= margin), Finding.UNSEEN_COMPARED, facts, numbers)


def _no_slice_much_worse(prefix: str, windows: ComparedWindows, champion: Floats, config: GateSection) -> Check:
    """Whether the challenger's RMSE is nowhere above the champion's by more than the margin, beyond chance."""
    compared = _compare_slices(windows, champion, config)
    ratios = {name: found["rmse_days"] / found["champion_rmse_days"] for name, found in compared.items()}
    bad = [name for name, found in compared.items() if ratios[name] > 1 + config.slice_margin.value and found["interval"][0] > 0]
    worst, ratio = max([("", 0.0), *ratios.items()], key=lambda item: item[1])
    facts: dict[str, Any] = {"where": "unseen fleet" if prefix else "held-out windows"}
    if bad:
        finding = Finding.SLICES_WORSE
        facts["worse"] = [
            WorseSlice(name, compared[name]["rmse_days"], compared[name]["champion_rmse_days"], compared[name]["compressors"])
            for name in bad
        ]
    elif compared:
        finding = Finding.SLICES_COMPARED
        facts |= {"slices": len(compared), "worst": worst, "ratio": ratio}
    else:
        finding = Finding.SLICES_TOO_SMALL
    return Check(f"{prefix}slices", not bad, finding, facts, {f"{prefix}worst_slice_ratio": round(ratio, _DIGITS), "slices": compared})


def _compare_slices(windows: ComparedWindows, champion: Floats, config: GateSection) -> dict[str, dict[str, Any]]:
    """The comparison on each slice that is large enough, by name.

    It has rmse_days, champion_rmse_days, interval of the difference, windows and compressors.
    """
    slices: dict[str, dict[str, Any]] = {}
    every, unit = np.unique(windows.unit, return_inverse=True)
    fleets = _resampling(len(every), config)  # one for all slices: a compressor without a window in a slice is drawn too
    for grouping, groups in windows.groups.items():
        for value in np.unique(groups):
            own = groups == value
            units = len(np.unique(unit[own]))
            if own.sum() < config.slice_windows or units < config.least_compressors:
                continue
            ours, theirs = (
                UnitSums.of_errors(ERROR, windows.true[own], predicted[own], unit[own], len(every))
                for predicted in (windows.challenger, champion)
            )
            found = compare_metric(ERROR, ours, theirs, fleets, config.confidence)
            if found is None or not found["theirs"]:
                continue
            slices[f"{grouping} {value}"] = {
                "rmse_days": found["ours"],
                "champion_rmse_days": found["theirs"],
                "interval": found["interval"],
                "windows": int(own.sum()),
                "compressors": units,
            }
    return slices


def _coverage(evidence: CalibrationEvidence, config: GateSection) -> Check:
    """Whether the interval of the coverage reaches into its bounds. Too few compressors pass."""
    units, position = np.unique(evidence.unit, return_inverse=True)
    if not len(units):
        return Check("coverage", False, Finding.COVERAGE_UNKNOWN)
    inside, windows = (np.bincount(position, weights, len(units)) for weights in (evidence.inside, None))
    drawn = _resampling(len(units), config).draws
    low, high = interval(drawn @ inside / (drawn @ windows), config.confidence)
    share, bounds, name = float(evidence.inside.mean()), config.coverage, f"{evidence.prefix}coverage_90"
    judged = len(units) >= config.least_compressors
    facts = {
        "share": share,
        "confidence": config.confidence,
        "low": low,
        "high": high,
        "least": bounds.low,
        "most": bounds.high,
        "compressors": len(units),
        "least_compressors": config.least_compressors,
    }
    numbers = {name: round(share, _DIGITS), f"{name}_interval": [round(low, _DIGITS), round(high, _DIGITS)]}
    finding = Finding.COVERAGE_MEASURED if judged else Finding.COVERAGE_OF_TOO_FEW
    return Check("coverage", not judged or (high >= bounds.low and low <= bounds.high), finding, facts, numbers)


def _probability(evidence: CalibrationEvidence, config: GateSection) -> Check:
    """Whether the interval of the expected calibration error reaches below its bound. Too few compressors pass."""
    units, position = np.unique(evidence.outcome_unit, return_inverse=True)
    if not len(units):
        return Check("probability", False, Finding.PROBABILITY_UNKNOWN)
    gaps = bin_gaps(evidence.outcomes, evidence.bins, position, len(units))
    windows = np.bincount(position, minlength=len(units))
    error = float(calibration_error(gaps.sum(axis=0), len(position)))
    drawn = _resampling(len(units), config).draws
    low, high = interval(calibration_error(drawn @ gaps, drawn @ windows), config.confidence)
    judged, most, name = len(units) >= config.least_compressors, config.calibration_error.value, f"{evidence.prefix}calibration_error"
    facts = {
        "error": error,
        "confidence": config.confidence,
        "low": low,
        "high": high,
        "most": most,
        "compressors": len(units),
        "least_compressors": config.least_compressors,
    }
    numbers = {name: round(error, _DIGITS), f"{name}_interval": [round(low, _DIGITS), round(high, _DIGITS)]}
    finding = Finding.PROBABILITY_MEASURED if judged else Finding.PROBABILITY_OF_TOO_FEW
    return Check("probability", not judged or low <= most, finding, facts, numbers)


def _no_overlap(overlap: TrainingOverlap) -> Check:
    """Whether no model was trained on a compressor that it is evaluated on.

    The champion's training compressors may be unknown (a caveat), the challenger's may not.
    """
    if overlap.trained_on["challenger"] is None:
        return Check("overlap", False, Finding.OVERLAP_UNKNOWN)
    evaluated = set(overlap.evaluated)
    shared = [
        SharedCompressor(name, side)
        for side, trained_on in overlap.trained_on.items()
        for name in sorted(evaluated & set(trained_on or ()))
    ] + [SharedCompressor(name, "unseen fleet") for name in sorted(overlap.unseen_copies)]
    finding = Finding.OVERLAP_FOUND if shared else Finding.OVERLAP_NONE
    numbers = {"held_out_compressors": len(evaluated), "shared_compressors": len(shared)}
    return Check("overlap", not shared, finding, {"compressors": len(evaluated), "shared": shared}, numbers)


def _resampling(units: int, config: GateSection) -> Resampling:
    return Resampling(units, config.resamples, config.seed)
