"""Writes a simulated fleet as a site would hand it over: `altaviz simulate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config.sections.fleet import FleetConfig
from config.sections.simulator import SimulatorConfig
from features.simulator.fleet import SimulationReport, simulate
from features.simulator.plan import Profile


@dataclass(frozen=True)
class FleetRequest:
    """Which fleet to simulate. A value of None comes from the profile in simulator.yaml."""

    profile: Profile = "demo"
    compressors: int | None = None
    days: int | None = None
    interval_min: int | None = None
    seed: int | None = None


def run(
    out: Path,
    config: SimulatorConfig,
    fleet: FleetConfig,
    request: FleetRequest | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationReport:
    """Simulate `request` (the demo's fleet when None) below `out`. Raises InputError and ConfigError."""
    wanted = request or FleetRequest()
    size = config.demo if wanted.profile == "demo" else config.history
    return simulate(
        out,
        config,
        fleet,
        profile=wanted.profile,
        compressors=wanted.compressors,
        days=wanted.days,
        interval_min=wanted.interval_min,
        seed=size.seed if wanted.seed is None else wanted.seed,
        progress=progress,
    )
