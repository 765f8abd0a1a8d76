"""The inputs of the gate: a real ONNX model on a small history, with compressors inside and outside its training."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from config.errors import ConfigError
from config.settings import Settings
from features.contract import FAILURE, FEATURES
from features.grid import History
from monitoring.evaluation.alarms import WatchedLife
from monitoring.evaluation.unseen_fleet import UnseenFleet
from monitoring.gate.candidate import Candidate, EvaluationData, find_copies, judge_model, measure_cost, training_compressors
from monitoring.gate.champion import KnownChampion, LostChampion, recheck
from monitoring.gate.evidence import Recheck
from pipelines.lifecycle.gate_inputs import require_own_measure
from pipelines.lifecycle.model_session import ModelSession
from pipelines.lifecycle.train import train_and_judge
from tests.pipelines.tiny import HOURS, NAMES, PAST, START, UNITS, tiny_fleet
from tests.serving.gold import drivers_model, mean_model
from training.data.labelled_fleet import LabelledFleet


@pytest.fixture(scope="module")
def fleet() -> LabelledFleet:
    return tiny_fleet()


def candidate(*trained_on: str) -> Candidate:
    parts = {"train": list(trained_on), "validation": ["C-0"], "test": ["C-4"]}
    return Candidate(mean_model().onnx, parts, onnx_difference=1e-6, baseline_rmse_days=5.0, latency_ms=0.4)


def test_a_model_is_judged_by_what_onnx_runtime_says_of_the_windows_and_how_long_it_took(settings: Settings, fleet: LabelledFleet) -> None:
    held_out = fleet.index.of_units([2, 3, 4])
    verdict = judge_model(settings, EvaluationData(PAST, fleet, held_out), candidate("C-1"), None, None)
    # the mean over the last 24 hours of a life that falls by one day a day, as read at the last of them
    assert verdict.metrics["rmse_days"] == pytest.approx(11.5 / 24, abs=1e-4)
    assert verdict.metrics["onnx_bytes"] == len(mean_model().onnx)
    assert verdict.metrics["latency_ms"] == 0.4
    found = {check.name: check for check in verdict.checks}
    assert found["coverage"].numbers["coverage_90"] == pytest.approx(np.mean(0.5 * (held_out.rul + 11.5 / 24) <= held_out.rul), abs=0.01)
    assert found["overlap"].passed
    assert found["overlap"].sentence == "no model was trained on any of the 3 held-out compressors"


def test_what_a_model_costs_is_measured_on_windows_whose_failure_was_seen(settings: Settings, fleet: LabelledFleet) -> None:
    index = fleet.index.of_units([2, 3, 4])
    seen = replace(index, censored=np.arange(len(index)) >= 60)
    cost = measure_cost(settings, fleet.history.values, seen, mean_model().onnx)
    assert (cost.onnx_bytes, cost.threads, cost.batch) == (len(mean_model().onnx), settings.model.scoring.threads, 60)
    assert 0 < cost.window_ms_p50 <= cost.window_ms_p99
    verdict = judge_model(settings, EvaluationData(PAST, fleet, seen), replace(candidate("C-1"), latency_ms=cost.window_ms_p50), None, None)
    latency = next(check for check in json.loads(json.dumps(verdict.record)) if check["name"] == "latency")
    assert latency["numbers"] == {"latency_ms": round(cost.window_ms_p50, 4)}


def test_a_model_evaluated_on_compressors_it_was_trained_on_is_refused(settings: Settings, fleet: LabelledFleet) -> None:
    for trained_on in ("C-1", "C-2"):  # a validation compressor shaped it too: C-0 stopped its fit
        held_out = fleet.index.of_units([0 if trained_on == "C-1" else 2, 3])
        verdict = judge_model(settings, EvaluationData(PAST, fleet, held_out), candidate(trained_on), None, None)
        shared = "C-0" if trained_on == "C-1" else "C-2"
        assert [check.sentence for check in verdict.failed if check.name == "overlap"] == [
            f"evaluated on compressors that a model was trained on: {shared} (challenger)"
        ]


def test_both_sides_answer_for_the_same_windows_here_and_on_the_unseen_fleet(settings: Settings, fleet: LabelledFleet) -> None:
    names = [f"U-{number}" for number in range(UNITS)]
    lives = {name: [WatchedLife(float("-inf"), 20.0, "failure", 20.0, "wear", 10.0)] for name in names}
    unseen = UnseenFleet(tiny_fleet(names, seed=4), lives, dict.fromkeys(names, "Dresser"), days=20)
    champion = KnownChampion(mean_model(), {"train": ["C-1"], "validation": ["C-0"], "test": ["C-4"]})
    late = drivers_model(5.0, {FEATURES[0]: 1.0})  # five days more than are left, always: its alarm comes in the last two
    verdict = judge_model(
        settings, EvaluationData(PAST, fleet, fleet.index.of_units([2, 3, 4])), replace(candidate("C-1"), onnx=late.onnx), champion, unseen
    )
    found, metrics = {check.name: check for check in verdict.checks}, verdict.metrics
    early = 11.5 / 24  # mean_model, see above: its alarm comes six and a half days before the failure
    assert (metrics["rmse_days"], metrics["champion_rmse_days"]) == (pytest.approx(5), pytest.approx(early, abs=1e-4))
    assert (metrics["unseen_rmse_days"], metrics["champion_unseen_rmse_days"]) == (pytest.approx(5), pytest.approx(early, abs=1e-4))
    for name in ("unseen_recall", "unseen_slow_recall"):
        assert (metrics[name], metrics[f"champion_{name}"]) == (0.0, 1.0)
    bands = ["rul_days 00-03", "rul_days 03-07", "rul_days 07-14", "rul_days 14-21"]
    assert list(found["slices"].numbers["slices"]) == ["model Ariel", *bands]
    assert list(found["unseen_slices"].numbers["slices"]) == ["mode wear", "model Dresser", *bands]
    for check in ("slices", "unseen_slices"):
        for numbers in found[check].numbers["slices"].values():
            assert (numbers["rmse_days"], numbers["champion_rmse_days"]) == (pytest.approx(5), pytest.approx(early, abs=1e-3))
    # the calibration that counts is the candidate's on the unseen fleet; its interval has no width, and it always gives the failure five days more
    assert found["coverage"].numbers["unseen_coverage_90"] == 0.0
    assert found["probability"].numbers["unseen_calibration_error"] == pytest.approx(0.377, abs=0.002)


def test_a_champion_clipped_at_a_lower_cap_does_not_beat_itself(settings: Settings, fleet: LabelledFleet) -> None:
    capped = settings.with_model({"labels.max_rul_days": 10.0})
    index = replace(fleet.index, rul=np.minimum(fleet.index.rul, 10))  # what such labels are
    champion = KnownChampion(mean_model(), {"train": ["C-1"], "validation": ["C-0"], "test": ["C-4"]})
    clipped = replace(candidate("C-1"), onnx=drivers_model(8.0, {}).onnx)  # 8 days, always: nearly right most of the time
    verdict = judge_model(capped, EvaluationData(PAST, replace(fleet, index=index), index.of_units([2, 3, 4])), clipped, champion, None)
    found = {check.name: check for check in verdict.checks}
    assert found["champion"].passed
    assert [check.sentence for check in verdict.failed if check.name == "labels"] == [
        "this model was trained on horizon_days 3 and max_rul_days 10, the champion on 3 and 30: they cannot be compared"
    ]


def test_the_champion_is_checked_again_on_those_of_its_judges_that_are_left(settings: Settings, fleet: LabelledFleet) -> None:
    end = fleet.history.last_mark
    model = replace(mean_model(), facts=replace(mean_model().facts, trained_until=end.isoformat(), test_rmse_days=0.5))
    failures = pl.DataFrame(
        {"compressor_id": NAMES, "event_type": [FAILURE] * UNITS, "event_date": [START + timedelta(days=20) - timedelta(hours=1)] * UNITS}
    )

    def check(*tested: str) -> Recheck | None:
        return recheck(settings, KnownChampion(model, {"train": [], "validation": [], "test": list(tested)}), fleet.history, failures)

    whole, less = check("C-3", "C-4"), check("C-3", "C-4", "C-9")
    assert whole is not None
    assert whole.now is not None
    assert less == replace(whole, gone=["C-9"])
    assert check("C-8", "C-9") == Recheck(0.5, None, ["C-8", "C-9"])
    assert check() is None


def test_beside_a_champion_that_cannot_be_opened_nothing_is_promoted(settings: Settings, fleet: LabelledFleet) -> None:
    lost = LostChampion("6", "version 6 was trained on feature set 1", {"train": ["C-1"], "validation": ["C-2"], "test": ["C-4"]})
    verdict = judge_model(settings, EvaluationData(PAST, fleet, fleet.index.of_units([3, 4])), candidate("C-1"), lost, None)
    assert [check.sentence for check in verdict.failed if check.name == "champion"] == [
        "the champion cannot be loaded (version 6 was trained on feature set 1), so nothing shows that this model is better; "
        "an operator may promote it with --force --reason TEXT"
    ]
    verdict = judge_model(settings, EvaluationData(PAST, fleet, fleet.index.of_units([2, 3])), candidate("C-1"), lost, None)
    assert "evaluated on compressors that a model was trained on: C-2 (champion)" in verdict.reasons  # its parts are still known


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("baseline.max_iter", 1),
        ("export.max_abs_difference", 1.0),
        ("export.check_windows", 1),
        ("windows.judge_stride_hours", 500),
    ],
)
def test_what_the_gate_measures_by_is_not_set_for_one_training(settings: Settings, override: str, value: float) -> None:
    require_own_measure(settings.with_model({"fit.epochs": 3, "labels.max_rul_days": 10.0}))
    changed = override if override.startswith(("export", "windows")) else "baseline"
    with pytest.raises(
        ConfigError, match=f"--set {changed}: the gate measures models with it, so it can only be changed in model_config.yaml"
    ):
        train_and_judge(ModelSession(settings.with_model({override: value}), *[None] * 3), *[None] * 4)  # type: ignore[arg-type]


def test_compressors_of_the_unseen_fleet_are_known_again_by_their_rows_under_any_name(fleet: LabelledFleet) -> None:
    history = fleet.history
    values = np.concatenate([np.full((3, len(FEATURES)), np.nan, np.float32), np.asarray(history.values[HOURS : HOURS + 100])])
    other = np.random.default_rng(4).normal(size=values.shape).astype(np.float32)
    unseen = History(np.concatenate([other, values]), ["X-1", "X-2"], START - timedelta(hours=3), len(values))
    assert find_copies(unseen, history, {"C-0", "C-1"}) == ["X-2"]
    assert find_copies(unseen, history, {"C-0", "C-2"}) == []  # C-1, which it is, was trained on by nobody


def test_training_and_validation_compressors_are_those_learned_from() -> None:
    assert training_compressors({"train": ["C-1"], "validation": ["C-2"], "test": ["C-3"]}) == {"C-1", "C-2"}
    assert training_compressors(None) is None
