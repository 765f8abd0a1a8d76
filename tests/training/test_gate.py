"""The gate: the baseline first, then the champion."""

from __future__ import annotations

from training.gate import judge


def test_the_first_model_must_beat_the_baseline() -> None:
    assert judge(7.0, 8.0, None).promoted
    assert not judge(8.5, 8.0, None).promoted


def test_a_later_model_must_beat_the_champion_too() -> None:
    assert judge(7.0, 8.0, 7.5).promoted
    verdict = judge(7.6, 8.0, 7.5)
    assert not verdict.promoted
    assert verdict.reasons == ["test RMSE 7.600 d beats the baseline's 8.000 d", "test RMSE 7.600 d does not beat the champion's 7.500 d"]


def test_a_tie_changes_nothing() -> None:
    assert not judge(7.5, 8.0, 7.5).promoted
