"""altaviz site init, as a user runs it: the draft loads, and a file that is there stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.features.site.files import HEADER, ROW
from tests.pipelines.console_script import refusal_of, report_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    (folder / "readings").mkdir(parents=True)
    (folder / "readings" / "a.csv").write_text(f"{HEADER}\n{ROW}\n".replace("vibration_mms", "VIB DE (in/s)").replace(",3.0,", ",0.12,"))
    (folder / "compressor_metadata.csv").write_text(
        "compressor_id,model,horsepower,install_date,station_id\nC-1,Ajax DPC-360,1340,2020-01-01,STATION-A\n"
    )
    return folder


def test_draft_is_written_once_and_ingest_reads_with_it(folder: Path, tmp_path: Path) -> None:
    drafted = report_of("site", "init", folder, home=tmp_path / "home")
    assert (drafted["refused_files"], drafted["to_decide"]) == ({}, 0)
    assert "vibration_mms: {column: 'VIB DE (in/s)', unit: 'in/s'}  # " in (folder / "site.yaml").read_text()
    checked = report_of("ingest", folder, "--check", home=tmp_path / "home")
    assert (checked["rows"], checked["rows_refused"]) == (1, {})
    assert checked["columns"]["vibration_mms"]["low"] == pytest.approx(3.048)
    assert "site.yaml is there already" in refusal_of("site", "init", folder, home=tmp_path / "home")


def test_no_link_leads_the_draft_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "site.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert "site.yaml is there already: move it away" in refusal_of("site", "init", folder, home=tmp_path / "home")
    assert not (tmp_path / "elsewhere.yaml").exists()
