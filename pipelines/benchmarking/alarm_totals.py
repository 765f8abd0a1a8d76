"""Sums up the alarms of several fleets: load, alerts before failures, verdicts, and what was asked for. Plain values, ready for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from config.settings import Settings
from monitoring.evaluation.alert_leads import ANY, MACHINE_SOURCES, AlertedFailure
from monitoring.statistics.bootstrap import Resampling, interval
from serving.alerts.kpis import AlarmKpis

if TYPE_CHECKING:
    from features.arrays import Doubles

WITH_GROUPING: Final = "grouping_on"
WITHOUT_GROUPING: Final = "grouping_off"
_DIGITS: Final = 4
_LEAD_QUANTILES: Final = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class FleetAlarms:
    """One fleet's alarms with and without grouping, and its failures as the alarms with grouping came before them."""

    seed: int
    compressors: list[str]
    loads: dict[str, AlarmKpis]
    by_compressor: dict[str, Doubles]  # annunciations -> [compressors]
    failures: list[AlertedFailure]
    verdicts: Counter[tuple[str, str]]


def describe_fleet(fleet: FleetAlarms) -> dict[str, Any]:
    """Seed, size and failures of a fleet, and its load with and without grouping."""
    return {
        "seed": fleet.seed,
        "compressors": len(fleet.compressors),
        "failures": len(fleet.failures),
        **{name: asdict(load) for name, load in fleet.loads.items()},
    }


def pool_loads(settings: Settings, fleets: Sequence[FleetAlarms], name: str) -> dict[str, Any]:
    """The load of an operator over all fleets, with its interval under other compressors."""
    loads = [fleet.loads[name] for fleet in fleets]
    heard = np.concatenate([fleet.by_compressor[name] for fleet in fleets])
    hours, told = sum(load.hours for load in loads), sum(load.annunciations for load in loads)
    drawn = _resampling(settings, len(heard)).draws @ heard / (hours * settings.quality.alarm_kpis.operators.value)
    floods = {how: [flood for load in loads for flood in getattr(load, how).floods] for how in ("by_reading_time", "as_delivered")}
    sources: Counter[str] = Counter()
    for load in loads:
        sources.update(load.by_source)
    critical = sum(load.priority_mix["critical"].alarms for load in loads)
    return {
        "hours": hours,
        "alarms": told,
        "per_hour": round(told / hours / settings.quality.alarm_kpis.operators.value, _DIGITS),
        "per_hour_interval": _rounded(interval(drawn, settings.evaluation.report.confidence)),
        "most_in_an_hour": max(load.by_reading_time.most_in_an_hour for load in loads),
        "most_in_a_period": max(load.by_reading_time.most_in_a_period for load in loads),
        "floods": len(floods["by_reading_time"]),
        "floods_without_cause": sum(flood.cause is None for flood in floods["by_reading_time"]),
        "floods_as_delivered": len(floods["as_delivered"]),
        "floods_as_delivered_without_cause": sum(flood.cause is None for flood in floods["as_delivered"]),
        "stale": sum(load.stale for load in loads),
        "chattering": sum(load.chattering for load in loads),
        "fleeting": sum(load.fleeting for load in loads),
        "alerts": sum(load.alerts for load in loads),
        "critical_share": round(critical / told, _DIGITS) if told else None,
        "by_source": dict(sorted(sources.items())),
    }


def sum_failures(settings: Settings, fleets: Sequence[FleetAlarms]) -> dict[str, Any]:
    """Failures in all and caught ones, with an alert in time by source."""
    in_time = settings.evaluation.protocol.lead_days.value
    units = {
        (fleet.seed, name): place for place, (fleet, name) in enumerate((fleet, name) for fleet in fleets for name in fleet.compressors)
    }
    every = [(units[fleet.seed, failure.compressor_id], failure) for fleet in fleets for failure in fleet.failures]
    resampling = _resampling(settings, len(units))
    summary: dict[str, Any] = {"in_time_days": in_time}
    for kind, chosen in (("all", every), ("caught", [item for item in every if item[1].caught])):
        own: dict[str, Any] = {"failures": len(chosen)}
        for source in (ANY, *MACHINE_SOURCES):
            leads = np.array([failure.lead_days[source] for _, failure in chosen], np.float64)
            timely, cases = np.zeros(len(units)), np.zeros(len(units))
            for (unit, _), lead in zip(chosen, leads, strict=True):
                cases[unit] += 1
                timely[unit] += lead >= in_time
            with np.errstate(invalid="ignore"):
                drawn = (resampling.draws @ timely) / (resampling.draws @ cases)
            known = leads[~np.isnan(leads)]
            own[source] = {
                "with_an_alert": len(known),
                "in_time": int(timely.sum()),
                "share_in_time": round(float(timely.sum() / len(chosen)), _DIGITS) if chosen else None,
                "interval": _rounded(interval(drawn, settings.evaluation.report.confidence)),
                "lead_days": {f"q{100 * share:.0f}": round(float(np.quantile(known, share)), 2) for share in _LEAD_QUANTILES}
                if len(known)
                else None,
            }
        summary[kind] = own
    return summary


def sum_verdicts(fleets: Sequence[FleetAlarms]) -> dict[str, dict[str, int]]:
    """Alerts by source and verdict."""
    counts: Counter[tuple[str, str]] = Counter()
    for fleet in fleets:
        counts.update(fleet.verdicts)
    return {
        source: {verdict: counts[source, verdict] for verdict in ("true", "false", "undecided")}
        for source in MACHINE_SOURCES
        if any(own == source for own, _ in counts)
    }


def compare_targets(settings: Settings, fleets: Sequence[FleetAlarms]) -> list[dict[str, Any]]:
    """What was asked for, and what was measured with grouping on."""
    load, found = pool_loads(settings, fleets, WITH_GROUPING), sum_failures(settings, fleets)["caught"]
    most = settings.quality.alarm_kpis.most_per_hour.value
    late = found["failures"] - found[ANY]["in_time"]
    rows = (
        ("alarms an hour and operator", most, load["per_hour"]),
        ("floods without a cause", 0, load["floods_without_cause"]),
        ("floods as delivered hourly without a cause", 0, load["floods_as_delivered_without_cause"]),
        ("caught failures without an alert in time", 0, late),
    )
    return [{"target": name, "most": limit, "measured": measured, "met": measured <= limit} for name, limit, measured in rows]


def _resampling(settings: Settings, units: int) -> Resampling:
    return Resampling(units, settings.evaluation.bootstrap.resamples, settings.evaluation.bootstrap.seed)


def _rounded(ends: tuple[float, float]) -> list[float | None]:
    return [None if np.isnan(end) else round(end, _DIGITS) for end in ends]
