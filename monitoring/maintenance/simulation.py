"""Years of a fleet under a maintenance policy, hour by hour. Lives end by failure or planned repair, and every end costs. Pure.

The protocol (numbers: costs.yaml, documented in docs/results/protocol.md): a slot of the fleet runs one life after another. Each is a
real life with its hourly predictions and its true end. A policy asks for a repair at some of these hours. The first such hour of a life
orders it. After `lead_days` it may be done, once a crew is free; the longest wait comes first. A crew is away for `crew_days`. A
machine that fails before pays the failure, and its order serves that repair. Then the slot stands still and the next life begins. Slots
draw the same lives in the same order under every policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from config.sections.costs import CostsConfig
from features.arrays import Bools, Doubles, Ints
from monitoring.statistics.bootstrap import Resampling, interval

_HOURS: Final = 24  # per day
_NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Lives:
    """Complete lives, their hours one after another in one axis [hours]."""

    first: Ints  # [lives] position of each life's first hour
    hours: Ints  # [lives] from the renewal to the failure
    source: Ints  # [lives] which compressor lived it, counted from 0
    weight: Doubles  # [lives] how often it is drawn, sum 1

    @property
    def left_days(self) -> Doubles:
        """True remaining life at every hour -> [hours]."""
        return np.concatenate([np.arange(hours, 0, -1) for hours in self.hours]) / _HOURS

    @property
    def age_hours(self) -> Ints:
        """Hours since the renewal -> [hours]."""
        return np.concatenate([np.arange(hours) for hours in self.hours])


@dataclass(frozen=True)
class PolicyOutcome:
    """Totals of the counted years, each array [sources] by the compressor that lived the life."""

    days: Doubles  # slot-days, standstill included
    failures: Ints
    repairs: Ints  # planned ones
    false_repairs: Ints  # with more life left than the protocol calls a true alarm
    wasted_days: Doubles  # true life that was left at planned repairs
    standstill_days: Doubles
    cost_usd: Doubles
    most_crews: int  # away at a time in one fleet, warm-up included


def draw_fleets(lives: Lives, slots: int, costs: CostsConfig) -> tuple[Ints, Ints]:
    """The lives of every slot in order -> [years, slots, most], and the hour at which it starts -> [years, slots]."""
    simulation = costs.simulation
    random = np.random.default_rng(simulation.seed)
    hours = _HOURS * (simulation.warm_up_days + simulation.year_days)
    shortest = min(_HOURS * costs.planned.lead_days.value, float(lives.hours.min()))  # a life ends when parts come, or by its failure
    most = int(hours // max(shortest, 1.0)) + 2
    drawn = random.choice(len(lives.hours), size=(simulation.years, slots, most), p=lives.weight)
    return drawn, random.integers(0, _HOURS * simulation.stagger_days + 1, size=(simulation.years, slots))


def simulate(lives: Lives, asks: Bools, drawn: Ints, starts: Ints, costs: CostsConfig, false_above_days: float) -> PolicyOutcome:
    """Run every fleet of `draw_fleets` through its warm-up and its year. `asks` [hours]: when the policy asks for a repair.

    Each year is a fleet of its own with crews of its own.
    """
    planned, unplanned = costs.planned, costs.unplanned
    lead = round(_HOURS * planned.lead_days.value)
    away, repair, stop = (max(round(_HOURS * days), 1) for days in (planned.crew_days.value, planned.repair_days.value, unplanned.days))
    warm_up = _HOURS * costs.simulation.warm_up_days
    sources = int(lives.source.max()) + 1
    life, number = drawn[..., 0].copy(), np.zeros(starts.shape, np.int64)
    age, ready = -starts, np.full(starts.shape, _NEVER)
    owner = lives.source[life]
    crews = np.zeros((len(drawn), int(planned.crews.value)), np.int64)  # hour at which each is free again
    counts = {name: np.zeros(sources, np.int64) for name in ("hours", "down", "failures", "repairs", "false", "wasted")}
    most_crews = 0

    def count(name: str, slots: Any, amount: Ints | None = None) -> None:
        if hour >= warm_up:
            counts[name] += np.bincount(owner[slots].ravel(), amount, minlength=sources).astype(np.int64)

    def renew(slots: Any, down: int) -> None:
        number[slots] += 1
        life[slots] = drawn[(*slots, number[slots])]
        age[slots], ready[slots] = -down, _NEVER

    for hour in range(warm_up + _HOURS * costs.simulation.year_days):
        begins = age == 0
        owner[begins] = lives.source[life[begins]]
        failed = np.nonzero(age >= lives.hours[life])
        count("failures", failed)
        renew(failed, stop)
        running = age >= 0
        position = lives.first[life] + np.where(running, age, 0)
        ready[running & asks[position] & (ready == _NEVER)] = hour + lead
        for year in np.flatnonzero((ready <= hour).any(axis=1)):
            free = np.flatnonzero(crews[year] <= hour)
            waiting = np.flatnonzero(ready[year] <= hour)
            served = waiting[np.argsort(ready[year, waiting], kind="stable")][: len(free)]
            slots = (np.full(len(served), year), served)
            left = lives.hours[life[slots]] - age[slots]
            crews[year, free[: len(served)]] = hour + away
            count("repairs", slots)
            count("wasted", slots, left)
            count("false", slots, (left > _HOURS * false_above_days).astype(np.int64))
            renew(slots, repair)
        most_crews = max(most_crews, int((crews > hour).sum(axis=1).max()))
        count("hours", ...)
        count("down", age < 0)
        age += 1
    cost = planned.repair_usd.value * counts["repairs"] + unplanned.usd * counts["failures"]
    days = {name: counts[name] / _HOURS for name in ("hours", "wasted", "down")}
    return PolicyOutcome(
        days["hours"], counts["failures"], counts["repairs"], counts["false"], days["wasted"], days["down"], cost, most_crews
    )


def summarise(outcomes: Mapping[str, PolicyOutcome], ours: str, costs: CostsConfig, confidence: float) -> dict[str, Any]:
    """`policies` and `differences` (ours minus the other) by name: USD per compressor-year with an interval, and its parts.

    The bootstrap resamples the compressors that the lives come from, for all policies alike (monitoring.statistics.bootstrap). So more
    simulated years do not make an interval narrower than the lives allow.
    """
    simulation = costs.simulation
    drawn = Resampling(len(outcomes[ours].days), simulation.resamples, simulation.seed).draws  # [resamples, sources]
    per_year = {name: simulation.year_days * (drawn @ found.cost_usd) / (drawn @ found.days) for name, found in outcomes.items()}
    means = {name: simulation.year_days * found.cost_usd.sum() / found.days.sum() for name, found in outcomes.items()}

    def rounded(usd: Doubles) -> list[int]:
        return [round(end) for end in interval(usd, confidence)]

    policies = {
        name: {
            "usd_per_compressor_year": round(float(means[name])),
            "interval": rounded(per_year[name]),
            **_per_year(found, simulation.year_days),
            "most_crews": found.most_crews,
        }
        for name, found in outcomes.items()
    }
    differences = {
        name: {
            "usd_per_compressor_year": round(float(means[ours] - means[name])),
            "interval": rounded(per_year[ours] - per_year[name]),
        }
        for name in outcomes
        if name != ours
    }
    return {"policies": policies, "differences": differences}


def _per_year(found: PolicyOutcome, year_days: int) -> dict[str, Any]:
    years = found.days.sum() / year_days
    counted = {name: int(getattr(found, name).sum()) for name in ("failures", "repairs", "false_repairs")}
    return {
        "compressor_years": round(float(years), 1),
        **counted,
        **{f"{name}_per_compressor_year": round(counted[name] / years, 2) for name in counted},
        "wasted_days_per_compressor_year": round(float(found.wasted_days.sum() / years), 1),
        "standstill_days_per_compressor_year": round(float(found.standstill_days.sum() / years), 1),
    }
