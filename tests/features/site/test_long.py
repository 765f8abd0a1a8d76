from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.features.site.files import read, refusal, text

HEAD = "tag,time,value,status"
SENSORS: dict[str, Any] = {
    "vibration_mms": {"tag": "VIB", "unit": "mm/s"},
    "discharge_temp_f": {"tag": "TD", "unit": "degC"},
    "suction_pressure_psi": {"tag": "PS", "unit": "bar"},
}
ABSENT = ["discharge_pressure_psi", "horsepower_consumption", "gas_flow_mcf", "operating_hours"]
SITE: dict[str, Any] = {
    "layout": "long",
    "sensors": SENSORS,
    "absent": ABSENT,
    "compressor_id": {"tag": r"^(?P<compressor_id>[^.]+)\.(?P<tag>.+)$", "names": {"K1": "C-1"}},
}


def test_tags_that_arrive_seconds_apart_are_one_reading_in_the_contract_s_units(tmp_path: Path) -> None:
    path = text(
        tmp_path,
        HEAD,
        "K1.VIB,2026-03-02T06:00:03Z,3.0,Good",
        "K1.TD,2026-03-02T06:00:09Z,100,Good",
        "K1.PS,2026-03-02T05:59:41Z,4,Good",
        "K1.VIB,2026-03-02T06:10:03Z,3.1,Good",
        "C-2.VIB,2026-03-02T06:00:00Z,2.0,Good",
    )
    found = read(path, **SITE)
    assert list(zip(found.column("compressor_id"), found.times, strict=True)) == [
        ("C-1", "03-02 06:00"),
        ("C-1", "03-02 06:10"),
        ("C-2", "03-02 06:00"),
    ]
    assert found.column("vibration_mms") == [3.0, 3.1, 2.0]
    assert found.column("discharge_temp_f") == [pytest.approx(212.0), None, None]
    assert found.column("suction_pressure_psi") == [pytest.approx(58.015, abs=0.001), None, None]
    assert "PS: bar is read as gauge pressure" in found.notes.assumed


def test_bad_quality_keeps_the_value_and_names_the_sensor(tmp_path: Path) -> None:
    path = text(
        tmp_path, HEAD, "K1.VIB,2026-03-02T06:00:00Z,3.0,Good", "K1.TD,2026-03-02T06:00:00Z,100,Bad", "K1.VIB,2026-03-02T06:10:00Z,3,good"
    )
    found = read(path, **SITE, quality={"column": "status", "good": ["Good"]})
    assert found.column("_flagged_bad") == ["discharge_temp_f", None]
    assert found.column("discharge_temp_f") == [pytest.approx(212.0), None]


def test_words_of_the_historian_cost_their_cell_and_are_counted_by_sensor(tmp_path: Path) -> None:
    path = text(
        tmp_path, HEAD, "K1.VIB,2026-03-02T06:00:00Z,No Data,x", "K1.TD,2026-03-02T06:00:00Z,100,x", "K1.VIB,2026-03-02T06:10:00Z,3,x"
    )
    found = read(path, **SITE)
    assert found.column("vibration_mms") == [None, 3.0]
    assert found.notes.null_words == {"vibration_mms": {"No Data": 1}}


def test_tag_that_nobody_knows_is_named_with_its_rows(tmp_path: Path) -> None:
    path = text(tmp_path, HEAD, "K1.VIB,2026-03-02T06:00:00Z,3.0,x", "K1.LUBE,2026-03-02T06:00:00Z,1,x", "K1.LUBE,2026-03-02T06:01:00Z,1,x")
    assert read(path, **SITE).notes.unused_columns == ["tag K1.LUBE (2 rows)"]
    only = text(tmp_path, HEAD, "K1.LUBE,2026-03-02T06:00:00Z,1,x", name="b.csv")
    assert refusal(only, **SITE).startswith("missing_column: none of the tags is known (K1.LUBE); set readings.sensors.<sensor>.tag")


def test_tag_that_names_the_compressor_by_itself_is_said_per_compressor(tmp_path: Path) -> None:
    site = {**SITE, "compressor_id": {}, "sensors": {}, "compressors": {"C-1": {"vibration_mms": {"tag": "VT101", "unit": "in/s"}}}}
    found = read(text(tmp_path, HEAD, "VT101,2026-03-02T06:00:00Z,0.1,x"), **site)
    assert (found.column("compressor_id"), found.column("vibration_mms")) == (["C-1"], [pytest.approx(2.54)])


def test_later_value_of_one_tag_in_one_reading_is_kept_and_the_others_counted(tmp_path: Path) -> None:
    path = text(tmp_path, HEAD, *(f"K1.VIB,2026-03-02T06:00:{second:02d}Z,{second},x" for second in (20, 10, 0)))
    found = read(path, **SITE)
    assert found.column("vibration_mms") == [20.0]
    assert "2 values came within 60 s of a later one of the same tag: the later one is kept (readings.align_seconds)" in found.notes.assumed


def test_batches_change_nothing(tmp_path: Path) -> None:
    rows = [f"K1.{tag},2026-03-02T06:{minute}:00Z,{minute},x" for tag in ("VIB", "TD") for minute in range(10, 20)]
    path = text(tmp_path, HEAD, *rows)
    assert read(path, rows_per_batch=3, **SITE).rows.equals(read(path, **SITE).rows)
    assert read(path, **SITE).rows.height == 10


def test_long_table_without_its_columns_is_refused_with_the_key(tmp_path: Path) -> None:
    assert refusal(text(tmp_path, "what,when", "a,b"), **SITE).startswith(
        "missing_column: tag (readings.tag_column in site.yaml); the file has "
    )


def test_long_table_without_a_description_says_which_key_to_write(tmp_path: Path) -> None:
    path = text(tmp_path, HEAD, "K1.VIB,2026-03-02T06:00:00Z,3.0,Good")
    assert refusal(path).endswith("set readings.layout: long in site.yaml")
