"""Simulates a fleet, unit by unit, and writes its readings in Parquet parts with the reference files beside them."""

from __future__ import annotations

import json
import shutil
import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from config.errors import InputError
from config.fleet import FleetConfig
from config.simulator import FleetSize, SimulatorConfig
from features.contract import COMPRESSOR_ID, FAILURE, HORSEPOWER, OPERATING_HOURS, SENSORS, TIMESTAMP
from features.simulator.compressor import MINUTES_PER_DAY, FloatArray, Inputs, States, Unit, operating_hours, true_levels
from features.simulator.environment import air_temperature, check_climates, draw_load, draw_stops, draw_weather, running_share
from features.simulator.lives import Event, Life, draw_lives, script_lives
from features.simulator.records import event_rows, life_rows, metadata_row, write_records
from features.simulator.telemetry import DECIMALS, add_faults, add_noise, calibration_drift, draw_arrivals
from features.simulator.units import check_names, draw_unit, expose
from features.simulator.wear import wear_over_time

Profile = Literal["demo", "history"]

PARTS_DIR: Final = "readings"
MARKER: Final = "simulation.json"
_STAGING: Final = ".simulation-in-progress"
_WRITTEN: Final = (PARTS_DIR, "compressor_metadata.csv", "maintenance_events.csv", "truth", MARKER)

READING_SCHEMA: Final = pa.schema(
    [
        (COMPRESSOR_ID, pa.string()),
        (TIMESTAMP, pa.timestamp("us", tz="UTC")),
        *((sensor, pa.float64()) for sensor in (*SENSORS, OPERATING_HOURS)),
    ]
)


@dataclass(frozen=True)
class SimulationReport:
    """What was written: the folder, the run's arguments as resolved, and counts."""

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


@dataclass(frozen=True)
class _Run:
    """Arguments as resolved, and what all units share."""

    profile: Profile
    size: FleetSize
    compressors: int
    days: int
    interval_min: int
    seed: int
    config: SimulatorConfig
    fleet: FleetConfig
    time: FloatArray = field(repr=False)  # [n] days since the start
    air_f: dict[str, FloatArray] = field(repr=False)  # [n] F by station


@dataclass(frozen=True)
class SimulatedUnit:
    """One compressor with its lives and events, and the readings that arrived: values [7, m] at the steps [m] of the time grid."""

    unit: Unit
    lives: list[Life]
    events: list[Event]
    steps: np.ndarray[tuple[int], np.dtype[np.int64]] = field(repr=False)
    values: FloatArray = field(repr=False)


def simulate(
    out: Path,
    config: SimulatorConfig,
    fleet: FleetConfig,
    *,
    profile: Profile,
    compressors: int | None = None,
    days: int | None = None,
    interval_min: int | None = None,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationReport:
    """Write readings/part-NNNN.parquet, compressor_metadata.csv, maintenance_events.csv and truth/lives.csv below `out`.

    The same arguments give the same bytes. An earlier simulation in `out` is replaced as a whole, once the new one is complete;
    `progress` gets (units done, units in all). Raises InputError when an argument is out of range, when `out` holds readings
    of another origin, or when it cannot be written; ConfigError when simulator.yaml and fleet.yaml do not fit together.
    """
    began = clock.perf_counter()
    run = _resolve(config, fleet, profile, compressors, days, interval_min, seed)
    if _holds_foreign_readings(out):
        raise InputError(f"{out / PARTS_DIR}: holds readings that no simulation wrote: choose another folder with --out")
    try:
        staging = out / _STAGING
        shutil.rmtree(staging, ignore_errors=True)
        (staging / PARTS_DIR).mkdir(parents=True)
        rows, failures, files = _write_fleet(staging, run, progress)
        _publish(staging, out)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}): choose another folder with --out") from error
    return SimulationReport(
        out=out,
        profile=profile,
        seed=seed,
        start=run.size.start,
        end=run.size.start + timedelta(days=run.days),
        compressors=run.compressors,
        days=run.days,
        interval_min=run.interval_min,
        rows=rows,
        failures=failures,
        files=files,
        seconds=clock.perf_counter() - began,
    )


def simulate_unit(run: _Run, index: int) -> SimulatedUnit:
    """Unit number `index` (from 0) of the fleet; it depends on the seed and its own number alone, not on what is simulated beside it."""
    config, time = run.config, run.time
    identity, living, surroundings, transmission = (
        np.random.default_rng(sequence)
        for sequence in np.random.SeedSequence(run.seed, spawn_key=(get_args(Profile).index(run.profile), index)).spawn(4)
    )
    unit = draw_unit(identity, index, run.compressors, run.fleet, run.size, config.units)
    if run.profile == "demo":
        lives, events = script_lives(index + 1, run.days, config.demo, config.modes, config.maintenance, living)
        stops = np.empty((0, 2))
        downtime = np.empty((0, 2))  # as in the field exports, a unit reports healthy levels from the moment of its failure on
    else:
        unit = expose(identity, unit, config.units)
        lives, events = draw_lives(living, run.days, config.history, config.modes, config.maintenance)
        stops = draw_stops(surroundings, run.days, unit.stops_per_day, config.environment)
        downtime = np.array([(event.time, event.end) for event in events]).reshape(-1, 2)

    load = draw_load(surroundings, time, unit.load_amplitude, config.environment)
    running = np.minimum(running_share(time, stops, config.environment), running_share(time, downtime, config.environment))
    factors, noise_growth = wear_over_time(time, lives, config.modes)
    calibrated = np.array([event.time for event in events if event.event_type == "scheduled"])
    states = States(factors, noise_growth, calibration_drift(time, calibrated, unit))
    levels = true_levels(unit, Inputs(run.air_f[unit.station_id], load, running), states, config.environment)

    readings = add_noise(transmission, levels, states, unit)
    arrived = np.ones(len(time), np.bool_)
    if run.profile == "history":
        readings = add_faults(transmission, time, readings, unit, config.faults)
        arrived = draw_arrivals(transmission, time, unit, config.faults)
        for event in events:
            if event.silent:
                arrived &= (time < event.time) | (time >= event.end)
    hours = operating_hours(unit, running[SENSORS.index(HORSEPOWER)] > 0, run.interval_min)
    values = np.round(np.vstack([readings, hours])[:, arrived], DECIMALS)
    return SimulatedUnit(unit, lives, events, np.flatnonzero(arrived), values)


def _resolve(
    config: SimulatorConfig,
    fleet: FleetConfig,
    profile: Profile,
    compressors: int | None,
    days: int | None,
    interval_min: int | None,
    seed: int,
) -> _Run:
    size: FleetSize = config.demo if profile == "demo" else config.history
    chosen = {
        "compressors": size.compressors if compressors is None else compressors,
        "days": size.days if days is None else days,
        "interval-min": size.interval_min if interval_min is None else interval_min,
    }
    for name, value in chosen.items():
        if value < 1:
            raise InputError(f"--{name} {value}: must be at least 1")
    if seed < 0:
        raise InputError(f"--seed {seed}: must be 0 or more")
    if MINUTES_PER_DAY % chosen["interval-min"]:
        raise InputError(f"--interval-min {chosen['interval-min']}: must divide a day of {MINUTES_PER_DAY} minutes")
    check_names(fleet, config.units)
    check_climates(fleet, config.environment)

    steps = chosen["days"] * MINUTES_PER_DAY // chosen["interval-min"]
    time = np.arange(steps) * chosen["interval-min"] / MINUTES_PER_DAY
    air_f = {}
    for number, (station_id, station) in enumerate(fleet.stations.items()):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(len(get_args(Profile)), number)))
        weather = draw_weather(rng, chosen["days"], config.environment)
        air_f[station_id] = air_temperature(time, size.start, station_id, station, weather, config.environment)
    return _Run(profile, size, chosen["compressors"], chosen["days"], chosen["interval-min"], seed, config, fleet, time, air_f)


def _write_fleet(folder: Path, run: _Run, progress: Callable[[int, int], None] | None) -> tuple[int, int, int]:
    """Write all files of the run below `folder` -> rows, failures, Parquet files."""
    metadata, events, lives = [], [], []
    rows = failures = files = 0
    for files, part in enumerate(_parts(run), start=1):
        pq.write_table(_table(part, run), folder / PARTS_DIR / f"part-{files - 1:04d}.parquet")
        for simulated in part:
            metadata.append(metadata_row(simulated.unit, run.size.start))
            events.extend(event_rows(simulated.unit, simulated.events, run.size.start))
            lives.extend(life_rows(simulated.unit, simulated.lives, run.size.start))
            rows += len(simulated.steps)
            failures += sum(event.event_type == FAILURE for event in simulated.events)
        if progress is not None:
            progress(len(metadata), run.compressors)
    write_records(folder, metadata, events, lives)
    arguments = {
        "profile": run.profile,
        "compressors": run.compressors,
        "days": run.days,
        "interval_min": run.interval_min,
        "seed": run.seed,
    }
    (folder / MARKER).write_text(
        json.dumps({**arguments, "start": run.size.start.isoformat(), "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )
    return rows, failures, files


def _parts(run: _Run) -> Iterator[list[SimulatedUnit]]:
    units_per_part = max(1, run.config.rows_per_part // len(run.time))
    for first in range(0, run.compressors, units_per_part):
        yield [simulate_unit(run, index) for index in range(first, min(first + units_per_part, run.compressors))]


def _table(part: list[SimulatedUnit], run: _Run) -> pa.Table:
    """Readings of the units of one part, unit by unit in order of time; a missing value is null."""
    lengths = [len(simulated.steps) for simulated in part]
    ids = pa.DictionaryArray.from_arrays(
        np.repeat(np.arange(len(part), dtype=np.int32), lengths), [simulated.unit.compressor_id for simulated in part]
    )
    start_us = int(run.size.start.astimezone(UTC).timestamp()) * 1_000_000
    interval_us = run.interval_min * 60_000_000
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
    staging.rmdir()
