"""The job behind `altaviz simulate`: writes a simulated fleet as a site would hand it over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from config.sections.fleet import FleetConfig
from config.sections.simulator import SimulatorConfig
from features.simulator.fleet import SimulationReport, simulate
from features.simulator.plan import Profile


def run(
    out: Path,
    config: SimulatorConfig,
    fleet: FleetConfig,
    *,
    profile: Profile = "demo",
    compressors: int | None = None,
    days: int | None = None,
    interval_min: int | None = None,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationReport:
    """Simulate below `out`; what is None comes from the profile in simulator.yaml. Raises InputError and ConfigError."""
    size = config.demo if profile == "demo" else config.history
    return simulate(
        out,
        config,
        fleet,
        profile=profile,
        compressors=compressors,
        days=days,
        interval_min=interval_min,
        seed=size.seed if seed is None else seed,
        progress=progress,
    )
