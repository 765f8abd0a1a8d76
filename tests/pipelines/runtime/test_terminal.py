"""Names and ids from data on the terminal: no markup, no control characters, one line each."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer
from rich.table import Table

from config.errors import RequestError
from pipelines.commands.options import fail
from pipelines.runtime.console import open_console
from pipelines.runtime.templates import escape
from pipelines.views.data import show_books
from pipelines.views.site import show_draft
from serving.api.problems import problem_of

HOSTILE = "a[/b]\x1b]0;owned\x07\u202e\udce9\n:smile:.csv"
SHOWN = "a[/b]\\x1b]0;owned\\x07\\u202e\\udce9\\x0a:smile:.csv"
BOOKS: dict[str, Any] = {
    **dict.fromkeys(("bronze_rows", "silver_rows", "gold_rows", "pending_rows"), 0),
    **{name: {} for name in ("rejected_rows", "nulled_values", "rejected_files")},
    "seconds": 1.0,
}


def test_a_hostile_name_shows_as_what_it_is_in_lines_titles_and_cells(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("id", title=HOSTILE, title_justify="left")
    table.add_row(HOSTILE)
    open_console().print(table)
    open_console().print(HOSTILE)
    assert capsys.readouterr().out.count(SHOWN) == 3


@pytest.mark.parametrize(
    "result",
    [
        {"rejected_files": {HOSTILE: "unreadable: it"}},
        {"changing_files": [HOSTILE]},
        {"withdrawn_files": [HOSTILE]},
        {"rejected_rows": {HOSTILE: 1}},
        {"refused_reference_files": {"a.csv": HOSTILE}},
        {"assumed": {HOSTILE: ["sure"]}},
        {"retired_compressors": [HOSTILE]},
    ],
)
def test_the_books_show_names_of_files_and_compressors_plainly(result: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    show_books({**BOOKS, **result})
    out = capsys.readouterr().out
    assert SHOWN in out
    assert all(character.isprintable() or character == "\n" for character in out)


def test_a_draft_shows_what_the_files_say_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    line = {"key": "time.column", "value": "x[/b]", "confidence": "high", "decide": None}
    show_draft(
        {"site_file": "s", "drafted_from": HOSTILE, "lines": [line], "other_columns": [], "refused_files": {HOSTILE: "no"}, "to_decide": 0}
    )
    out = capsys.readouterr().out
    assert SHOWN in out
    assert "\x1b" not in out
    assert "x[/b]" in out


def test_an_error_is_one_plain_line_and_json_keeps_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        fail(f"{HOSTILE}\x7f is bad", as_json=True)
    printed = capsys.readouterr()
    one_line = SHOWN.replace("\\x0a", " ")
    assert printed.err == f"altaviz: {one_line}\\x7f is bad\n"
    assert printed.out.rstrip("\n").isprintable()
    assert json.loads(printed.out)["error"] == f"{HOSTILE.replace(chr(10), ' ')}\x7f is bad"


def test_problem_documents_and_model_cards_hold_no_control_characters() -> None:
    body = bytes(problem_of(RequestError((HOSTILE, f"no compressor {HOSTILE}"))).body).decode()
    assert body.isprintable()
    assert json.loads(body)["errors"] == [{"field": SHOWN, "detail": f"no compressor {SHOWN}"}]
    assert escape("a\x1b[31m*b*") == r"a\\x1b\[31m\*b\*"
