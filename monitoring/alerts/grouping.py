"""Which conditions of a compressor become alerts, and when. Pure and causal: the first ones of a window are raised, whatever comes later.

window     A clock window of `group_minutes`. At most `most_per_window` alerts of a compressor are raised in one, in the order of their conditions; at one
           reading the worst first: by severity, then by how far beyond its limit.
left out   What finds no place waits for the next window, and asks again at its first value beyond there. What ends before is named on the first
           alert of its window (`suppressed`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from config.sections.quality import AlertsSection
from features.arrays import Doubles, Ints
from serving.warehouse.alerts import Alert, Severity, Source

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTE_US: Final = 60_000_000


@dataclass(frozen=True)
class Condition:
    """One condition that lasted its on-delay. Moments are microseconds; None: not yet, or never."""

    compressor_id: str
    alert_type: str
    source: Source
    first_us: int
    raised_us: int
    critical_us: int | None
    resolved_us: int | None
    last_us: int
    count: int
    value: float  # of the worst reading
    threshold: float
    message: str
    beyond_us: Ints  # moments of its values beyond, from `raised_us` on
    excess: Doubles  # how far beyond, at these


@dataclass
class _Place:
    """A raised condition, and the types that ended in its window without a place."""

    condition: Condition
    raised_us: int
    suppressed: list[Condition] = field(default_factory=list)


def moment(us: int) -> datetime:
    """Microseconds since 1970 as a moment."""
    return _EPOCH + us * _MICROSECOND


def microseconds(at: datetime) -> int:
    """Inverse of `moment`."""
    return (at - _EPOCH) // _MICROSECOND


def window_start(at: datetime, rules: AlertsSection) -> datetime:
    """Start of the clock window that holds `at` (UTC)."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    length = timedelta(minutes=rules.group_minutes.value)
    return midnight + (at - midnight) // length * length


def group_microseconds(rules: AlertsSection) -> int:
    """How long spells beyond a limit belong together. 0 without grouping."""
    return int(rules.group_minutes.value) * _MINUTE_US if rules.grouping else 0


def raise_alerts(conditions: Iterable[Condition], rules: AlertsSection) -> list[Alert]:
    """The alerts of all conditions, by compressor, time and type."""
    alerts: list[Alert] = []
    ordered = sorted(conditions, key=lambda item: item.compressor_id)
    for _, own in groupby(ordered, key=lambda item: item.compressor_id):
        alerts.extend(_of_compressor(list(own), rules))
    return sorted(alerts, key=lambda alert: (alert.compressor_id, alert.alert_timestamp, alert.alert_type))


def _of_compressor(conditions: list[Condition], rules: AlertsSection) -> Iterator[Alert]:
    length = int(rules.group_minutes.value) * _MINUTE_US
    if not rules.grouping:
        for item in conditions:
            yield _alert(_Place(item, item.raised_us), 0, 0)
        return
    requests = [_request(item, 0, number) for number, item in enumerate(conditions)]
    heapq.heapify(requests)
    windows: dict[int, list[_Place]] = {}
    while requests:
        at_us, *_, number = heapq.heappop(requests)
        item, window = conditions[number], at_us // length
        places = windows.setdefault(window, [])
        if len(places) < int(rules.most_per_window.value):
            places.append(_Place(item, at_us))
            continue
        later = int(item.beyond_us.searchsorted((window + 1) * length))
        if later < len(item.beyond_us):
            heapq.heappush(requests, _request(item, later, number))
        else:
            places[0].suppressed.append(item)
    for window, places in windows.items():
        for place in places:
            yield _alert(place, (window + 1) * length, length)


def _request(item: Condition, place: int, number: int) -> tuple[int, bool, float, str, int]:
    """When a condition asks to be raised, and its rank among those that ask at that reading."""
    at_us = int(item.beyond_us[place])
    is_critical = item.critical_us is not None and item.critical_us <= at_us
    return at_us, not is_critical, -float(item.excess[place]), item.alert_type, number


def _alert(place: _Place, window_ends_us: int, group_us: int) -> Alert:
    item = place.condition
    settled: int | None = max(window_ends_us, item.last_us + group_us)
    # later readings may still raise what waits for a place, so this one is not over before the others
    for own in (item, *place.suppressed):
        settled = None if settled is None or own.resolved_us is None else max(settled, own.resolved_us)
    severity: Severity = "warning" if item.critical_us is None else "critical"
    return Alert(
        compressor_id=item.compressor_id,
        alert_type=item.alert_type,
        alert_timestamp=moment(item.first_us),
        raised_at=moment(place.raised_us),
        critical_at=None if item.critical_us is None else moment(max(item.critical_us, place.raised_us)),
        severity=severity,
        message=item.message,
        value=item.value,
        threshold=item.threshold,
        last_seen=moment(item.last_us),
        reading_count=item.count,
        resolved=item.resolved_us is not None,
        resolved_at=None if item.resolved_us is None else moment(item.resolved_us),
        settled_at=None if settled is None else moment(settled),
        suppressed=sorted(own.alert_type for own in place.suppressed),
        source=item.source,
    )
