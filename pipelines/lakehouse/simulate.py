"""Writes a simulated fleet as a site would hand it over: `altaviz simulate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from config.sections.fleet import FleetConfig
from config.sections.simulator import SimulatorConfig
from features.simulator.fleet import SimulationReport, simulate
from features.simulator.plan import FleetRequest as FleetRequest


def run(
    out: Path,
    config: SimulatorConfig,
    fleet: FleetConfig,
    request: FleetRequest | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationReport:
    """Simulate `request` (the demo's fleet when None) below `out`. Raises InputError and ConfigError."""
    return simulate(out, config, fleet, request or FleetRequest(), progress)
