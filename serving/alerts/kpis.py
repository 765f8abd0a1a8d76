"""The load of alarms on an operator, counted as ISA-18.2 and EEMUA 191 do. Pure: one definition for page, API, command and benchmark.

annunciation  An alert when it is raised, and once more when it becomes critical later. Withdrawn alerts do not count.
delivered     The end of the hourly cycle that finds it: nobody can hear an alarm before. Rates are given by reading time and as delivered.
flood         Begins in a clock period (10 minutes) with more than `flood_begins` annunciations, and ends before the first with fewer than
              `flood_ends`. Its cause is the compressor, else the station, else the type that has at least `cause_share` of it.
stale         Stood for longer than `stale_hours`, or does at the end.
chattering    One type of one compressor that is raised `chattering_times` times within `chattering_hours`. The commonly quoted definition, three
              times within a minute, is for signals that are read every second. Readings come every 10 minutes.
fleeting      Resolved within `fleeting_minutes` after it was raised.

The numbers are in quality.yaml, section alarm_kpis. None is quoted from a standard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from config.sections.planner.alarms import AlarmKpisSection
from serving.warehouse.alerts import Severity, Source

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert, as far as the load that it makes is concerned. Times are UTC."""

    compressor_id: str
    alert_type: str
    station_id: str | None
    source: Source
    raised_at: datetime
    critical_at: datetime | None
    resolved_at: datetime | None
    acknowledged_at: datetime | None

    def stood(self, end: datetime) -> timedelta:
        """How long it stood by `end`."""
        return min(self.resolved_at or end, end) - self.raised_at


@dataclass(frozen=True, slots=True)
class _Annunciation:
    at: datetime
    alarm: Alarm
    severity: Severity


@dataclass(frozen=True)
class Flood:
    """A time with more alarms than an operator can follow. `cause` is None where nothing explains most of it."""

    start: datetime
    end: datetime
    alarms: int
    compressors: int
    stations: int
    types: int
    cause: str | None
    cause_share: float  # of the cause, or of the most frequent compressor, station or type where there is none


@dataclass(frozen=True)
class AlarmRate:
    """Annunciations per operator over time."""

    per_hour: float  # mean
    most_in_an_hour: float
    most_in_a_period: float
    hours_above_limit: float  # share of clock hours with more than most_per_hour
    flooded_periods: float  # share of clock periods with more than flood_begins
    floods: list[Flood] = field(default_factory=list)


@dataclass(frozen=True)
class FrequentAlarm:
    """One type of one compressor, how often it was annunciated, and its share of all."""

    compressor_id: str
    alert_type: str
    alarms: int
    share: float


@dataclass(frozen=True)
class PriorityShare:
    """The share of a severity, and what it is compared with."""

    alarms: int
    share: float
    commonly: float


@dataclass(frozen=True)
class AlarmKpis:
    """The load of one period. Shares are of annunciations, unless they name something else."""

    start: datetime
    end: datetime
    hours: float
    alerts: int  # raised in the period
    annunciations: int
    by_source: dict[str, int]  # annunciations
    by_reading_time: AlarmRate
    as_delivered: AlarmRate
    stale: int  # alerts
    stale_by_source: dict[str, int]
    standing: int  # alerts that are not resolved at the end
    chattering: int  # types of a compressor
    chattering_share: float
    fleeting: int  # alerts
    fleeting_share: float  # of alerts
    unacknowledged: int  # alerts
    unacknowledged_share: float  # of alerts
    priority_mix: dict[str, PriorityShare]
    most_frequent: list[FrequentAlarm]
    most_frequent_share: float  # of them together


def measure_alarms(alarms: Iterable[Alarm], start: datetime, end: datetime, rules: AlarmKpisSection) -> AlarmKpis:
    """The load of [start, end) on `operators` operators who share it evenly. What came later is left out.

    Raises ValueError when the period is empty.
    """
    if end <= start:
        raise ValueError(f"the period must not be empty: {start} to {end}")
    raised = [alarm for alarm in alarms if start <= alarm.raised_at < end]
    told = sorted(_annunciations(raised, end), key=lambda item: (item.at, item.alarm.compressor_id, item.alarm.alert_type))
    stale = [alarm for alarm in raised if alarm.stood(end) > timedelta(hours=rules.stale_hours.value)]
    fleeting = [alarm for alarm in raised if alarm.resolved_at and alarm.stood(end) <= timedelta(minutes=rules.fleeting_minutes.value)]
    ignored = [alarm for alarm in raised if alarm.acknowledged_at is None or alarm.acknowledged_at > end]
    chattering = _chattering(raised, rules)
    by_name = Counter((item.alarm.compressor_id, item.alarm.alert_type) for item in told)
    ranked = sorted(by_name.items(), key=lambda item: (-item[1], item[0]))[: int(rules.most_frequent.value)]
    cycle = timedelta(minutes=rules.cycle_minutes)
    return AlarmKpis(
        start=start,
        end=end,
        hours=round((end - start) / _HOUR, _DIGITS),
        alerts=len(raised),
        annunciations=len(told),
        by_source=dict(sorted(Counter(item.alarm.source for item in told).items())),
        by_reading_time=_rate(told, lambda item: item.at, end - start, rules),
        as_delivered=_rate(told, lambda item: delivered_at(item.at, cycle), end - start, rules),
        stale=len(stale),
        stale_by_source=dict(sorted(Counter(alarm.source for alarm in stale).items())),
        standing=sum(alarm.resolved_at is None or alarm.resolved_at >= end for alarm in raised),
        chattering=len(chattering),
        chattering_share=_share(sum(by_name[name] for name in chattering), len(told)),
        fleeting=len(fleeting),
        fleeting_share=_share(len(fleeting), len(raised)),
        unacknowledged=len(ignored),
        unacknowledged_share=_share(len(ignored), len(raised)),
        priority_mix=_priority_mix(told, rules),
        most_frequent=[FrequentAlarm(*name, times, _share(times, len(told))) for name, times in ranked],
        most_frequent_share=_share(sum(times for _, times in ranked), len(told)),
    )


def delivered_at(moment: datetime, cycle: timedelta) -> datetime:
    """The end of the cycle that finds what happened at `moment`: rounded up to a whole one of the day."""
    midnight = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - (midnight - moment) // cycle * cycle


def _annunciations(alarms: Sequence[Alarm], end: datetime) -> list[_Annunciation]:
    told: list[_Annunciation] = []
    for alarm in alarms:
        later = alarm.critical_at is not None and alarm.critical_at > alarm.raised_at
        told.append(_Annunciation(alarm.raised_at, alarm, "warning" if later or alarm.critical_at is None else "critical"))
        if later and alarm.critical_at is not None and alarm.critical_at < end:
            told.append(_Annunciation(alarm.critical_at, alarm, "critical"))
    return told


def _rate(told: Sequence[_Annunciation], at: Callable[[_Annunciation], datetime], watched: timedelta, rules: AlarmKpisSection) -> AlarmRate:
    """Rates over clock hours and periods. What nobody was told in counts as an hour and a period too."""
    period, operators = timedelta(minutes=rules.period_minutes.value), rules.operators.value
    by_period: dict[int, list[_Annunciation]] = {}
    for item in told:
        by_period.setdefault((at(item) - _EPOCH) // period, []).append(item)
    by_hour = Counter((at(item) - _EPOCH) // _HOUR for item in told)
    busy = sum(times > rules.most_per_hour.value * operators for times in by_hour.values())
    flooded = sum(len(own) > rules.flood_begins.value * operators for own in by_period.values())
    return AlarmRate(
        per_hour=round(len(told) / (watched / _HOUR) / operators, _DIGITS),
        most_in_an_hour=round(max(by_hour.values(), default=0) / operators, _DIGITS),
        most_in_a_period=round(max(map(len, by_period.values()), default=0) / operators, _DIGITS),
        hours_above_limit=round(busy / (watched / _HOUR), _DIGITS),
        flooded_periods=round(flooded / (watched / period), _DIGITS),
        floods=_floods(by_period, period, rules),
    )


def _floods(by_period: dict[int, list[_Annunciation]], period: timedelta, rules: AlarmKpisSection) -> list[Flood]:
    begins, ends = rules.flood_begins.value * rules.operators.value, rules.flood_ends.value * rules.operators.value
    floods: list[Flood] = []
    end = 0  # the first period after the flood before
    for first in sorted(by_period):
        if first < end or len(by_period[first]) <= begins:
            continue
        end = first + 1
        while len(by_period.get(end, ())) >= ends:
            end += 1
        own = [item.alarm for number in range(first, end) for item in by_period[number]]
        floods.append(_describe_flood(own, _EPOCH + first * period, _EPOCH + end * period, rules.cause_share.value))
    return floods


def _describe_flood(alarms: Sequence[Alarm], start: datetime, end: datetime, least: float) -> Flood:
    counts = {
        "compressor": Counter(alarm.compressor_id for alarm in alarms),
        "station": Counter(alarm.station_id for alarm in alarms if alarm.station_id is not None),
        "type": Counter(alarm.alert_type for alarm in alarms),
    }
    leading = [(f"{kind} {name}", _share(times, len(alarms))) for kind, count in counts.items() for name, times in count.most_common(1)]
    cause, share = next((item for item in leading if item[1] >= least), (None, max(share for _, share in leading)))
    return Flood(
        start=start,
        end=end,
        alarms=len(alarms),
        compressors=len(counts["compressor"]),
        stations=len(counts["station"]),
        types=len(counts["type"]),
        cause=cause,
        cause_share=share,
    )


def _chattering(alarms: Sequence[Alarm], rules: AlarmKpisSection) -> list[tuple[str, str]]:
    """Compressor and type of each alarm that chatters."""
    within, times = timedelta(hours=rules.chattering_hours.value), int(rules.chattering_times.value)
    by_name = sorted(alarms, key=lambda alarm: (alarm.compressor_id, alarm.alert_type, alarm.raised_at))
    chattering = []
    for name, own in groupby(by_name, key=lambda alarm: (alarm.compressor_id, alarm.alert_type)):
        raised = [alarm.raised_at for alarm in own]
        if any(last - first <= within for first, last in zip(raised, raised[times - 1 :], strict=False)):
            chattering.append(name)
    return chattering


def _priority_mix(told: Sequence[_Annunciation], rules: AlarmKpisSection) -> dict[str, PriorityShare]:
    """Two severities beside three priorities: critical is compared with high, warning with low and medium together."""
    mix, counts = rules.priority_mix, Counter(item.severity for item in told)
    commonly: dict[Severity, float] = {"critical": mix.high.value, "warning": mix.low.value + mix.medium.value}
    return {
        severity: PriorityShare(counts[severity], _share(counts[severity], len(told)), round(share, _DIGITS))
        for severity, share in commonly.items()
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, _DIGITS) if whole else 0.0
