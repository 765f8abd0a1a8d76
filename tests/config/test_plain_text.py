from __future__ import annotations

import json

import pytest

from config.plain_text import encodable, from_spreadsheet, is_plain, plain_json, plain_text, spreadsheet_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("C-1 °F 1\u202f200 [bold]", "C-1 °F 1\u202f200 [bold]"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\rc\x00\x7f", "a\\x0ab\\x0dc\\x00\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202egpj.csv\u2066", "a\\u202egpj.csv\\u2066"),
        ("caf\udce9", "caf\\udce9"),
    ],
)
def test_what_steers_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert plain_text(text) == shown
    assert is_plain(text) == (text == shown)


def test_only_halves_of_characters_keep_text_out_of_a_table() -> None:
    assert encodable("caf\udce9\x1b") == "caf\\udce9\x1b"
    assert json.loads(plain_json(json.dumps({"id": "a\x7f"}))) == {"id": "a\x7f"}
    assert "\x7f" not in plain_json(json.dumps({"id": "a\x7f"}))


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_of_text_never_starts_a_formula(text: str) -> None:
    assert spreadsheet_text(text) == f"'{text}"
    assert from_spreadsheet(f"'{text}") == text


@pytest.mark.parametrize("text", ["-3.2", "+1e5", "C-1", "'quoted", "", "'=", "a=b"])
def test_numbers_and_other_text_stay_as_they_are(text: str) -> None:
    assert spreadsheet_text(text) == text
    assert text == "'=" or from_spreadsheet(text) == text
