"""The gate: the baseline first, then the champion, beyond chance, on a history whose labels are what they were."""

from __future__ import annotations

import numpy as np
import pytest

from training.gate import Held, Recheck, Rules, better_share, judge

RULES = Rules(least_certainty=0.9, history_tolerance=0.1, resamples=2000, seed=3)
UNIT = np.repeat(np.arange(4, dtype=np.int32), 2)
TRUE = np.full(8, 10.0)


def _off(*errors: float) -> np.ndarray:
    """Predictions that miss by `errors`, one per compressor."""
    return TRUE + np.repeat(errors, 2)


def _held(challenger: np.ndarray, champion: np.ndarray | None, baseline: float = 8.0) -> Held:
    return Held(UNIT, TRUE, challenger, champion, baseline)


def test_the_first_model_must_beat_the_baseline() -> None:
    assert judge(_held(_off(7, 7, 7, 7), None), None, RULES).promoted
    verdict = judge(_held(_off(8.5, 8.5, 8.5, 8.5), None), None, RULES)
    assert not verdict.promoted
    assert verdict.reasons == ["test RMSE 8.500 d does not beat the baseline's 8.000 d"]


def test_a_later_model_must_beat_the_champion_too() -> None:
    better = judge(_held(_off(6, 6, 6, 6), _off(7, 7, 7, 7)), None, RULES)
    assert better.promoted
    assert better.metrics == {"rmse_days": 6.0, "baseline_rmse_days": 8.0, "champion_rmse_days": 7.0, "certainty": 1.0}
    worse = judge(_held(_off(7.5, 7.5, 7.5, 7.5), _off(7, 7, 7, 7)), None, RULES)
    assert not worse.promoted
    assert worse.reasons == [
        "test RMSE 7.500 d beats the baseline's 8.000 d",
        "test RMSE 7.500 d does not beat the champion's 7.000 d, and does so on 0% of resampled fleets",
    ]


def test_a_tie_changes_nothing() -> None:
    verdict = judge(_held(_off(7, 7, 7, 7), _off(7, 7, 7, 7)), None, RULES)
    assert not verdict.promoted
    assert verdict.metrics["certainty"] == 0.0


def test_a_model_that_wins_on_one_compressor_only_wins_by_chance() -> None:
    verdict = judge(_held(_off(1, 7, 7, 7), _off(7, 6.9, 6.9, 6.9)), None, RULES)
    assert verdict.metrics["rmse_days"] < verdict.metrics["champion_rmse_days"]
    # a fleet without the first compressor has the probability (3/4)^4
    assert verdict.metrics["certainty"] == pytest.approx(1 - 0.75**4, abs=0.03)
    assert not verdict.promoted
    assert verdict.reasons[-1] == "90% are needed: a difference within chance replaces no champion"


def test_compressors_are_drawn_whole() -> None:
    unit = np.array([0] * 99 + [1], np.int32)  # many windows of one compressor are still one compressor
    held = Held(unit, np.zeros(100), np.where(unit == 0, 1.0, 9.0), None, 10.0)
    share = better_share(held, np.where(unit == 0, 2.0, 1.0), RULES)
    assert share == pytest.approx(0.75, abs=0.03)  # worse only when the second one alone is drawn


def test_on_a_history_with_other_labels_nothing_is_promoted() -> None:
    held = _held(_off(1, 1, 1, 1), _off(7, 7, 7, 7))
    assert judge(held, Recheck(recorded=7.0, now=7.6), RULES).promoted
    for now in (7.8, 6.2):
        verdict = judge(held, Recheck(recorded=7.0, now=now), RULES)
        assert not verdict.promoted
        assert verdict.reasons[-1] == (
            f"the history has changed: on the windows it was judged by, the champion's RMSE was 7.000 d and is now {now:.3f} d; "
            "check the maintenance events and readings"
        )
