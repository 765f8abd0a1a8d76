"""run.py as an archive: the project's own files, the same bytes each time, and no code from beside it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from config.errors import ExportError
from pipelines.edge import archive
from pipelines.edge.archive import program_archive
from tests.pipelines.edge.site import AS_OF, Site

ROOT = Path(__file__).parents[3]


def test_no_other_python_file_of_the_folder_is_imported(site: Site, tmp_path: Path) -> None:
    folder = shutil.copytree(site.folder, tmp_path / "edge")
    for name in ("numpy", "json", "csv"):
        (folder / f"{name}.py").write_text("raise SystemExit('foreign code runs')", encoding="utf-8")
    asked = [sys.executable, folder / "run.py", site.readings, "--as-of", AS_OF.isoformat()]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=folder, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_search_path_does_not_change_what_is_imported(site: Site, tmp_path: Path) -> None:
    for package in ("serving", "features", "config"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('foreign code runs')", encoding="utf-8")
    asked = [sys.executable, "run.py", site.readings, "--as-of", AS_OF.isoformat()]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=site.folder, env=environment, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["predictions"]


def test_every_module_in_the_archive_is_the_projects_file() -> None:
    with zipfile.ZipFile(io.BytesIO(program_archive())) as program:
        names = program.namelist()
        assert {name: program.read(name) for name in names if name != "__main__.py"} == {
            name: (ROOT / name).read_bytes() for name in names if name != "__main__.py"
        }
    assert {"features/spikes.py", "features/windows.py", "features/sensor_health/find.py", "serving/assessment.py"} <= set(names)
    assert not [name for name in names if name.startswith(("serving/api", "training", "pipelines"))]


def test_the_same_sources_give_the_same_bytes_anywhere_and_anytime(monkeypatch: pytest.MonkeyPatch) -> None:
    first = program_archive()
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert program_archive() == first
    finally:
        monkeypatch.undo()
        time.tzset()
    with zipfile.ZipFile(io.BytesIO(first)) as program:
        entries = program.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {(entry.date_time, entry.external_attr >> 16, entry.compress_type) for entry in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o644, zipfile.ZIP_STORED)
    }


def test_the_standard_library_unpacks_the_source(site: Site, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zipfile", "--extract", site.folder / "run.py", tmp_path / "source"]
    subprocess.run(command, capture_output=True, check=True)
    unpacked = tmp_path / "source" / "features" / "spikes.py"
    assert unpacked.read_bytes() == (ROOT / "features" / "spikes.py").read_bytes()


def test_a_module_that_needs_what_the_edge_lacks_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "serving" / "edge").mkdir(parents=True)
    (tmp_path / "serving" / "edge" / "runner.py").write_text("import json\nfrom serving import rules\n", encoding="utf-8")
    (tmp_path / "serving" / "rules.py").write_text("import numpy\ndef late():\n    import polars\n", encoding="utf-8")
    monkeypatch.setattr(archive, "_SOURCES", tmp_path)
    with pytest.raises(ExportError, match=r"serving/rules\.py imports polars, which the edge does not have"):
        program_archive()
