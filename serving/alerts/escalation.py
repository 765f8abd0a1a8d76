"""When an alert that nobody acknowledges goes to the next level. Pure: the same alert and log give the same moments, whenever it is asked.

clock      It starts at the end of the cycle in which the alert was raised: nobody can see it earlier.
level      The next one is due after `warning_minutes`. Once the alert is critical it is due after `critical_minutes`, from the level before or
           from the end of the cycle in which it became critical, whichever is later. The last level is the end.
pause      The clock stands still while the alert is shelved.
again      An acknowledgement from before the alert was critical counts for the warning only. The clock starts again at the end of the cycle in which
           the alert became critical. Levels that it reached stay.
end        An acknowledgement or a closing ends it, a return to normal at the end of its cycle. A level that was due in that very moment counts if
           a person came then, but not if the cycle found it normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from config.sections.thresholds import EscalationSection

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Pause:
    """An alert was shelved from `start`, and was back at `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Unacknowledged:
    """What escalation needs of an alert. `acknowledged`: ascending; `pauses`: disjoint, ascending."""

    raised_at: datetime
    critical_at: datetime | None = None
    acknowledged: tuple[datetime, ...] = ()
    closed_at: datetime | None = None
    resolved_at: datetime | None = None
    pauses: tuple[Pause, ...] = ()


def escalations(alert: Unacknowledged, rules: EscalationSection, moment: datetime) -> list[datetime]:
    """When the alert reached levels 1, 2 and so on, by `moment`."""
    cycle = timedelta(minutes=rules.cycle_minutes.value)
    warning, critical = timedelta(minutes=rules.warning_minutes.value), timedelta(minutes=rules.critical_minutes.value)
    normal_at = None if alert.resolved_at is None else end_of_cycle(alert.resolved_at, cycle)
    worse_at = None if alert.critical_at is None else end_of_cycle(alert.critical_at, cycle)
    ends = [end for end in (alert.closed_at, moment) if end is not None]
    reached: list[datetime] = []
    last = end_of_cycle(alert.raised_at, cycle)
    for begins, seen in _phases(alert, worse_at):
        last = last if begins is None else begins
        while len(reached) < len(rules.levels):
            last = _after(last, warning, alert.pauses) if worse_at is None else _sooner(last, warning, worse_at, critical, alert.pauses)
            if last > min([*ends, *seen]) or (normal_at is not None and last >= normal_at):
                break
            reached.append(last)
    return reached


def _phases(alert: Unacknowledged, worse_at: datetime | None) -> list[tuple[datetime | None, tuple[datetime, ...]]]:
    """When the clock starts (None: as the alert is raised), and the acknowledgements that end it, for each time that somebody is asked."""
    if alert.critical_at is None or worse_at is None or not alert.acknowledged or alert.acknowledged[0] >= alert.critical_at:
        return [(None, alert.acknowledged)]
    return [(None, alert.acknowledged), (worse_at, tuple(seen for seen in alert.acknowledged if seen >= alert.critical_at))]


def end_of_cycle(moment: datetime, cycle: timedelta) -> datetime:
    """`moment` itself, or the next end of a cycle."""
    return moment + (_EPOCH - moment) % cycle


def _sooner(last: datetime, warning: timedelta, worse_at: datetime, critical: timedelta, pauses: Sequence[Pause]) -> datetime:
    return min(_after(last, warning, pauses), _after(max(last, worse_at), critical, pauses))


def _after(start: datetime, length: timedelta, pauses: Sequence[Pause]) -> datetime:
    """When `length` has gone by since `start`, pauses left out."""
    moment = start
    for pause in pauses:
        if pause.end <= moment:
            continue
        if moment + length <= pause.start:
            break
        length -= max(pause.start - moment, timedelta())
        moment = pause.end
    return moment + length
