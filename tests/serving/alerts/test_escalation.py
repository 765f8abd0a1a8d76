"""When an alert that nobody acknowledges escalates. Times are minutes after T, a full hour."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.sections.thresholds import EscalationSection
from serving.alerts.escalation import Pause, Unacknowledged, escalations
from tests.serving.alerts.conftest import T

_NUMBER = {"unit": "minutes", "description": "test", "source": "test"}
RULES = EscalationSection.model_validate(
    {
        "critical_minutes": {"value": 15, **_NUMBER},
        "warning_minutes": {"value": 60, **_NUMBER},
        "cycle_minutes": {"value": 60, **_NUMBER},
        "levels": [{"name": name, "description": name} for name in ("supervisor", "manager", "director")],
    }
)
DAY = 24 * 60


def _at(minutes: int) -> datetime:
    return T + timedelta(minutes=minutes)


def _if_any(minutes: int | None) -> datetime | None:
    return None if minutes is None else _at(minutes)


def alert(
    raised: int,
    *,
    critical: int | None = None,
    seen: int | tuple[int, ...] | None = None,
    closed: int | None = None,
    resolved: int | None = None,
    pauses: tuple[tuple[int, int], ...] = (),
) -> Unacknowledged:
    return Unacknowledged(
        _at(raised),
        _if_any(critical),
        () if seen is None else tuple(_at(each) for each in ((seen,) if isinstance(seen, int) else seen)),
        _if_any(closed),
        _if_any(resolved),
        tuple(Pause(_at(start), _at(end)) for start, end in pauses),
    )


def minutes(of: Unacknowledged, until: int = DAY) -> list[int]:
    return [int((moment - T).total_seconds() // 60) for moment in escalations(of, RULES, T + timedelta(minutes=until))]


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (alert(0), [60, 120, 180]),
        (alert(10), [120, 180, 240]),  # its cycle ends at 60
        (alert(0, critical=0), [15, 30, 45]),
        (alert(10, critical=10), [75, 90, 105]),
        (alert(0, critical=70), [60, 120, 135]),  # critical from 120 on: the third level comes 15 minutes later
        (alert(0, critical=50), [60, 75, 90]),
        (alert(0, seen=119), [60]),
        (alert(0, seen=120), [60, 120]),  # due already
        (alert(0, critical=130, seen=90), [60, 195, 210]),  # an acknowledged warning asks again, 15 minutes after the end of its cycle
        (alert(0, critical=10, seen=9), [75, 90, 105]),
        (alert(0, critical=10, seen=10), []),
        (alert(0, critical=130, seen=(90, 200)), [60, 195]),
        (alert(0, critical=130, seen=90, pauses=((100, 300),)), [60, 315, 330]),
        (alert(0, critical=130, seen=90, resolved=150), [60]),
        (alert(0, critical=130, seen=90, closed=200), [60, 195]),
        (alert(0, resolved=70), [60]),  # the cycle that ends at 120 finds it normal
        (alert(0, resolved=61), [60]),
        (alert(0, resolved=121), [60, 120]),
        (alert(0, pauses=((30, 90),)), [120, 180, 240]),
        (alert(0, pauses=((59, 90),)), [91, 151, 211]),
        (alert(0, pauses=((60, 90),)), [60, 150, 210]),  # due already
        (alert(10, pauses=((20, 30),)), [120, 180, 240]),  # before its clock started
        (alert(10, pauses=((20, 80),)), [140, 200, 260]),
        (alert(0, critical=0, pauses=((10, 100), (103, 200))), [202, 217, 232]),
    ],
)
def test_levels_follow_each_other(of: Unacknowledged, expected: list[int]) -> None:
    assert minutes(of) == expected


def test_nothing_escalates_before_its_time() -> None:
    assert [len(minutes(alert(0), until)) for until in (0, 59, 60, 119, 120, 180, DAY)] == [0, 0, 1, 1, 2, 3, 3]


_TIME = st.integers(0, 500)
_PAUSES = st.lists(_TIME, max_size=6, unique=True).map(
    lambda times: tuple(zip(sorted(times)[: len(times) // 2 * 2 : 2], sorted(times)[1::2], strict=True))
)


@given(_TIME, st.none() | _TIME, st.none() | _TIME, st.none() | _TIME, _PAUSES, _TIME)
def test_what_is_known_at_a_moment_is_enough_to_say_what_escalated_by_then(
    raised: int, critical: int | None, seen: int | None, resolved: int | None, pauses: tuple[tuple[int, int], ...], moment: int
) -> None:
    """Cycles learn of readings at full hours, and of people at once. Nothing that comes later changes a level that was reached."""
    hour = moment // 60 * 60
    whole = alert(raised, critical=critical, seen=seen, resolved=resolved, pauses=pauses)
    if raised > hour:
        assert minutes(whole, moment) == []
        return
    known = alert(
        raised,
        critical=critical if critical is not None and critical <= hour else None,
        seen=seen if seen is not None and seen <= moment else None,
        resolved=resolved if resolved is not None and resolved <= hour else None,
        pauses=tuple(pause for pause in pauses if pause[0] <= moment),
    )
    assert minutes(known, moment) == minutes(whole, moment)
    assert len(minutes(whole, moment)) <= len(minutes(whole, moment + 1))
