"""The shipped configuration, and one simulated demo and one history that several tests read."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pytest

from config.loader import CONFIG_DIR, load_section
from config.sections.fleet import FleetConfig
from config.sections.simulator import SimulatorConfig
from features.simulator.fleet import SimulationReport, simulate
from features.simulator.plan import FleetRequest


@dataclass(frozen=True)
class Simulated:
    """A simulation on disk and its tables."""

    report: SimulationReport
    readings: pl.DataFrame
    events: pl.DataFrame
    metadata: pl.DataFrame
    lives: pl.DataFrame


def load(report: SimulationReport) -> Simulated:
    """Read back everything a simulation wrote."""
    tables = [
        pl.read_csv(report.out / name, try_parse_dates=True, infer_schema_length=None)
        for name in ("maintenance_events.csv", "compressor_metadata.csv", "truth/lives.csv")
    ]
    return Simulated(report, pl.read_parquet(report.out / "readings" / "part-*.parquet"), *tables)


@pytest.fixture(scope="session")
def config() -> SimulatorConfig:
    return load_section(CONFIG_DIR / "simulator.yaml", SimulatorConfig, environ={})


@pytest.fixture(scope="session")
def fleet() -> FleetConfig:
    return load_section(CONFIG_DIR / "fleet.yaml", FleetConfig, environ={})


@pytest.fixture(scope="session")
def demo(config: SimulatorConfig, fleet: FleetConfig, tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return load(simulate(tmp_path_factory.mktemp("demo"), config, fleet, FleetRequest("demo", seed=7)))


@pytest.fixture(scope="session")
def history(config: SimulatorConfig, fleet: FleetConfig, tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return load(simulate(tmp_path_factory.mktemp("history"), config, fleet, FleetRequest("history", compressors=24, days=120, seed=3)))
