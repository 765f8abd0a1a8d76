"""Numbers and times as people and programs write them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from features.site.cell_values import decimal_sign, parse_date, parse_number, parse_time


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1,200.50", ".", 1200.5),
        ("1.200,50", ",", 1200.5),
        ("1 200,5", ",", 1200.5),
        ("$1,200", ".", 1200.0),
        ("-3.5e2", ".", -350.0),
        (".5", ".", 0.5),
        ("1,2", ".", None),
        ("1.2", ",", None),
        ("12,00.5", ".", None),
        ("nan", ".", None),
        ("1e999", ".", None),
        ("four", ".", None),
    ],
)
def test_a_number_is_read_with_its_decimal_sign_or_not_at_all(text: str, decimal: str, number: float | None) -> None:
    assert parse_number(text, decimal) == number  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("texts", "delimiter", "decimal", "is_assumed"),
    [
        (["1,200.50", "3"], ",", ".", False),
        (["1.200,50", "3"], ";", ",", False),
        (["1,5", "2,25"], ";", ",", False),
        (["1,200,000"], ";", ".", False),
        (["1,200"], ",", ".", True),
        (["1,200"], ";", ",", True),
        (["1,200", "0.5"], ";", ".", False),
        (["1,5", "1.5"], ";", ".", True),
        (["3", "4"], ";", ",", False),
    ],
)
def test_the_decimal_sign_is_found_in_the_numbers(texts: list[str], delimiter: str, decimal: str, *, is_assumed: bool) -> None:
    assert decimal_sign(texts, delimiter) == (decimal, is_assumed)


@pytest.mark.parametrize(
    ("text", "formats", "zone", "moment"),
    [
        ("2026-03-09", [], "UTC", datetime(2026, 3, 9, tzinfo=UTC)),
        ("2026-03-09 02:00", [], "UTC", datetime(2026, 3, 9, 2, tzinfo=UTC)),
        ("2026-03-09T02:00:00.5Z", [], "America/Chicago", datetime(2026, 3, 9, 2, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-03-09 02:00:00 -05:00", [], "UTC", datetime(2026, 3, 9, 7, tzinfo=UTC)),
        ("2026-07-09 02:00", [], "America/Chicago", datetime(2026, 7, 9, 7, tzinfo=UTC)),
        ("2026-01-09 02:00", [], "America/Chicago", datetime(2026, 1, 9, 8, tzinfo=UTC)),
        ("9/3/2026 14:05", ["%d/%m/%Y %H:%M"], "UTC", datetime(2026, 3, 9, 14, 5, tzinfo=UTC)),
        ("03/09/2026 2:05 PM", ["%m/%d/%Y %I:%M %p"], "UTC", datetime(2026, 3, 9, 14, 5, tzinfo=UTC)),
        ("26-03-09", [], "UTC", None),
        ("26-03-09", ["%Y-%m-%d"], "UTC", None),
        ("0026-03-09", ["%d.%m.%Y"], "UTC", datetime(26, 3, 9, tzinfo=UTC)),  # a date: whether it can be is judged by the caller
        ("03/09/2026", [], "UTC", None),
        ("2026-13-09", [], "UTC", None),
        ("20260309", [], "UTC", None),
        ("2026-W10-1", [], "UTC", None),
    ],
)
def test_a_time_has_a_year_of_four_digits(text: str, formats: list[str], zone: str, moment: datetime | None) -> None:
    assert parse_time(text, formats, zone) == moment


def test_a_date_may_carry_a_time_of_day() -> None:
    assert parse_date("2020-01-31 00:00:00", []) == date(2020, 1, 31)
    assert parse_date("31.1.2020", ["%d.%m.%Y"]) == date(2020, 1, 31)
    assert parse_date("20-01-31", []) is None
    assert parse_date("2020-02-31", []) is None
