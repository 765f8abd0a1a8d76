"""What a user gets for a mistake: one line that says what, where and what to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.loader import CONFIG_DIR
from pipelines.cli import app
from tests.features.readings import reading, write_readings
from tests.pipelines.console_script import altaviz, refusal_of

METADATA = "compressor_id,model,horsepower,install_date,station_id\nC-1,Ajax DPC-360,1340,2020-01-01,STATION-A\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder as a site hands it over, without readings yet."""
    folder = tmp_path / "site"
    (folder / "readings").mkdir(parents=True)
    (folder / "compressor_metadata.csv").write_text(METADATA)
    return folder


def test_folder_that_is_not_there(home: Path, tmp_path: Path) -> None:
    assert refusal_of("ingest", tmp_path / "nowhere", home=home).endswith(
        "readings is not a folder: put Parquet or CSV files of readings there"
    )


def test_folder_without_files(home: Path, site: Path) -> None:
    assert "readings holds no files" in refusal_of("ingest", site, home=home)


def test_nothing_but_unreadable_files_and_wrong_types(home: Path, site: Path) -> None:
    (site / "readings" / "a.parquet").write_bytes(b"PAR1 cut off")
    header, *fields = ["compressor_id", "timestamp", "vibration_mms", "discharge_temp_f", "suction_pressure_psi", "discharge_pressure_psi"]
    columns = ",".join([header, *fields, "horsepower_consumption", "gas_flow_mcf", "operating_hours"])
    (site / "readings" / "b.csv").write_text(f"{columns}\nC-1,2026-03-02,three,1,1,1,1,1,1\n")
    refusal = refusal_of("ingest", site, home=home)
    assert "no file holds a reading that can be loaded" in refusal
    assert "a.parquet: unreadable: " in refusal
    assert "b.csv: wrong_type: vibration_mms: " in refusal


def test_refused_files_are_in_the_report_the_exit_code_and_the_status(home: Path, site: Path) -> None:
    bad = site / "readings" / "export.csv"
    bad.write_text("compressor_id,timestamp\n")
    refused = altaviz("ingest", site, "--json", home=home)
    reported = json.loads(refused.stdout)
    assert (refused.returncode, list(reported["refused_files"])) == (1, ["export.csv"])
    assert "export.csv: missing_column" in reported["error"]
    write_readings(site / "readings" / "good.parquet", [reading(0)])
    (site / "compressor_metadata.csv").write_bytes(b"\xff\xfe\x00")
    for _ in range(2):  # an unchanged file that is still there counts again
        some = altaviz("ingest", site, "--json", home=home)
        assert some.returncode == 3, some.stderr
        assert "some files were refused" in some.stderr
    status = json.loads(altaviz("status", "--json", home=home).stdout)
    assert status["refused_files"]["export.csv"]["times"] == 3
    assert status["refusals"] == {"open": 1, "mended": 0}


def test_no_metadata(home: Path, site: Path) -> None:
    (site / "compressor_metadata.csv").unlink()
    write_readings(site / "readings" / "a.parquet", [reading(0)])
    assert "compressor_metadata.csv is missing and no compressor is known yet: add it with the columns" in refusal_of(
        "ingest", site, home=home
    )


def test_metadata_of_which_no_line_can_be_used_names_the_first(home: Path, site: Path) -> None:
    (site / "compressor_metadata.csv").write_text(METADATA.replace("STATION-A", "STATION-Z"))
    write_readings(site / "readings" / "a.parquet", [reading(0)])
    refusal = refusal_of("ingest", site, home=home)
    assert "compressor_metadata.csv: no row can be used; line 2: unknown_station 'STATION-Z': write one of STATION-A," in refusal


def test_home_that_cannot_be_written(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert refusal_of("ingest", site, home=file / "home") == (
        f"home {file / 'home'} cannot be written (Not a directory): choose another with --home or ALTAVIZ_HOME"
    )


def test_features_before_ingest(home: Path) -> None:
    assert "run `altaviz ingest" in refusal_of("features", home=home)


def test_moment_before_all_data_says_so_and_leaves_nothing_behind(home: Path, site: Path) -> None:
    write_readings(site / "readings" / "a.parquet", [reading(0)])
    assert altaviz("ingest", site, home=home).returncode == 0
    assert "no usable reading at or before 2020-01-01T00:00:00: use a later --as-of" in refusal_of(
        "features", "--as-of", "2020-01-01", home=home
    )
    assert not (home / "lake" / "gold").exists()


def test_text_that_is_no_time_is_wrong_use(home: Path) -> None:
    done = altaviz("features", "--as-of", "yesterday", home=home)
    assert done.returncode == 2
    assert "'yesterday' must be an ISO 8601 time" in done.stderr
    assert "Traceback" not in done.stderr
    assert not home.exists()


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+05:00", "0001-01-01", "2099-12-31T23:00:00-10:00", "9999-12-31T23:59:59-10:00"])
def test_time_that_the_warehouse_does_not_keep_is_wrong_use(home: Path, moment: str) -> None:
    done = CliRunner().invoke(app, ["features", "--as-of", moment, "--home", str(home)])  # the test above starts a process
    assert done.exit_code == 2
    assert "must be in the years 2000 to 2099 in UTC" in " ".join(done.stderr.replace("│", " ").split())


def test_unknown_key_in_the_configuration_is_named_with_its_file(home: Path, site: Path, tmp_path: Path) -> None:
    write_readings(site / "readings" / "a.parquet", [reading(0)])
    shutil.copytree(CONFIG_DIR, tmp_path / "config", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = tmp_path / "config" / "etl_config.yaml"
    path.write_text(path.read_text().replace("gold:\n", "gold:\n  colour: red\n"))
    refusal = refusal_of("ingest", site, home=home, ALTAVIZ_CONFIG_DIR=str(tmp_path / "config"))
    assert refusal == f"{path}: gold.colour: Extra inputs are not permitted"


def test_error_is_one_json_document_where_json_was_asked_for(home: Path, site: Path) -> None:
    done = altaviz("ingest", site, "--json", home=home)
    assert done.returncode == 1
    assert list(json.loads(done.stdout)) == ["error"]


def test_help_loads_neither_spark_nor_tensorflow_nor_pandas() -> None:
    program = """
import sys
from pipelines.cli import app
from typer.testing import CliRunner
assert CliRunner().invoke(app, ["--help"]).exit_code == 0
print([name for name in ("pyspark", "tensorflow", "keras", "pandas", "polars", "mlflow", "pyarrow") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_home_with_a_blank_is_refused_before_anything_is_written(tmp_path: Path, site: Path) -> None:
    home = tmp_path / "my home"
    assert "has a blank or another character" in refusal_of("ingest", site, home=home)
    assert not home.exists()


def test_override_of_an_unknown_key_names_the_override(home: Path) -> None:
    refusal = refusal_of("train", "--set", "fit.epoch=3", home=home)
    assert "model_config.yaml with fit.epoch=3: fit.epoch: " in refusal


def test_override_that_is_no_yaml_names_the_override(home: Path) -> None:
    assert refusal_of("tune", "--set", "fit.epochs=: :", home=home).startswith("--set 'fit.epochs=: :': ': :' is not a YAML value (")


@pytest.mark.parametrize("pair", ["fit.epochs=[", "fit.epochs=2026-13-01"])
def test_override_of_another_kind_that_is_no_yaml_names_the_override(home: Path, pair: str) -> None:
    done = CliRunner().invoke(app, ["train", "--set", pair, "--home", str(home)])  # the test above starts a process
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert done.stderr.startswith(f"altaviz: --set '{pair}': '{pair.partition('=')[2]}' is not a YAML value (")


def test_tracking_server_that_is_not_there_is_told_soon(home: Path) -> None:
    started = time.monotonic()
    refusal = refusal_of("experiments", home=home, MLFLOW_TRACKING_URI="http://somebody:pa55@127.0.0.1:9")
    assert "pa55" not in refusal
    assert refusal.startswith("the MLflow registry does not answer (")
    assert refusal.endswith("): check MLFLOW_TRACKING_URI")
    assert time.monotonic() - started < 120  # MLflow itself goes on for four minutes
