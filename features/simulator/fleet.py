"""Simulates a fleet, unit by unit, and writes its readings and reference files.

Readings are Parquet parts.
"""

from __future__ import annotations

import json
import shutil
import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from config.errors import InputError
from config.sections.fleet import FleetConfig
from config.sections.simulator import SimulatorConfig
from features.contract import COMPRESSOR_ID, FAILURE, OPERATING_HOURS, SENSORS, TIMESTAMP
from features.simulator.plan import FleetRequest, Profile, SimulationPlan, resolve
from features.simulator.readings import SimulatedUnit, simulate_unit
from features.simulator.records import event_rows, life_rows, metadata_row, write_records

PARTS_DIR: Final = "readings"
MARKER: Final = "simulation.json"
_STAGING: Final = ".simulation-in-progress"
_WRITTEN: Final = (MARKER, PARTS_DIR, "compressor_metadata.csv", "maintenance_events.csv", "truth")  # the marker first: it allows a new try

READING_SCHEMA: Final = pa.schema(
    [
        (COMPRESSOR_ID, pa.string()),
        (TIMESTAMP, pa.timestamp("us", tz="UTC")),
        *((sensor, pa.float64()) for sensor in (*SENSORS, OPERATING_HOURS)),
    ]
)


@dataclass(frozen=True)
class SimulationReport:
    """What was written: the folder, the resolved arguments, and counts."""

    out: Path
    profile: Profile
    seed: int
    start: datetime
    end: datetime  # of the last interval: no reading has this time
    compressors: int
    days: int
    interval_min: int
    rows: int
    failures: int
    files: int
    seconds: float


def simulate(
    out: Path,
    config: SimulatorConfig,
    fleet: FleetConfig,
    request: FleetRequest,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationReport:
    """Write a simulated fleet below `out`: readings and reference files.

    Files: readings/part-NNNN.parquet, compressor_metadata.csv, maintenance_events.csv, truth/lives.csv. The
    same arguments give the same bytes. An earlier simulation in `out` is replaced as a whole, once the new
    one is complete. Calls `progress` with the units done and the units in all.

    Raises InputError when an argument is out of range, or when `out` cannot be written. The same goes for an
    `out` that holds readings of another origin. Raises ConfigError when simulator.yaml and fleet.yaml
    contradict each other.
    """
    began = clock.perf_counter()
    plan = resolve(config, fleet, request)
    staging = out / _STAGING
    try:
        if _holds_foreign_readings(out):
            raise InputError(f"{out / PARTS_DIR} holds readings that no simulation wrote: choose another folder with --out")
        shutil.rmtree(staging, ignore_errors=True)
        (staging / PARTS_DIR).mkdir(parents=True)
        rows, failures, files = _write_fleet(staging, plan, progress)
        _publish(staging, out)
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror or error}): choose another folder with --out") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return SimulationReport(
        out=out,
        profile=plan.profile,
        seed=plan.seed,
        start=plan.size.start,
        end=plan.size.start + timedelta(days=plan.days),
        compressors=plan.compressors,
        days=plan.days,
        interval_min=plan.interval_min,
        rows=rows,
        failures=failures,
        files=files,
        seconds=clock.perf_counter() - began,
    )


def _write_fleet(folder: Path, plan: SimulationPlan, progress: Callable[[int, int], None] | None) -> tuple[int, int, int]:
    """Write all files of the run below `folder` -> rows, failures, Parquet files."""
    metadata, events, lives = [], [], []
    rows = failures = files = 0
    for files, part in enumerate(_parts(plan), start=1):
        pq.write_table(_table(part, plan), folder / PARTS_DIR / f"part-{files - 1:04d}.parquet")
        for simulated in part:
            metadata.append(metadata_row(simulated.unit, plan.size.start))
            events.extend(event_rows(simulated.unit, simulated.events, plan.size.start))
            lives.extend(life_rows(simulated.unit, simulated.lives, plan.size.start))
            rows += len(simulated.steps)
            failures += sum(event.event_type == FAILURE for event in simulated.events)
        if progress is not None:
            progress(len(metadata), plan.compressors)
    write_records(folder, metadata, events, lives)
    arguments = {
        "profile": plan.profile,
        "compressors": plan.compressors,
        "days": plan.days,
        "interval_min": plan.interval_min,
        "seed": plan.seed,
    }
    (folder / MARKER).write_text(
        json.dumps({**arguments, "start": plan.size.start.isoformat(), "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )
    return rows, failures, files


def _parts(plan: SimulationPlan) -> Iterator[list[SimulatedUnit]]:
    units_per_part = max(1, plan.config.rows_per_part // len(plan.time))
    for first in range(0, plan.compressors, units_per_part):
        yield [simulate_unit(plan, index) for index in range(first, min(first + units_per_part, plan.compressors))]


def _table(part: list[SimulatedUnit], plan: SimulationPlan) -> pa.Table:
    """Readings of the units of one part, unit by unit in order of time. A missing value is null."""
    lengths = [len(simulated.steps) for simulated in part]
    ids = pa.DictionaryArray.from_arrays(
        np.repeat(np.arange(len(part), dtype=np.int32), lengths), [simulated.unit.compressor_id for simulated in part]
    )
    start_us = int(plan.size.start.astimezone(UTC).timestamp()) * 1_000_000
    interval_us = plan.interval_min * 60_000_000
    timestamps = start_us + np.concatenate([simulated.steps for simulated in part]) * interval_us
    values = np.concatenate([simulated.values for simulated in part], axis=1)
    columns = [pa.array(column, from_pandas=True) for column in values]
    return pa.Table.from_arrays(
        [ids.cast(pa.string()), pa.array(timestamps).cast(READING_SCHEMA.field(TIMESTAMP).type), *columns], schema=READING_SCHEMA
    )


def _holds_foreign_readings(out: Path) -> bool:
    folder = out / PARTS_DIR
    return folder.is_dir() and any(folder.iterdir()) and not (out / MARKER).is_file()


def _publish(staging: Path, out: Path) -> None:
    """Replace an earlier simulation in `out` by the complete one in `staging`."""
    for name in _WRITTEN:
        target = out / name
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        (staging / name).rename(target)
