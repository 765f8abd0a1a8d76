"""The rule that gives a draft its priority. Pure.

1 emergency, 2 urgent, 3 planned, 4 when convenient. The first line that fits decides:

1. The compressor is critical, and its repair is due within `emergency_days` or it fails within the horizon with
   `emergency_probability` or more.
2. The compressor is critical, or its repair is due within `urgent_days`, or it fails with `urgent_probability` or more.
3. The compressor has the health warning, or a repair is due.
4. Nothing of this is known.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from config.sections.planner.work_orders import Priority, PrioritySection

PRIORITY_NAMES: Final[dict[Priority, str]] = {1: "emergency", 2: "urgent", 3: "planned", 4: "when convenient"}


def priority_of(
    health: str | None, act_by: date | None, failure_probability: float | None, today: date, rules: PrioritySection
) -> Priority:
    """The priority of a compressor. `health` is that of the fleet's list, the worse of alerts and prediction."""
    probability = failure_probability or 0.0

    def is_due_within(days: float) -> bool:
        return act_by is not None and act_by <= today + timedelta(days=days)

    if health == "critical" and (is_due_within(rules.emergency_days.value) or probability >= rules.emergency_probability.value):
        return 1
    if health == "critical" or is_due_within(rules.urgent_days.value) or probability >= rules.urgent_probability.value:
        return 2
    return 3 if health == "warning" or act_by is not None else 4
