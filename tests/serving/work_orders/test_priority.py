from __future__ import annotations

from datetime import date

import pytest

from config.sections.planner.work_orders import Priority
from config.settings import Settings
from serving.work_orders.priority import priority_of

TODAY = date(2026, 3, 9)


@pytest.mark.parametrize(
    ("health", "act_by", "probability", "priority"),
    [
        ("critical", date(2026, 3, 10), 0.1, 1),
        ("critical", date(2026, 3, 7), 0.1, 1),  # overdue
        ("critical", None, 0.9, 1),
        ("critical", date(2026, 3, 11), 0.89, 2),
        ("critical", None, None, 2),  # by its alerts alone
        ("warning", date(2026, 3, 10), 0.99, 2),  # not critical: no emergency
        ("warning", date(2026, 3, 12), 0.1, 2),
        ("healthy", None, 0.5, 2),
        ("warning", date(2026, 3, 13), 0.49, 3),
        ("warning", None, None, 3),
        ("healthy", date(2026, 3, 13), 0.1, 3),
        ("healthy", None, 0.1, 4),
        ("unknown", None, None, 4),
    ],
)
def test_the_first_rule_that_fits_gives_the_priority(
    settings: Settings, health: str, act_by: date | None, probability: float | None, priority: Priority
) -> None:
    assert priority_of(health, act_by, probability, TODAY, settings.work_orders.priority) == priority
