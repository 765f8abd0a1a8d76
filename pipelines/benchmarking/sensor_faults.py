"""Measures false alarms and detection times of sensor faults on unseen fleets: `altaviz benchmark sensor-faults`."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.stats import binomtest

from benchmarks.sensor_faults import PlantingRules, count_false_alarms, judge_planted, plant, plantings, simulate_histories
from config.settings import Settings
from features.contract import FROZEN, IMPLAUSIBLE, UNIT_CHANGE, WRONG_UNIT, ZERO
from features.sensor_health.settings import HealthRules
from features.simulator.plan import FleetRequest, resolve
from pipelines.runtime.console import StageReporter

if TYPE_CHECKING:
    from benchmarks.sensor_faults import FalseAlarms, PlantedFaultOutcome

_MOST_MISSES: Final = 3  # that a row names
_ALL: Final = "all"
_DIGITS: Final = 4


def sensor_faults(settings: Settings, seeds: list[int] | None, report: StageReporter) -> dict[str, Any]:
    """Check the fleet of each of `seeds` (None: those of monitoring.yaml), as it is and with planted faults.

    Returns `false_alarms`, `planted` (a row per kind, sensor and unit or value) and `kinds`. Each share has its 95 % Wilson interval.
    Nothing is written. Raises InputError, ConfigError.
    """
    started = time.perf_counter()
    fleets, config = settings.monitoring.benchmark.fleets, settings.quality.sensor_faults_benchmark
    rules, trial = HealthRules.of(settings.quality.sensor_health, settings.thresholds), _trial(settings)
    alarms: list[FalseAlarms] = []
    outcomes: list[PlantedFaultOutcome] = []
    for seed in seeds or fleets.seeds:
        with report.stage(f"judge, fleet {seed}"):
            request = FleetRequest("history", fleets.compressors, fleets.days, fleets.interval_min, seed)
            plan = resolve(settings.simulator, settings.fleet, request)
            histories = simulate_histories(plan)
            alarms.append(count_false_alarms(histories, rules))
            copies = list(plant(histories, plantings(config.implausible), trial, np.random.default_rng([config.seed, seed])))
            outcomes.extend(judge_planted(copies, rules, trial))
    return {
        "fleets": {"seeds": list(seeds or fleets.seeds), "compressors": fleets.compressors, "days": fleets.days},
        "false_alarms": _false_alarms(alarms, config.most_false_share.value),
        "kinds": _kinds(outcomes, trial.within_h, config.least_found_share.value),
        "planted": [{**row, **_found(own, trial.within_h)} for row, own in _rows(outcomes)],
        "seconds": round(time.perf_counter() - started, 2),
    }


def _trial(settings: Settings) -> PlantingRules:
    config = settings.quality.sensor_faults_benchmark
    return PlantingRules(
        interval_min=settings.monitoring.benchmark.fleets.interval_min,
        durations_h=config.durations_hours,
        before_h=config.before_hours.value,
        after_h=config.after_hours.value,
        least_runs_h=config.least_running_hours.value,
        within_h=config.found_within_hours.value,
        places=config.places,
    )


def _false_alarms(alarms: Sequence[FalseAlarms], limit: float) -> dict[str, Any]:
    days, false = sum(item.compressor_days for item in alarms), sum(item.with_false_fault for item in alarms)
    names: Counter[str] = Counter()
    for item in alarms:
        names.update(item.false_faults)
    healthy, refused = sum(item.healthy_values for item in alarms), sum(item.healthy_refused for item in alarms)
    return {
        "compressor_days": days,
        "with_false_fault": false,
        **_share(false, days),
        "limit": limit,
        "passed": false <= limit * days,
        "false_faults": dict(names.most_common()),
        "healthy_values": healthy,
        "healthy_values_refused": refused,
    }


def _kinds(outcomes: Sequence[PlantedFaultOutcome], within_h: float, least: float) -> list[dict[str, Any]]:
    kinds = {
        "frozen": (FROZEN,),
        "zero": (ZERO,),
        "unit": (UNIT_CHANGE, WRONG_UNIT),
        "implausible": (IMPLAUSIBLE,),
    }
    table = []
    for kind, faults in kinds.items():
        found = _found([item for item in outcomes if item.planting.fault in faults], within_h)
        table.append({"kind": kind, **found, "limit": least, "passed": found["found"] >= least * found["planted"]})
    return table


def _rows(outcomes: Sequence[PlantedFaultOutcome]) -> list[tuple[dict[str, str], list[PlantedFaultOutcome]]]:
    grouped: dict[tuple[str, str, str], list[PlantedFaultOutcome]] = {}
    for item in outcomes:
        sensors = item.planting.sensors
        grouped.setdefault((item.planting.fault, sensors[0] if len(sensors) == 1 else _ALL, item.planting.variant), []).append(item)
    return [({"fault": fault, "sensor": sensor, "as": variant}, own) for (fault, sensor, variant), own in grouped.items()]


def _found(outcomes: Sequence[PlantedFaultOutcome], within_h: float) -> dict[str, Any]:
    """How many faults were found in time, how soon, and what became of the others."""
    found = [item for item in outcomes if item.hours <= within_h]
    missed = Counter(item.instead or ("late" if math.isfinite(item.hours) else "nothing") for item in outcomes if item.hours > within_h)
    typical = median(item.hours for item in outcomes)
    return {
        "planted": len(outcomes),
        "found": len(found),
        **_share(len(found), len(outcomes)),
        "right_unit": sum(item.right_unit for item in found),
        "median_hours": round(typical, 2) if math.isfinite(typical) else None,
        "missed": dict(missed.most_common(_MOST_MISSES)),
    }


def _share(hits: int, cases: int) -> dict[str, Any]:
    interval = binomtest(hits, cases).proportion_ci(method="wilson")
    return {"share": round(hits / cases, _DIGITS), "interval": [round(float(interval.low), _DIGITS), round(float(interval.high), _DIGITS)]}
