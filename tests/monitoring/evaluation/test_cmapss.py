"""The C-MAPSS report on numbers that can be followed by hand: seeds, engines, bands of life."""

from __future__ import annotations

import json

import numpy as np
import pytest

from config.settings import Settings
from features.model_file.onnx_model import Predictions
from monitoring.evaluation.cmapss import judge, point_errors
from training.cmapss.runs import SeedScores

TRUE = np.array([140.0, 20.0, 60.0], np.float32)  # clipped at 125: 125, 20, 60


def scores(seed: int, rul: list[float], half: float, baseline: list[float]) -> SeedScores:
    point = np.array(rul, np.float32)
    probability = np.array([0.0, 1.0, 0.0], np.float32)
    predicted = Predictions(point, point - np.float32(half), point + np.float32(half), probability)
    return SeedScores(seed, predicted, {"linear": np.array(baseline, np.float32)}, 11.0 + seed, 0.9, 1e-5, 4 + seed, 1)


def test_clipped_errors_forgive_what_lies_beyond_the_cap() -> None:
    errors = point_errors(np.array([140.0, 20.0], np.float32), np.array([125.0, 20.0], np.float32), cap=125.0)
    assert errors["rmse"] == pytest.approx(np.sqrt(15.0**2 / 2))
    assert errors["score"] == pytest.approx(np.exp(15 / 13) - 1)
    assert errors["rmse_clipped"] == errors["score_clipped"] == 0.0


def test_means_spread_and_bands_over_two_seeds(settings: Settings) -> None:
    # errors of the first seed: 0, 3, 4 cycles; of the second: 0, 6, 8; an interval of +-5 holds all of the first, one of the second
    both = [scores(1, [125.0, 23.0, 64.0], 5.0, [115.0, 30.0, 70.0]), scores(2, [125.0, 26.0, 68.0], 5.0, [115.0, 30.0, 70.0])]
    found = judge(TRUE, both, settings.model.cmapss, settings.evaluation)
    first, second = 5.0 / np.sqrt(3), 10.0 / np.sqrt(3)
    assert [one["rmse_clipped"] for one in found["per_seed"]] == pytest.approx([first, second])
    assert found["rmse_clipped"] == pytest.approx((first + second) / 2)
    assert found["std"]["rmse_clipped"] == pytest.approx((second - first) / np.sqrt(2))
    assert found["rmse"] == pytest.approx((np.sqrt((225 + 25) / 3) + np.sqrt((225 + 100) / 3)) / 2)
    assert (found["coverage_90"], found["mean_width_90"], found["brier"]) == (pytest.approx(2 / 3), 10.0, 0.0)
    assert found["rul_bands"] == [
        {"cycles": "00-25", "engines": 1, "rmse_clipped": 4.5, "coverage_90": 0.5},
        {"cycles": "50-75", "engines": 1, "rmse_clipped": 6.0, "coverage_90": 0.5},
        {"cycles": "125+", "engines": 1, "rmse_clipped": 0.0, "coverage_90": 1.0},
    ]
    assert (found["seeds"], found["epochs"], found["test_units"]) == ([1, 2], [5, 6], 3)
    assert found["validation_rmse"] == 12.5
    assert json.loads(json.dumps(found)) == found


def test_intervals_and_differences_draw_engines(settings: Settings) -> None:
    only = [scores(1, [125.0, 23.0, 64.0], 3.5, [115.0, 30.0, 70.0])]
    found = judge(TRUE, only, settings.model.cmapss, settings.evaluation)
    assert "std" not in found
    assert found["intervals"]["rmse_clipped"] == [0.0, 4.0]  # three times the engine without an error, three times the worst
    assert found["intervals"]["coverage_90"] == [0.0, 1.0]
    difference = found["comparison"]["linear"]["rmse_clipped"]
    assert (difference["baseline"], difference["difference"]) == (10.0, pytest.approx(5.0 / np.sqrt(3) - 10.0, abs=1e-4))
    assert (difference["interval"], difference["verdict"]) == ([-10.0, -6.0], "better")
    assert found["not_won"] == []


def test_the_score_is_compared_as_the_sum_it_is(settings: Settings) -> None:
    only = [scores(1, [125.0, 30.0, 70.0], 5.0, [125.0, 20.0, 60.0])]
    found = judge(TRUE, only, settings.model.cmapss, settings.evaluation)["comparison"]["linear"]["score_clipped"]
    assert (found["champion"], found["baseline"]) == (pytest.approx(2 * np.expm1(1.0), abs=1e-4), 0.0)
    assert found["interval"] == [0.0, pytest.approx(3 * np.expm1(1.0), abs=1e-4)]


def test_metrics_that_are_not_won_are_reported(settings: Settings) -> None:
    only = [scores(1, [115.0, 30.0, 70.0], 5.0, [125.0, 23.0, 64.0])]
    sentences = judge(TRUE, only, settings.model.cmapss, settings.evaluation)["not_won"]
    assert [sentence.split(",")[0] for sentence in sentences] == [
        "RMSE: worse than the linear model",
        "PHM08 score: worse than the linear model",
    ]
