"""Settings of an evaluation that could measure nothing are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from config.loader import CONFIG_DIR, load_section
from config.sections.evaluation import EvaluationConfig, PrognosticsSection, TrendSection


def test_a_trend_has_a_point_now_and_one_every_step_back() -> None:
    assert TrendSection(days=2, step_hours=6, least_points=5, limit="warning").points == 9


def test_a_trend_that_could_never_have_enough_points_is_refused() -> None:
    with pytest.raises(ValidationError, match="2 days hold 3 points 24 h apart, but least_points is 4"):
        TrendSection(days=2, step_hours=24, least_points=4, limit="warning")


@pytest.mark.parametrize("name", ["horizon_alpha", "accuracy_alpha", "beta"])
def test_a_share_of_nothing_or_of_all_is_refused(name: str) -> None:
    shipped = load_section(CONFIG_DIR / "evaluation.yaml", EvaluationConfig, {}).prognostics.model_dump()
    for value in (0.0, 1.0):
        with pytest.raises(ValidationError, match=rf"{name}\n.*must be above 0 and below 1"):
            PrognosticsSection.model_validate(shipped | {name: shipped[name] | {"value": value}})
