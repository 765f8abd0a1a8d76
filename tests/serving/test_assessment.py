"""The rules that predictor and edge share, at the values where they change."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from serving.assessment import Numbers, WindowLimits, confidence, health_of, status_of, urgency_of

LIMITS = WindowLimits(min_steps=12, stale_after_hours=6.0)


@pytest.mark.parametrize(("upper", "expected"), [(2.0, 1.0), (5.0, 0.9), (17.0, 0.5), (40.0, 0.0)])
def test_confidence_falls_as_the_interval_widens(upper: float, expected: float) -> None:
    assert confidence(2.0, upper, max_rul_days=30.0) == expected


@pytest.mark.parametrize(("rul_days", "health"), [(7.0, "critical"), (7.01, "warning"), (14.0, "warning"), (14.01, "healthy")])
def test_health_follows_the_configured_lives(rul_days: float, health: str) -> None:
    assert health_of(rul_days, warning_days=14.0, critical_days=7.0) == health


@pytest.mark.parametrize(
    ("age_hours", "steps", "is_faulty", "status"),
    [
        (None, 24, False, "stale"),
        (6.01, 24, False, "stale"),
        (6.0, 12, False, "ok"),
        (6.0, 12, True, "ok"),
        (0.0, 11, False, "insufficient_history"),
        (0.0, 11, True, "bad_data"),
    ],
)
def test_a_window_needs_a_recent_reading_then_enough_steps(age_hours: float | None, steps: int, is_faulty: bool, status: str) -> None:
    age = None if age_hours is None else timedelta(hours=age_hours)
    assert status_of(age, steps, is_faulty, LIMITS) == status


def test_numbers_are_rounded_and_kept_within_their_range() -> None:
    assert Numbers.of(4.006, -0.2, 9.999, 1.2, max_rul_days=40.0) == Numbers(4.01, 0.0, 10.0, 1.0, 0.75)
    assert Numbers.of(4.0, 2.0, 6.0, 0.12345, max_rul_days=40.0).failure_probability == 0.1235  # halves go to the even digit in binary


def test_the_shortest_life_from_now_comes_first_and_none_comes_last() -> None:
    keys = {
        "none": urgency_of("C-0", None, None),
        "long": urgency_of("C-1", 9.0, 0.9),
        "older, less left": urgency_of("C-2", 9.5, 0.1, rul_days_now=1.0),
        "likely": urgency_of("C-3", 4.0, 0.5),
        "unlikely": urgency_of("C-4", 4.0, 0.4),
    }
    assert sorted(keys, key=lambda name: keys[name]) == ["older, less left", "likely", "unlikely", "long", "none"]


def test_the_rules_load_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import serving.assessment; "
        "names = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(names - set(sys.stdlib_module_names) - {'serving', 'features', 'config'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
