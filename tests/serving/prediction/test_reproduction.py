"""A stored prediction and its recomputation: when they are equal, and the known causes of a difference."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from serving.prediction.reproduction import VALUES, compare
from serving.schemas import Prediction

ROW = Prediction(
    compressor_id="C-1",
    prediction_timestamp=datetime(2026, 3, 9, 5, 50, tzinfo=UTC),
    model_version="1",
    status="ok",
    rul_days=4.25,
    rul_lower_days=3.0,
    rul_upper_days=6.5,
    failure_probability=0.25,
    confidence_score=0.75,
    health="critical",
    horizon_days=3.0,
    reasons=["vibration"],
    features_used={
        "window_start": "2026-03-08T05:50:00+00:00",
        "window_end": "2026-03-09T05:50:00+00:00",
        "feature_set_version": "3",
        "values": {"vibration_1hr_mean": 8.5, "temp_1hr_mean": None},
        "scoring_digest": "a",
        "costs_digest": "b",
    },
    act_by=date(2026, 3, 12),
    expected_saving_usd=41250.5,
)


def used(**changes: Any) -> dict[str, Any]:
    return dict(ROW.features_used) | changes


def test_the_same_row_is_equal() -> None:
    found = compare(ROW, replace(ROW))
    assert found.equal
    assert found.numbers["rul_days"] == {"stored": 4.25, "recomputed": 4.25, "difference": 0.0}
    assert found.values["temp_1hr_mean"] == {"stored": None, "recomputed": None, "difference": None}


def test_numbers_are_compared_at_the_decimals_that_their_column_keeps() -> None:
    assert compare(ROW, replace(ROW, rul_days=4.2549, failure_probability=0.25004, expected_saving_usd=41250.504)).equal
    found = compare(ROW, replace(ROW, rul_days=4.2551, failure_probability=0.25006, expected_saving_usd=41250.506))
    assert found.differs == ["rul_days", "failure_probability", "expected_saving_usd"]
    assert found.numbers["failure_probability"] == {"stored": 0.25, "recomputed": 0.2501, "difference": 0.0001}
    assert found.because == []


def test_values_of_the_window_are_compared_exactly() -> None:
    anew = replace(ROW, features_used=used(values={"vibration_1hr_mean": 8.500001, "temp_1hr_mean": None}))
    assert compare(ROW, anew).differs == [VALUES]
    gone = replace(ROW, features_used=used(values={"vibration_1hr_mean": None, "temp_1hr_mean": None}))
    assert compare(ROW, gone).values["vibration_1hr_mean"] == {"stored": 8.5, "recomputed": None, "difference": None}


@pytest.mark.parametrize(
    ("name", "other"),
    [("window_start", "2026-03-08T05:51:00+00:00"), ("window_end", "2026-03-09T05:49:00+00:00"), ("feature_set_version", "2")],
)
def test_a_row_that_names_another_window_or_other_features_differs(name: str, other: str) -> None:
    found = compare(replace(ROW, features_used=used(**{name: other})), ROW)
    assert found.differs == [f"features_used.{name}"]
    assert found.texts[f"features_used.{name}"] == {"stored": other, "recomputed": ROW.features_used[name]}


def test_a_number_that_is_gone_differs_though_it_has_no_difference() -> None:
    found = compare(ROW, replace(ROW, act_by=None, expected_saving_usd=None))
    assert found.differs == ["expected_saving_usd", "act_by"]
    assert found.numbers["expected_saving_usd"]["difference"] is None


def test_changed_rules_are_named_only_where_they_decide_what_differs() -> None:
    changed = used(costs_digest="other")
    assert compare(ROW, replace(ROW, features_used=changed)).because == []
    later = replace(ROW, features_used=changed, act_by=date(2026, 3, 13))
    assert compare(ROW, later).because == ["costs.yaml has changed since the row was written"]
    assert compare(ROW, replace(later, act_by=ROW.act_by, reasons=["temperature"])).because == []
    assert compare(ROW, replace(ROW, features_used=used(scoring_digest="other"), reasons=["temperature"])).because == [
        "scoring.yaml has changed since the row was written"
    ]
