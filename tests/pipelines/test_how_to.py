"""docs/how-to-first-fleet.md, followed on its two exports: what a person edits is what the page says, and every reading comes out as it went in."""

from __future__ import annotations

import re
from collections.abc import Callable
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
from tests.pipelines.exports import demo_fleet, write_excel_export, write_pi_export

PAGE = (PROJECT / "docs" / "how-to-first-fleet.md").read_text(encoding="utf-8")
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
