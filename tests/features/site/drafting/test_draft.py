from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import Settings
from features.intake import RefusedFile
from features.site.drafting.site_draft import Draft, Exports, draft_site
from tests.features.site.files import HEADER, ROW, read, text

PI = "Tag,Timestamp,Value,Status"
TAGS = {"VIB": "3.1", "TEMP_DIS": "96.5", "P_SUC": "4.1", "P_DIS": "70.2", "POWER": "1010.5", "FLOW": "10.1", "RUNHOURS": "4500"}
EUROPE = "Verdichter;Zeit;Schwingung (mm/s);Endtemperatur (°C);Saugdruck (bar);Enddruck (bar);Leistung (kW);Menge (e3m3/d);Betriebsstunden"


def _exports(settings: Settings, path: Path) -> Exports:
    return Exports(path.parent, {path.name: path}, settings.etl.ingest.limits)


def _draft(settings: Settings, path: Path, *known: str) -> tuple[Draft, dict[str, Any]]:
    draft = draft_site(_exports(settings, path), known, settings.thresholds)
    described: dict[str, Any] = yaml.safe_load(draft.text)["readings"]
    return draft, described


def _decisions(draft: Draft) -> dict[str, str | None]:
    return {line.key: line.decide for line in draft.lines if line.decide}


def test_long_export_is_drafted_and_the_draft_reads_it(settings: Settings, tmp_path: Path) -> None:
    rows = [f"K101.{tag},13.03.2026 06:{minute}:02,{value},Good" for minute in (10, 20) for tag, value in TAGS.items()]
    path = text(tmp_path, PI, *rows, "K101.LUBE,13.03.2026 06:20:02,1,Bad")
    draft, described = _draft(settings, path, "COMP-001", "COMP-002")
    assert described["layout"] == "long"
    assert described["time"] == {"column": "Timestamp", "format": "%d.%m.%Y %H:%M:%S", "zone": "UTC"}
    assert described["sensors"] == {
        "vibration_mms": {"tag": "VIB", "unit": "mm/s"},
        "discharge_temp_f": {"tag": "TEMP_DIS", "unit": "degC"},
        "suction_pressure_psi": {"tag": "P_SUC", "unit": "barg"},
        "discharge_pressure_psi": {"tag": "P_DIS", "unit": "barg"},
        "horsepower_consumption": {"tag": "POWER", "unit": "kW"},
        "gas_flow_mcf": {"tag": "FLOW", "unit": "MMSCFD"},
        "operating_hours": {"tag": "RUNHOURS", "unit": "h"},
    }
    assert described["quality"] == {"column": "Status", "good": ["Good"]}
    assert {"time.zone", "compressor_id.tag", "compressor_id.names"} <= set(_decisions(draft))
    found = read(path, **described)
    assert (found.rows.height, found.column("compressor_id")) == (2, ["K101", "K101"])


def test_european_export_is_drafted_and_the_draft_reads_it(settings: Settings, tmp_path: Path) -> None:
    path = text(tmp_path, EUROPE, "COMP-001;03.02.2026 07:00;3,1;96,5;4,1;70,2;1010,5;283;4500,0", encoding="cp1252")
    draft, described = _draft(settings, path, "COMP-001")
    assert described["compressor_id"] == {"column": "Verdichter"}
    assert described["sensors"]["discharge_temp_f"] == {"column": "Endtemperatur (°C)", "unit": "°C"}
    assert _decisions(draft)["time.format"] == "day or month first? the other order is %m.%d.%Y %H:%M"
    assert read(path, **described).column("discharge_temp_f") == [pytest.approx(205.7)]


def test_plain_file_needs_no_decision(settings: Settings, tmp_path: Path) -> None:
    draft, described = _draft(settings, text(tmp_path, HEADER, ROW), "C-1")
    assert _decisions(draft) == {}
    assert all(line.confidence == "high" for line in draft.lines)
    assert read(text(tmp_path, HEADER, ROW), **described).column("vibration_mms") == [3.0]


def test_sensor_without_a_column_and_an_unknown_word_are_left_to_a_person(settings: Settings, tmp_path: Path) -> None:
    header = HEADER.replace(",operating_hours", "")
    path = text(tmp_path, header, ROW.removesuffix(",100.0"), ROW.removesuffix(",100.0").replace(",3.0,", ",Ausfall,"))
    draft, described = _draft(settings, path, "C-1")
    assert (described["absent"], described["missing"]) == (["operating_hours"], ["Ausfall"])
    assert set(_decisions(draft)) == {"absent", "missing"}
    assert read(path, **described).column("vibration_mms") == [3.0, None]


def test_folder_in_which_nothing_opens_is_refused(settings: Settings, tmp_path: Path) -> None:
    path = text(tmp_path, "x", name="notes.txt")
    with pytest.raises(RefusedFile, match=r"notes.txt: unsupported_format"):
        draft_site(_exports(settings, path), [], settings.thresholds)


def test_no_file_outside_of_the_folder_is_drafted_from(settings: Settings, tmp_path: Path) -> None:
    secret = text(tmp_path, HEADER, ROW, name="secret.csv")
    link = tmp_path / "site" / "readings" / "a.csv"
    link.parent.mkdir(parents=True)
    link.symlink_to(secret)
    exports = Exports(tmp_path / "site", {"a.csv": link}, settings.etl.ingest.limits)
    with pytest.raises(RefusedFile, match=r"a.csv: outside_folder: a.csv is a link that leads out of"):
        draft_site(exports, [], settings.thresholds)


def test_a_draft_keeps_the_limits_of_an_ingest(settings: Settings, tmp_path: Path) -> None:
    path = text(tmp_path, HEADER, ROW)
    exports = Exports(tmp_path, {path.name: path}, settings.etl.ingest.limits.model_copy(update={"columns": 3}))
    with pytest.raises(RefusedFile, match=r"too_large: .*limits\.columns"):
        draft_site(exports, [], settings.thresholds)
