"""Files of a simulation: deterministic, independent of the parts, replaced as a whole."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from config.errors import ConfigError, InputError
from config.loader import CONFIG_DIR, load_section
from config.sections.fleet import FleetConfig
from config.sections.simulator import SimulatorConfig
from features.contract import EVENT_FIELDS, METADATA_FIELDS, READING_FIELDS
from features.simulator.fleet import READING_SCHEMA, simulate
from features.simulator.plan import FleetRequest
from pipelines.lakehouse.simulate import run


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def small(out: Path, config: SimulatorConfig, fleet: FleetConfig, *, compressors: int = 6, seed: int = 1) -> dict[str, str]:
    simulate(out, config, fleet, FleetRequest("history", compressors, days=20, interval_min=60, seed=seed))
    return digests(out)


def test_a_simulation_writes_these_files_with_these_columns(tmp_path: Path, config: SimulatorConfig, fleet: FleetConfig) -> None:
    assert set(small(tmp_path, config, fleet)) == {
        "readings/part-0000.parquet",
        "compressor_metadata.csv",
        "maintenance_events.csv",
        "truth/lives.csv",
        "simulation.json",
    }
    assert tuple(READING_SCHEMA.names) == READING_FIELDS
    assert pq.read_schema(tmp_path / "readings" / "part-0000.parquet").equals(READING_SCHEMA)
    assert tuple(pl.read_csv(tmp_path / "compressor_metadata.csv").columns) == METADATA_FIELDS
    assert tuple(pl.read_csv(tmp_path / "maintenance_events.csv").columns) == EVENT_FIELDS
    assert json.loads((tmp_path / "simulation.json").read_text())["seed"] == 1


def test_the_same_arguments_give_the_same_bytes_and_another_seed_gives_others(
    tmp_path: Path, config: SimulatorConfig, fleet: FleetConfig
) -> None:
    first = small(tmp_path / "a", config, fleet)
    assert small(tmp_path / "a", config, fleet) == first
    assert small(tmp_path / "b", config, fleet) == first
    assert small(tmp_path / "c", config, fleet, seed=2)["readings/part-0000.parquet"] != first["readings/part-0000.parquet"]


def test_readings_do_not_depend_on_how_units_are_divided_into_parts(tmp_path: Path, config: SimulatorConfig, fleet: FleetConfig) -> None:
    rows_per_part = 20 * 24 * 2
    small(tmp_path / "whole", config, fleet)
    small(tmp_path / "parts", config.model_copy(update={"rows_per_part": rows_per_part}), fleet)
    parts = sorted((tmp_path / "parts" / "readings").iterdir())
    assert [path.name for path in parts] == ["part-0000.parquet", "part-0001.parquet", "part-0002.parquet"]
    assert all(0 < pq.read_metadata(path).num_rows <= rows_per_part for path in parts)
    whole = pl.read_parquet(tmp_path / "whole" / "readings" / "*.parquet")
    assert_frame_equal(whole, pl.read_parquet(tmp_path / "parts" / "readings" / "*.parquet"))


def test_a_longer_interval_shows_the_same_units_and_lives(tmp_path: Path, config: SimulatorConfig, fleet: FleetConfig) -> None:
    hourly = small(tmp_path / "hourly", config, fleet)
    simulate(tmp_path / "fine", config, fleet, FleetRequest("history", compressors=6, days=20, interval_min=10, seed=1))
    fine = digests(tmp_path / "fine")
    for name in ("compressor_metadata.csv", "maintenance_events.csv", "truth/lives.csv"):
        assert fine[name] == hourly[name]


def test_no_part_of_an_earlier_larger_simulation_remains(tmp_path: Path, config: SimulatorConfig, fleet: FleetConfig) -> None:
    divided = config.model_copy(update={"rows_per_part": 20 * 24})
    assert len(small(tmp_path / "reused", divided, fleet, compressors=8)) == 8 + 4
    assert small(tmp_path / "reused", divided, fleet, compressors=2) == small(tmp_path / "new", divided, fleet, compressors=2)


def test_readings_of_another_origin_are_never_replaced(tmp_path: Path, config: SimulatorConfig, fleet: FleetConfig) -> None:
    export = tmp_path / "readings" / "part-0000.parquet"
    export.parent.mkdir()
    export.write_bytes(b"a site's export")
    with pytest.raises(InputError, match="holds readings that no simulation wrote"):
        small(tmp_path, config, fleet)
    assert digests(tmp_path) == {"readings/part-0000.parquet": hashlib.sha256(b"a site's export").hexdigest()}


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, config: SimulatorConfig, fleet: FleetConfig) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"^\S*file/out cannot be written \(Not a directory\): choose another folder with --out$"):
        small(tmp_path / "file" / "out", config, fleet)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"compressors": 0}, "--compressors 0: must be at least 1"),
        ({"days": -1}, "--days -1: must be at least 1"),
        ({"interval_min": 7}, "--interval-min 7: must divide a day"),
        ({"seed": -1}, "--seed -1: must be 0 or more"),
    ],
)
def test_arguments_out_of_range_are_refused_before_anything_is_written(
    tmp_path: Path, config: SimulatorConfig, fleet: FleetConfig, arguments: dict[str, int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run(tmp_path / "out", config, fleet, FleetRequest(**arguments))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_job_takes_what_is_left_out_from_the_profile(tmp_path: Path, config: SimulatorConfig, fleet: FleetConfig) -> None:
    seen: list[tuple[int, int]] = []
    report = run(tmp_path, config, fleet, FleetRequest(days=1), lambda done, total: seen.append((done, total)))
    assert (report.profile, report.compressors, report.days, report.interval_min, report.seed) == ("demo", 10, 1, 10, config.demo.seed)
    assert (report.rows, report.files) == (1440, 1)
    assert seen == [(10, 10)]


def test_an_unknown_compressor_model_is_a_configuration_error(tmp_path: Path, config: SimulatorConfig, fleet: FleetConfig) -> None:
    units = config.units.model_copy(update={"model_factors": {"Nobody's 1": {}}})
    with pytest.raises(ConfigError, match="unknown models Nobody's 1"):
        simulate(tmp_path, config.model_copy(update={"units": units}), fleet, FleetRequest("history", seed=1))


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("demo.mode", "magic", "demo.mode 'magic' is no failure mode"),
        ("history.healthy_days", {"low": 9, "high": 1, "unit": "d"}, "low 9.0 must not exceed high 1.0"),
        ("units.baseline.vibration", {"low": 1, "high": 2, "unit": "mm/s"}, "vibration: no such sensor"),
        ("environment.load_dwell_days", {"low": 0, "high": 1, "unit": "d"}, "must be above 0"),
    ],
)
def test_a_wrong_simulator_file_fails_with_key_and_reason(key: str, value: object, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as raised:
        load_section(CONFIG_DIR / "simulator.yaml", SimulatorConfig, environ={}, overrides={key: value})
    assert "simulator.yaml" in str(raised.value)
