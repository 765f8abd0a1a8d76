from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.errors import ConfigError
from config.site.description import load_site
from config.site.readings import ReadingsSection
from tests.features.site.files import read, refusal, text

HEAD = "Unit;Zeit;Schwingung;Temp;Saug;Druck;Leistung;Menge;Stunden;Q"
LINE = "K-101;02.03.2026 13:00;3,5;100;4;70;1000;280;100;G"
SITE: dict[str, Any] = {
    "compressor_id": {"column": "Unit", "names": {"K-101": "C-1", "K-102": "C-2"}},
    "time": {"column": "Zeit", "format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"},
    "sensors": {
        "vibration_mms": {"column": "Schwingung", "unit": "mm/s"},
        "discharge_temp_f": {"column": "Temp", "unit": "degC"},
        "suction_pressure_psi": {"column": "Saug", "unit": "barg"},
        "discharge_pressure_psi": {"column": "Druck", "unit": "barg"},
        "horsepower_consumption": {"column": "Leistung", "unit": "kW"},
        "gas_flow_mcf": {"column": "Menge", "unit": "e3m3/d"},
        "operating_hours": {"column": "Stunden", "unit": "h"},
    },
}


def test_wide_file_is_read_as_described(tmp_path: Path) -> None:
    found = read(text(tmp_path, HEAD, LINE), **SITE)
    assert (found.column("compressor_id"), found.times) == (["C-1"], ["03-02 12:00"])
    assert found.rows.row(0)[2:9] == pytest.approx((3.5, 212.0, 58.0151, 1015.2642, 1341.0221, 9888.1067, 100.0))
    assert found.notes.unused_columns == ["Q"]


def test_station_and_compressor_differ_where_they_are_said_to(tmp_path: Path) -> None:
    site = {
        **SITE,
        "stations": {"S-A": {"discharge_temp_f": {"unit": "degF"}}},
        "compressors": {"C-2": {"vibration_mms": {"unit": "in/s"}}},
    }
    path = text(tmp_path, HEAD, LINE, LINE.replace("K-101", "K-102"), LINE.replace("K-101", "K-103"))
    found = read(path, station_of={"C-1": "S-A", "C-2": "S-A", "K-103": "S-B"}, **site)
    assert found.column("discharge_temp_f") == [100.0, 100.0, pytest.approx(212.0)]
    assert found.column("vibration_mms") == [3.5, pytest.approx(88.9), 3.5]


def test_other_column_for_one_compressor_is_taken(tmp_path: Path) -> None:
    site = {**SITE, "compressors": {"C-2": {"vibration_mms": {"column": "Q"}}}}
    found = read(text(tmp_path, HEAD, LINE, LINE.replace("K-101", "K-102").replace(";G", ";7,5")), **site)
    assert found.column("vibration_mms") == [3.5, 7.5]


def test_quality_of_the_row_or_of_a_sensor_flags_and_keeps_the_value(tmp_path: Path) -> None:
    path = text(tmp_path, HEAD, LINE, LINE.replace(";G", ";192"), LINE.replace(";G", ";B"))
    row = read(path, **SITE, quality={"column": "Q", "good": ["G", 192]})
    assert row.column("_flagged_bad")[:2] == [None, None]
    assert row.column("_flagged_bad")[2].split(",")[:2] == ["vibration_mms", "discharge_temp_f"]
    assert row.column("vibration_mms") == [3.5] * 3
    sensor = read(path, **SITE, quality={"columns": {"vibration_mms": "Q"}, "good": ["g", 192.0]})
    assert sensor.column("_flagged_bad") == [None, None, "vibration_mms"]
    assert "_flagged_bad" not in read(path, **SITE).rows.columns


def test_id_may_be_a_constant_or_part_of_the_path(tmp_path: Path) -> None:
    path = text(tmp_path, HEAD, LINE)
    assert read(path, **{**SITE, "compressor_id": {"value": "C-9"}}).column("compressor_id") == ["C-9"]
    by_path = {**SITE, "compressor_id": {"path": r"unit_(?P<compressor_id>\w+)/", "names": {"7": "C-7"}}}
    assert read(path, name="unit_7/a.csv", **by_path).column("compressor_id") == ["C-7"]
    assert "does not fit readings.compressor_id.path" in refusal(path, name="a.csv", **by_path)
    hive = {**SITE, "compressor_id": {"column": "unit_id"}}
    assert read(path, name="unit_id=C%207/a.csv", **hive).column("compressor_id") == ["C 7"]


def test_sensor_that_a_site_does_not_measure_is_null(tmp_path: Path) -> None:
    site = {**SITE, "sensors": {name: source for name, source in SITE["sensors"].items() if name != "operating_hours"}}
    path = text(tmp_path, HEAD, LINE)
    assert refusal(path, **site).startswith("missing_column: operating_hours; ")
    assert read(path, **site, absent=["operating_hours"]).column("operating_hours") == [None]


def test_column_of_the_description_that_is_not_in_the_file_is_named(tmp_path: Path) -> None:
    site = {**SITE, "sensors": {**SITE["sensors"], "gas_flow_mcf": {"column": "Durchfluss"}}}
    assert refusal(text(tmp_path, HEAD, LINE), **site).startswith("missing_column: Durchfluss (gas_flow_mcf); ")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sensors": {"vibration": {}}}, "vibration: no such sensor"),
        ({"sensors": {"vibration_mms": {"unit": "psi"}}}, "'psi' is no unit of vibration_mms"),
        ({"sensors": {"vibration_mms": {"tag": "V"}}}, "a wide layout has columns"),
        ({"time": {"zone": "Texas"}}, "is no IANA time zone"),
        ({"time": {"zone": "America"}}, "is no IANA time zone"),  # a folder of zones
        ({"time": {"format": "dd.mm.yyyy"}}, "is neither a pattern"),
        ({"compressor_id": {"path": "x"}}, "has no group"),
        ({"compressor_id": {"value": "a", "column": "b"}}, "but the id has one place"),
        ({"quality": {"good": ["G"]}}, "give either column"),
        ({"format": {"encoding": "klingon"}}, "is no encoding"),
        ({"format": {"thousands": "."}}, "are both '.'"),
        ({"tag_column": "tag"}, "belong to layout: long"),
        ({"absent": ["vibration_mms"], "sensors": {"vibration_mms": {}}}, "also listed under sensors"),
        ({"delimiter": ";"}, "Extra inputs are not permitted"),
    ],
)
def test_description_that_cannot_be_meant_is_refused_with_its_key(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=r".") as caught:
        ReadingsSection.model_validate(wrong)
    assert said in str(caught.value)


def test_description_is_found_in_the_folder_and_an_error_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("readings: {time: {zone: Europe/Oslo}}\n")
    assert load_site(tmp_path).readings.time.zone == "Europe/Oslo"
    (tmp_path / "other.yaml").write_text("readings: {zone: Europe/Oslo}\n")
    with pytest.raises(ConfigError, match=r"other.yaml: readings.zone: Extra inputs"):
        load_site(tmp_path, tmp_path / "other.yaml")
