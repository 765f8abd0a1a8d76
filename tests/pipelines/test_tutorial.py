"""Follows docs/tutorial.md: its commands run in order, and every reading of its two exports arrives unchanged."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from config.settings import Settings
from config.site.description import load_site
from features.contract import COMPRESSOR_ID, SENSORS, TIMESTAMP
from features.intake import SiteReader
from pipelines.lakehouse.site_draft import draft
from pipelines.runtime.console import StageReporter
from tests.conftest import PROJECT
from tests.folders import passable_folder
from tests.pipelines.console_script import COMMAND_LIMIT_S, surroundings
from tests.pipelines.demo import Demo
from tests.pipelines.exports import demo_fleet, write_excel_export, write_pi_export

PAGE = (PROJECT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: title=\"(.+?)\")?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
METADATA = "compressor_id,model,horsepower,install_date,station_id\n"


@pytest.fixture(scope="module")
def fleet(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return demo_fleet(settings, tmp_path_factory.mktemp("demo"), interval_min=60)


def _decided(text: str, zone: str) -> str:
    """The draft after what the page tells a person to decide: the zone, and the names of the archive's units."""
    assert {"`zone: UTC`", f"`zone: {zone}`", "`'K001': 'K001'`", "`'K001': 'COMP-001'`"} <= set(re.findall(r"`[^`\n]+`", PAGE))
    return re.sub(r"'K(\d+)': 'K\1'", r"'K\1': 'COMP-\1'", text.replace("zone: UTC", f"zone: {zone}"))


@pytest.mark.parametrize(("write", "zone"), [(write_pi_export, "America/Chicago"), (write_excel_export, "Europe/Berlin")])
def test_every_reading_of_the_export_comes_out_in_the_contracts_units(
    settings: Settings, tmp_path: Path, fleet: pl.DataFrame, write: Callable[[pl.DataFrame, Path], None], zone: str
) -> None:
    sent = fleet.filter(pl.col(COMPRESSOR_ID).is_in(["COMP-001", "COMP-007"]))
    write(sent, tmp_path)
    lines = (f"{name},Ajax DPC-360,1340,2020-01-01,STATION-A\n" for name in ("COMP-001", "COMP-007"))
    (tmp_path / "compressor_metadata.csv").write_text(METADATA + "".join(lines))
    with StageReporter(interactive=False) as report:
        assert draft(settings, tmp_path, None, report)["to_decide"] > 0
    site = tmp_path / "site.yaml"
    site.write_text(_decided(site.read_text(), zone))
    (export,) = (tmp_path / "readings").iterdir()
    batches = SiteReader(load_site(tmp_path).readings).read(export, export.name, 100_000)
    read = pl.concat([pl.DataFrame(batch) for batch in batches]).sort(COMPRESSOR_ID, TIMESTAMP)
    assert read.select(COMPRESSOR_ID, TIMESTAMP).equals(sent.select(COMPRESSOR_ID, TIMESTAMP))
    for sensor in SENSORS:
        both = pl.DataFrame({"read": read[sensor], "sent": sent[sensor]}).drop_nulls("read")
        assert both.height >= 0.9 * sent.height
        assert ((both["read"] - both["sent"]).abs() <= 1e-3 * both["sent"].abs() + 0.01).all(), sensor


@pytest.fixture(scope="module")
def desk(demo: Demo) -> Iterator[Path]:
    """A folder as the reader has it after `make demo`: the programs in .venv, the demo's home in var."""
    folder = passable_folder()
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "var").symlink_to(demo.home)
    yield folder
    shutil.rmtree(folder)


def test_the_commands_of_the_page_do_what_it_says(demo: Demo, desk: Path) -> None:
    for language, title, text in BLOCKS:
        if title:
            assert language in ("python", "csv")
            (desk / title).parent.mkdir(parents=True, exist_ok=True)
            (desk / title).write_text(text)
    commands = [text.rstrip("\n") for language, _, text in BLOCKS if language == "sh"]
    assert commands[0] == "make demo"  # which is what `demo` has run
    shown, exports = {}, ""  # the reader stays in one shell
    for command in commands[1:]:
        environment = surroundings({**demo.environment, "ALTAVIZ_HOME": str(demo.home)})
        done = subprocess.run(
            ["/bin/bash", "-euc", f"{exports}{command}"],
            cwd=desk,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_LIMIT_S,
        )
        assert done.returncode == 0, (command, done.stderr[-2000:])
        shown[command.splitlines()[-1].removeprefix(".venv/bin/")] = done.stdout
        exports += "".join(f"{line}\n" for line in command.splitlines() if line.startswith("export "))
        if "site init" in command:
            site = desk / "site-a" / "site.yaml"
            assert "DECIDE" in site.read_text()
            site.write_text(_decided(site.read_text(), "America/Chicago"))
    assert _ranked(shown["altaviz score --as-of 2026-03-06T12:00:00"])[0] == "COMP-003"
    archive = (desk / "site-a" / "readings" / "archive.csv").read_text().splitlines()
    assert "\n".join(archive[:4]) in PAGE
    assert "2,016 rows of 1 files; nothing was written" in PAGE
    assert "2,016 rows of 1 files; nothing was written" in shown["altaviz ingest site-a --check"]
    assert _ranked(shown["altaviz score --home site --as-of 2026-03-09T05:50:00"]) == ["COMP-007", "COMP-001"]
    assert "1 of 1 equal" in shown["altaviz reproduce COMP-007 --home site"]


def _ranked(table: str) -> list[str]:
    return re.findall(r"^│ (COMP-\d+) ", table, re.MULTILINE)
