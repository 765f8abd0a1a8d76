from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from features.contract import READING_FIELDS
from tests.features.site.files import HEADER, ROW, read, refusal, text

EUROPEAN = "C-1;2026-03-02T00:00:00Z;3,25;200,5;60,0;1.000,5;1400,0;10.000,0;100,0"
VALUES = [3.25, 200.5, 60.0, 1000.5, 1400.0, 10000.0, 100.0]


def _sensors(path: Path, **site: object) -> list[float]:
    return list(read(path, **site).rows.row(0)[2:9])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_semicolons_decimal_commas_and_any_encoding_are_found(tmp_path: Path, encoding: str, newline: str) -> None:
    header = HEADER.replace(",", ";") + ";Öltemp"
    assert _sensors(text(tmp_path, header, f"{EUROPEAN};50,0", encoding=encoding, newline=newline)) == VALUES


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found_and_named(tmp_path: Path, delimiter: str) -> None:
    found = read(text(tmp_path, HEADER.replace(",", delimiter), ROW.replace(",", delimiter)))
    assert found.column("vibration_mms") == [3.0]
    assert [note for note in found.notes.assumed if "separated" in note] == (
        [] if delimiter == "," else [f"cells are separated by {({';': 'semicolon', '|': 'bar'}).get(delimiter, 'tab')}"]
    )


def test_packed_files_are_unpacked_and_members_named(tmp_path: Path) -> None:
    content = f"{HEADER}\n{ROW}\n".encode()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content))
    assert read(tmp_path / "a.csv.gz").notes.assumed == ["unpacked: gzip"]
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("one.csv", content)
        archive.writestr("two.csv", f"{HEADER},Ambient\n{ROW},70\n")
        archive.writestr("__MACOSX/._one.csv", b"x")
    found = read(tmp_path / "b.zip")
    assert found.column("ambient") == [None, "70"]
    assert found.notes.assumed == ["unpacked: zip with one.csv, two.csv"]
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("bad.csv", b"a,b\n1,2\n")
    assert refusal(tmp_path / "c.zip").endswith("(in bad.csv)")


def test_packed_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress("\n".join([HEADER, *[ROW] * 500, ""]).encode())
    (tmp_path / "a.csv.gz").write_bytes(packed[:-20])
    assert refusal(tmp_path / "a.csv.gz").startswith("unreadable: ")
    (tmp_path / "b.csv.gz").write_text("plain")
    assert refusal(tmp_path / "b.csv.gz").startswith("unreadable: b.csv.gz ends with .gz but is not packed")


def test_title_above_the_header_and_repeated_headers_are_left_out_and_named(tmp_path: Path) -> None:
    found = read(text(tmp_path, "Compressor report", "", HEADER, ROW, HEADER, ROW))
    assert found.rows.height == 2
    assert found.notes.left_out_lines == ["lines 1 to 2, above the header", "1 repeated header lines, first line 5"]


def test_units_under_the_header_convert(tmp_path: Path) -> None:
    found = read(text(tmp_path, HEADER, ",,in/s,degC,barg,kPa,kW,MMSCFD,min", "C-1,2026-03-02T00:00:00Z,0.1,100,4,7000,1000,10,6000"))
    assert found.rows.row(0)[2:9] == pytest.approx((2.54, 212.0, 58.0151, 1015.2642, 1341.0221, 10000.0, 100.0))
    assert "line 2 is a row of units" in found.notes.assumed
    assert "discharge_temp_f is in degC: converted to F" in found.notes.assumed


def test_columns_match_without_regard_to_case_blanks_and_a_unit_in_brackets(tmp_path: Path) -> None:
    header = (
        "Compressor ID,TIMESTAMP,Vibration (in/s),Discharge Temp (degC),Suction Pressure [psig],discharge pressure psi,"
        "Horsepower Consumption,Gas Flow (MCFD),Operating_Hours"
    )
    found = read(text(tmp_path, header, "C-1,2026-03-02T00:00:00Z,0.1,100,60,1000,1400,10000,100"))
    assert found.rows.row(0)[2:9] == pytest.approx((2.54, 212.0, 60.0, 1000.0, 1400.0, 10000.0, 100.0))


def test_name_without_a_unit_is_not_guessed(tmp_path: Path) -> None:
    reason = refusal(text(tmp_path, HEADER.replace("discharge_temp_f", "Discharge Temp"), ROW))
    assert reason.startswith("missing_column: discharge_temp_f ('Discharge Temp' without a unit: write it in brackets or in site.yaml); ")


def test_absolute_pressure_is_converted_and_said(tmp_path: Path) -> None:
    found = read(text(tmp_path, HEADER.replace("suction_pressure_psi", "Suction Pressure (psia)"), ROW))
    assert found.column("suction_pressure_psi") == [pytest.approx(45.304)]
    assert any("psia is absolute: 14.696 psi of air are subtracted" in note for note in found.notes.assumed)


def test_unit_that_is_none_of_the_sensor_is_refused(tmp_path: Path) -> None:
    reason = refusal(text(tmp_path, HEADER.replace("vibration_mms", "Vibration (g)"), ROW))
    assert reason.startswith(
        "wrong_type: Vibration (g): 'g' is no unit of vibration_mms (measured in mm/s); set readings.sensors.vibration_mms.unit"
    )


@pytest.mark.parametrize(("cell", "value"), [('"10,000.5"', 10000.5), ('"1,234,567"', 1234567.0), ("1e4", 10000.0), ("+10000", 10000.0)])
def test_thousands_are_read_where_the_decimal_sign_is_plain(tmp_path: Path, cell: str, value: float) -> None:
    assert read(text(tmp_path, HEADER, ROW.replace("10000.0", cell), ROW)).column("gas_flow_mcf")[0] == value


def test_comma_that_could_be_either_sign_is_refused(tmp_path: Path) -> None:
    whole = "C-1;2026-03-02T00:00:00Z;3;200;60;1,000;1,400;10,000;100"
    assert refusal(text(tmp_path, HEADER.replace(",", ";"), whole)) == (
        "wrong_type: '1,000' has a comma: decimal sign or thousands? set readings.format.decimal in site.yaml"
    )
    told = {"format": {"decimal": ".", "thousands": ","}}
    assert _sensors(text(tmp_path, HEADER.replace(",", ";"), whole), **told)[3] == 1000.0


def test_decimal_comma_that_comes_late_is_refused_rather_than_nulled(tmp_path: Path) -> None:
    whole = "C-1;2026-03-02T00:00:00Z;3;200;60;1000;1400;10000;100"
    path = text(tmp_path, HEADER.replace(",", ";"), *[whole] * 1200, whole.replace(";3;", ";3,5;"))
    assert refusal(path).startswith("wrong_type: vibration_mms: '3,5' has a comma, but the first numbers of the file have neither")
    assert read(path, format={"decimal": ","}).column("vibration_mms")[-1] == 3.5


def test_file_with_a_nul_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"{HEADER}\n{ROW}\n".encode() + b'"\x00' + b"x" * 200_000 + b"\n")
    assert refusal(path).startswith("unreadable: ")


def test_cell_that_is_no_finite_number_is_null_and_counted(tmp_path: Path) -> None:
    words = ("inf", "-Infinity", "1e999", "I/O Timeout", "sticky", "3,5")
    lines = [ROW.replace(",3.0,", f',"{word}",') for word in words]
    found = read(text(tmp_path, HEADER, ROW, *lines))
    assert found.column("vibration_mms") == [3.0, *[None] * len(words)]
    assert found.notes.null_words == {"vibration_mms": dict.fromkeys(words, 1)}


def test_column_of_words_is_refused_only_when_a_word_is_unknown(tmp_path: Path) -> None:
    known = text(tmp_path, HEADER, ROW.replace(",3.0,", ",No Data,"), ROW.replace(",3.0,", ",BAD,"))
    assert read(known).column("vibration_mms") == [None, None]
    strange = text(tmp_path, HEADER, ROW.replace(",3.0,", ",No Data,"), ROW.replace(",3.0,", ",sticky,"))
    assert refusal(strange) == (
        "wrong_type: vibration_mms: 'sticky' (line 3) is no number, and the column has none; "
        "name the right column, or list the word under readings.missing in site.yaml"
    )
    assert read(strange, missing=["sticky"]).column("vibration_mms") == [None, None]


def test_number_that_means_no_value_is_null_and_counted(tmp_path: Path) -> None:
    found = read(text(tmp_path, HEADER, ROW, ROW.replace(",3.0,", ",-9999.0,")), missing=[-9999])
    assert found.column("vibration_mms") == [3.0, None]
    assert found.notes.null_words == {"vibration_mms": {"-9999": 1}}


def test_last_line_without_its_line_end_is_left_out_and_named(tmp_path: Path) -> None:
    for suffix in ("csv", "jsonl"):
        path = tmp_path / f"a.{suffix}"
        whole = [HEADER, ROW, ROW[:-4]] if suffix == "csv" else [_json(ROW), _json(ROW)[:-30]]
        path.write_text("\n".join(whole))
        found = read(path)
        assert found.rows.height == 1
        assert [note.partition(":")[0] for note in found.notes.left_out_lines] == ["last line, without a line end"]


def test_text_that_ends_within_a_character_loses_only_its_last_line(tmp_path: Path) -> None:
    path = text(tmp_path, HEADER, ROW, ROW, encoding="utf-16")
    path.write_bytes(path.read_bytes()[:-1])
    assert read(path).rows.height == 1


def test_text_in_no_known_encoding_is_refused_with_the_key(tmp_path: Path) -> None:
    path = text(tmp_path, f"{HEADER},n", f"{ROW},\x81", encoding="latin-1")
    assert refusal(path).endswith("; set readings.format.encoding in site.yaml")
    assert read(path, format={"encoding": "latin-1"}).rows.height == 1


def test_footer_is_refused_with_the_key_and_left_out_where_told(tmp_path: Path) -> None:
    for end in ("\n", ""):
        path = tmp_path / "a.csv"
        path.write_text(f"{HEADER}\n{ROW}\n(1 row){end}")
        if end:
            assert "line 3: '(1 row)'; correct the line, or set readings.format in site.yaml" in refusal(path)
        found = read(path, format={"footer_rows": 1})
        assert found.rows.height == 1
        assert found.notes.left_out_lines == ["footer: 1 lines, '(1 row)'"]


def test_line_of_a_refusal_counts_blank_lines_and_line_ends_in_quotes(tmp_path: Path) -> None:
    noted = f"{HEADER},note"
    path = text(tmp_path, noted, f'{ROW.replace(",3.0,", ",,")},"two\nlines"', "", f"{ROW.replace(',3.0,', ',sticky,')},x")
    assert "'sticky' (line 5)" in refusal(path)


def test_every_row_may_end_with_a_delimiter(tmp_path: Path) -> None:
    assert read(text(tmp_path, HEADER, f"{ROW},", f"{ROW},")).column("operating_hours") == [100.0, 100.0]


def _json(row: str) -> str:
    cells = dict(zip(READING_FIELDS, row.split(","), strict=True))
    return "{" + ", ".join(f'"{name}": {cell}' if at > 1 else f'"{name}": "{cell}"' for at, (name, cell) in enumerate(cells.items())) + "}"


def test_json_lines_are_read_with_their_words(tmp_path: Path) -> None:
    found = read(text(tmp_path, _json(ROW), _json(ROW).replace(": 3.0", ': "Bad"'), name="a.jsonl"))
    assert found.column("vibration_mms") == [3.0, None]
    assert found.notes.null_words == {"vibration_mms": {"Bad": 1}}
    assert refusal(text(tmp_path, _json(ROW), "oops", name="b.jsonl")).startswith("unreadable: line 2 is no JSON object")
