"""Every check of the gate on models with a known verdict: who passes, who is refused, and by which numbers."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from config.sections.retraining import GateSection
from monitoring.evaluation.calibration import FailureOutcomes
from monitoring.evaluation.comparison import UnitSums
from monitoring.gate.checks import SLOW_RECALL, better_share, judge
from monitoring.gate.evidence import (
    CalibrationEvidence,
    ComparedWindows,
    LabelSettings,
    Recheck,
    TrainingOverlap,
)
from tests.monitoring.gate.evidence import (
    COMPRESSORS,
    MODES,
    SOUND,
    TRUE,
    UNIT,
    better,
    calibration,
    failed,
    first,
    numbers,
    off,
    unseen,
    windows,
)


def test_a_better_and_sound_model_passes_every_check_with_reasons(gate: GateSection) -> None:
    verdict = judge(better(), gate)
    assert verdict.passed
    assert [check.name for check in verdict.checks] == [
        "baseline", "champion", "slices", "labels", "history", "unseen_error",
        "unseen_recall", "unseen_slow_recall", "unseen_slices", "coverage", "probability", "overlap",
        "parity", "size", "latency",
    ]  # fmt: skip
    assert verdict.reasons == [
        "test RMSE 6.000 d beats the baseline's 8.000 d",
        "test RMSE 6.000 d beats the champion's 7.000 d, and does so on 100% of resampled fleets",
        "unseen fleet: RMSE 6 d, the champion's 7 d (difference -1, 90% confidence interval -1 to -1; at most 0.21 worse is allowed)",
        "unseen fleet: recall of all failures 0.8, the champion's 0.8 "
        "(difference +0, 90% confidence interval +0 to +0; at most 0.1 worse is allowed)",
    ]
    wanted = {
        "rmse_days": 6.0,
        "champion_rmse_days": 7.0,
        "certainty": 1.0,
        "unseen_rmse_days": 6.0,
        "onnx_bytes": 240_000,
        "latency_ms": 0.4,
    }
    assert {name: verdict.metrics[name] for name in wanted} == wanted


def test_the_first_model_is_judged_without_the_checks_that_need_a_champion(gate: GateSection) -> None:
    verdict = judge(first(off(7)), gate)
    assert verdict.passed
    assert [check.name for check in verdict.checks] == ["baseline", "coverage", "probability", "overlap", "parity", "size", "latency"]
    refused = judge(first(off(8.5)), gate)
    assert (failed(refused), refused.reasons) == (["baseline"], ["test RMSE 8.500 d does not beat the baseline's 8.000 d"])


def test_a_later_model_must_beat_the_champion_too_and_a_tie_changes_nothing(gate: GateSection) -> None:
    for challenger, certainty in ((7.5, 0.0), (7.0, 0.0)):
        verdict = judge(replace(better(), held_out=windows(off(challenger), off(7))), gate)
        assert failed(verdict) == ["champion"]
        assert verdict.metrics["certainty"] == certainty
        assert verdict.reasons == [f"test RMSE {challenger:.3f} d does not beat the champion's 7.000 d; it does on 0% of resampled fleets"]


def test_a_model_that_wins_on_few_compressors_only_wins_by_chance(gate: GateSection) -> None:
    # one compressor in twelve is far better, the others a little worse
    verdict = judge(replace(better(), held_out=windows(off(1, *[7] * 11), off(7, *[6.9] * 11))), gate)
    assert verdict.metrics["rmse_days"] < verdict.metrics["champion_rmse_days"]
    # without it the fleet is lost: (11/12)^12 of the fleets
    assert verdict.metrics["certainty"] == pytest.approx(1 - (11 / 12) ** 12, abs=0.03)
    assert failed(verdict) == ["champion"]
    assert verdict.reasons[0].endswith("; 90% are needed, so the difference may be chance")


def test_compressors_are_drawn_whole(gate: GateSection) -> None:
    unit = np.array([0] * 99 + [1])  # many windows of one compressor are still one compressor
    held = ComparedWindows(unit, np.zeros(100), np.where(unit == 0, 1.0, 9.0), None)
    share = better_share(held, np.where(unit == 0, 2.0, 1.0), gate)
    assert share == pytest.approx(0.75, abs=0.03)  # worse only when the second one alone is drawn


def test_a_model_trained_with_another_cap_or_horizon_than_the_champion_is_refused(gate: GateSection) -> None:
    for labels, sentence in (
        (
            LabelSettings(3.0, 10.0),
            "this model was trained on horizon_days 3 and max_rul_days 10, the champion on 3 and 30: they cannot be compared",
        ),
        (
            LabelSettings(7.0, 30.0),
            "this model was trained on horizon_days 7 and max_rul_days 30, the champion on 3 and 30: they cannot be compared",
        ),
    ):
        verdict = judge(replace(better(), labels={**better().labels, "challenger": labels}), gate)
        assert (failed(verdict), verdict.reasons) == (["labels"], [sentence])
    assert "champion" not in first(off(7)).labels
    assert judge(
        replace(first(off(7)), labels={"challenger": LabelSettings(7.0, 10.0)}), gate
    ).passed  # there is nothing to compare it with


def test_on_a_history_with_other_labels_nothing_is_promoted(gate: GateSection) -> None:
    for now in (7.8, 6.2):
        verdict = judge(replace(better(), recheck=Recheck(recorded=7.0, now=now)), gate)
        assert failed(verdict) == ["history"]
        assert verdict.reasons == [
            f"the history has changed: the champion's RMSE on its own test windows was 7.000 d and is now {now:.3f} d; "
            "check the maintenance events and readings"
        ]


def test_missing_test_compressors_of_the_champion_are_reported_or_refused(gate: GateSection) -> None:
    some = judge(replace(better(), recheck=Recheck(recorded=7.0, now=7.1, gone=["C-9"])), gate)
    assert some.passed
    assert some.reasons[-1] == ("the history no longer holds these test compressors of the champion: C-9; it was checked on the others")
    every = judge(replace(better(), recheck=Recheck(recorded=7.0, now=None, gone=["C-8", "C-9"])), gate)
    assert (failed(every), every.reasons) == (
        ["history"],
        ["the history no longer holds the champion's test windows, so a change of the history cannot be detected"],
    )
    unknown = judge(replace(better(), recheck=None), gate)
    assert unknown.passed
    assert unknown.reasons[-1] == ("the champion's test windows are not on record, so a change of the history cannot be detected")


def test_better_on_average_and_much_worse_on_one_failure_mode_is_refused(gate: GateSection) -> None:
    challenger, champion = np.where(MODES == "fouling", TRUE + 9, off(4)), off(7)
    assert np.sqrt(np.mean((challenger - TRUE) ** 2)) < 6  # against 7: better on average
    verdict = judge(replace(better(), unseen=unseen(challenger, champion)), gate)
    assert failed(verdict) == ["unseen_slices"]
    assert verdict.reasons == ["unseen fleet: much worse than the champion on mode fouling (9.00 against 7.00 d, 3 compressors)"]
    slices = numbers(verdict, "unseen_slices")["slices"]
    assert slices["mode fouling"] == {  # type: ignore[index]
        "rmse_days": 9.0, "champion_rmse_days": 7.0, "interval": [2.0, 2.0], "windows": 600, "compressors": 3,
    }  # fmt: skip
    assert slices["mode bearing_wear"]["rmse_days"] == 4.0  # type: ignore[index]


def test_a_slice_that_is_worse_by_less_or_by_chance_or_on_too_few_compressors_is_not_held_against_a_model(gate: GateSection) -> None:
    a_little = np.where(MODES == "fouling", TRUE + 8.3, off(4))  # 19 % worse
    one_of_three = np.where(UNIT == 0, TRUE + 14, np.where(MODES == "fouling", TRUE + 6.9, off(4)))  # 38 % worse, on one of them
    for challenger in (a_little, one_of_three):
        verdict = judge(replace(better(), unseen=unseen(challenger, off(7))), gate)
        assert "unseen_slices" not in failed(verdict)
    groups = {"mode": np.where(UNIT < 2, "fouling", "bearing_wear")}  # two compressors
    two = unseen(np.where(UNIT < 2, TRUE + 12, off(4)), off(7))
    verdict = judge(replace(better(), unseen=replace(two, windows=replace(two.windows, groups=groups))), gate)
    assert list(numbers(verdict, "unseen_slices")["slices"]) == ["mode bearing_wear"]  # type: ignore[call-overload]


def test_worse_on_the_unseen_fleet_is_refused_by_the_interval_of_the_difference(gate: GateSection) -> None:
    worse = judge(replace(better(), unseen=unseen(off(7.5), off(7))), gate)  # 0.5 d; 3 % of 7 is the most
    assert failed(worse) == ["unseen_error"]
    assert numbers(worse, "unseen_error")["unseen_error_interval"] == [0.5, 0.5]
    assert judge(replace(better(), unseen=unseen(off(7.2), off(7))), gate).passed
    # the same on average, but what a fleet finds depends on its compressors: the interval reaches beyond what is allowed
    unsure = judge(replace(better(), unseen=unseen(off(4, 9), off(7))), gate)
    assert failed(unsure) == ["unseen_error"]


def test_a_model_that_misses_events_the_champion_announces_is_refused(gate: GateSection) -> None:
    verdict = judge(replace(better(), unseen=unseen(off(6), off(7), caught=(3, 4))), gate)
    assert failed(verdict) == ["unseen_recall", "unseen_slow_recall"]
    found = numbers(verdict, "unseen_recall")
    assert (found["unseen_recall"], found["champion_unseen_recall"], found["unseen_recall_interval"]) == (0.6, 0.8, [-0.2, -0.2])
    assert judge(replace(better(), unseen=unseen(off(6), off(7), caught=(5, 4))), gate).passed


def test_without_an_event_on_the_unseen_fleet_nothing_is_promoted(gate: GateSection) -> None:
    seen = unseen(off(6), off(7))
    none = {
        side: UnitSums(getattr(seen, side).over, {**getattr(seen, side).under, SLOW_RECALL: np.zeros(COMPRESSORS)})
        for side in ("challenger", "champion")
    }
    verdict = judge(replace(better(), unseen=replace(seen, **none)), gate)
    assert verdict.reasons == ["the unseen fleet has no case to measure recall of slow failures: enlarge gate.fleet in retraining.yaml"]


def test_an_interval_that_holds_too_few_lives_or_all_of_them_is_refused(gate: GateSection) -> None:
    for inside in (0.7, 1.0):
        verdict = judge(replace(better(), calibration=calibration(inside=inside)), gate)
        assert failed(verdict) == ["coverage"]
        assert verdict.metrics["coverage_90"] == inside
    assert judge(replace(better(), calibration=calibration(inside=0.85)), gate).passed
    # three of twelve compressors are never held: 75 %, which among twelve may be chance
    mixed = replace(calibration(), inside=UNIT % 5 > 0)
    assert "coverage" not in failed(judge(replace(better(), calibration=mixed), gate))


def test_a_probability_that_is_not_what_happens_is_refused(gate: GateSection) -> None:
    verdict = judge(replace(better(), calibration=calibration(probability=0.3, failed=0.1)), gate)
    assert failed(verdict) == ["probability"]
    assert verdict.metrics["calibration_error"] == pytest.approx(0.2)
    assert judge(replace(better(), calibration=calibration(probability=0.14, failed=0.1)), gate).passed


def test_two_compressors_are_too_few_to_judge_a_calibration_by(gate: GateSection) -> None:
    few = calibration(inside=0.1)
    own = UNIT < 2
    few = replace(few, unit=UNIT[own], inside=few.inside[own])
    verdict = judge(replace(first(off(7)), calibration=few), gate)
    assert verdict.passed
    assert next(check.sentence for check in verdict.checks if check.name == "coverage").startswith(
        "not judged, 2 compressors are too few (3 are needed)"
    )


def test_without_known_outcomes_nothing_is_promoted(gate: GateSection) -> None:
    none = np.array([], np.int64)
    empty = CalibrationEvidence("", none, none.astype(np.bool_), none, FailureOutcomes(none.astype(np.float64), none.astype(np.bool_)), 10)
    verdict = judge(replace(better(), calibration=empty), gate)
    assert verdict.reasons == [
        "no failure was observed, so the coverage of the interval cannot be measured",
        "no window has a known outcome within the horizon, so the calibration of the probability cannot be measured",
    ]


def test_a_model_evaluated_on_compressors_it_was_trained_on_is_refused(gate: GateSection) -> None:
    for side in ("challenger", "champion"):
        trained_on = {"challenger": {"C-1"}, "champion": {"C-1"}} | {side: {"C-1", "C-4"}}
        verdict = judge(replace(better(), overlap=TrainingOverlap(["C-3", "C-4"], trained_on)), gate)
        assert failed(verdict) == ["overlap"]
        assert verdict.reasons == [f"evaluated on compressors that a model was trained on: C-4 ({side})"]
    again = judge(replace(better(), overlap=TrainingOverlap(["C-3"], {"challenger": {"C-1"}}, unseen_copies=["C-9"])), gate)
    assert again.reasons == ["evaluated on compressors that a model was trained on: C-9 (unseen fleet)"]


def test_a_challenger_with_unknown_training_compressors_is_refused(gate: GateSection) -> None:
    verdict = judge(replace(better(), overlap=TrainingOverlap(["C-3"], {"challenger": None, "champion": {"C-1"}})), gate)
    assert failed(verdict) == ["overlap"]
    assert verdict.reasons == ["it is unknown which compressors this model was trained on, so it may be evaluated on them: train it again"]


def test_unknown_training_compressors_of_the_champion_are_a_caveat(gate: GateSection) -> None:
    verdict = judge(replace(better(), overlap=TrainingOverlap(["C-3"], {"challenger": {"C-1"}, "champion": None})), gate)
    assert verdict.passed
    assert verdict.reasons[-1] == "it is unknown which compressors the champion was trained on, so it may be evaluated on some of them"


def test_onnx_that_is_not_what_keras_computes_is_refused_with_the_number(gate: GateSection) -> None:
    for difference, sentence in (
        (0.02, "ONNX and Keras differ by 0.02, 0.0001 is allowed"),
        (0.000103, "ONNX and Keras differ by 0.000103, 0.0001 is allowed"),
        (0.00010000002, "ONNX and Keras differ by 0.00010000002, 0.0001 is allowed"),
        (float("nan"), "ONNX and Keras differ by nan, 0.0001 is allowed"),
        (None, "the difference between its ONNX and Keras models is not on record: train it again"),
    ):
        verdict = judge(replace(better(), exported=replace(SOUND, onnx_difference=difference)), gate)
        assert (failed(verdict), verdict.reasons) == (["parity"], [sentence])


def test_a_model_without_finite_predictions_is_refused_and_its_record_is_still_json(gate: GateSection) -> None:
    nothing = np.full(len(TRUE), np.nan)
    bad = replace(better(), held_out=windows(nothing, off(7)), unseen=unseen(nothing, off(7)))
    verdict = judge(replace(bad, exported=replace(SOUND, onnx_difference=float("nan"))), gate)
    assert {"baseline", "champion", "unseen_error", "parity"} <= set(failed(verdict))
    assert json.loads(json.dumps(verdict.record, allow_nan=False))[0]["numbers"] == {"rmse_days": None, "baseline_rmse_days": 8.0}
    assert "onnx_max_abs_difference" not in verdict.metrics


def test_a_model_that_is_too_large_or_too_slow_is_refused(gate: GateSection) -> None:
    heavy = judge(replace(better(), exported=replace(SOUND, onnx_bytes=6_000_000, latency_ms=80.0)), gate)
    assert heavy.reasons == ["the model file has 6.00 MB, 5 MB are allowed", "one window takes 80.00 ms, 50 ms are allowed"]


def test_every_failed_check_is_one_reason(gate: GateSection) -> None:
    bad = replace(
        better(), held_out=windows(off(9), off(7)), calibration=calibration(inside=0.5), exported=replace(SOUND, onnx_difference=1.0)
    )
    verdict = judge(bad, gate)
    assert failed(verdict) == ["baseline", "champion", "slices", "coverage", "parity"]
    assert len(verdict.reasons) == 5
