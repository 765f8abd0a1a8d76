"""Commands on a machine where a package of an extra is missing: they diagnose it, or they do without."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.features.readings import noisy_fleet, write_readings
from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import surroundings

RUN = """
import sys
names, sys.argv = sys.argv[1].split(","), ["altaviz", *sys.argv[2:]]
sys.modules.update(dict.fromkeys(names))  # None: the import fails as if the package were not installed
from pipelines.cli import main
main()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="altaviz-") as folder:
        yield Path(folder) / "home"


def without(packages: str, *arguments: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, packages, *map(str, arguments), "--json", "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings({}))


def test_doctor_reports_missing_pyspark_and_runs_every_other_check(home: Path) -> None:
    done = without("pyspark,delta", "doctor", home=home)
    assert done.returncode == 1, done.stderr
    checks = json.loads(done.stdout)["checks"]
    failed = {name for name, check in checks.items() if not check["ok"]}
    assert failed == {"spark", "delta"}
    assert "pyspark is not installed" in checks["spark"]["says"]


def test_a_check_of_a_folder_needs_no_spark(home: Path, tmp_path: Path) -> None:
    (tmp_path / "compressor_metadata.csv").write_text(
        "compressor_id,model,horsepower,install_date,station_id\nC-0,Ajax DPC-360,1340,2020-01-01,STATION-A\n", encoding="utf-8"
    )
    rows = noisy_fleet(1, 1)
    write_readings(tmp_path / "readings" / "one.parquet", rows)
    done = without("pyspark,delta", "ingest", tmp_path, "--check", home=home)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == len(rows)


def test_status_needs_no_reader_of_workbooks(home: Path) -> None:
    done = without("python_calamine", "status", home=home)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["champion"] is None
