"""Runs docs/how-to/own-readings.md: its files are read with its descriptions, and it names every key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.loader import Section
from config.site.readings import ReadingsSection
from tests.conftest import PROJECT
from tests.features.site.files import read, text

PAGE = (PROJECT / "docs" / "how-to" / "own-readings.md").read_text()


def _example(kind: str, number: int) -> str:
    return re.findall(rf"```{kind}\n(.*?)\n```", PAGE, re.DOTALL)[number]


def _description(number: int) -> dict[str, Any]:
    described: dict[str, Any] = yaml.safe_load(_example("yaml", number))["readings"]
    return described


def test_long_example_is_one_reading(tmp_path: Path) -> None:
    found = read(text(tmp_path, *_example("csv", 0).splitlines()), **_description(0))
    assert (found.column("compressor_id"), found.times) == (["COMP-001"], ["03-02 12:00"])
    assert found.rows.row(0)[2:5] == pytest.approx((3.1, 205.7, 59.4655))
    assert found.column("_flagged_bad") == ["suction_pressure_psi"]
    assert found.notes.null_words == {"discharge_pressure_psi": {"No Data": 1}}


def test_european_example_is_converted(tmp_path: Path) -> None:
    found = read(text(tmp_path, *_example("csv", 1).splitlines()), **_description(1))
    assert (found.column("compressor_id"), found.times) == (["COMP-001"], ["03-02 06:00"])
    assert found.rows.row(0)[2:9] == pytest.approx((3.1, 205.7, 59.4655, 1018.1649, 1355.1028, 9994.0507, 4500.0))


def test_every_key_is_named() -> None:
    def keys(section: type[Section]) -> set[str]:
        found = set(section.model_fields)
        for field in section.model_fields.values():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
                found |= keys(field.annotation)
        return found

    words = set(re.findall(r"\w+", PAGE))
    assert keys(ReadingsSection) - words == set()
