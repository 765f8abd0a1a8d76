"""Every key of every configuration file is in the configuration reference, with its value, unit and meaning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.loader import CONFIG_DIR
from config.site.description import SiteConfig
from pipelines.documentation.configuration import FILES, Key, configuration_reference, file_tables, site_tables
from pipelines.documentation.yaml_comments import entries, read_yaml

IN_A_LIMIT = {"value", "low", "high", "unit", "description", "source", "limit_is"}


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    else:
        yield path


def _keys(name: str) -> dict[str, Key]:
    return {key.name: key for table in file_tables(name) for key in table.keys}


def test_every_file_has_its_part() -> None:
    assert set(FILES) == {file.name for file in CONFIG_DIR.glob("*.yaml")}
    page = configuration_reference()
    assert [name for name in (*FILES, "site.yaml") if f"## `{name}`\n" not in page] == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_key_of_the_file_has_a_row(name: str) -> None:
    keys = _keys(name)

    def is_shown(leaf: tuple[str, ...]) -> bool:
        for length in range(len(leaf), 0, -1):
            row = keys.get(".".join(leaf[:length]))
            if row:  # what lies below the row stands inside its value, or is a part of a limit
                return all(part in row.value or part in IN_A_LIMIT for part in leaf[length:])
        return False

    leaves = list(_leaves(yaml.safe_load((CONFIG_DIR / name).read_text(encoding="utf-8"))))
    assert leaves
    assert [leaf for leaf in leaves if not is_shown(leaf)] == []


def test_a_row_has_type_value_unit_meaning_and_variable() -> None:
    assert _keys("etl_config.yaml")["outliers.robust_sigma"] == Key(
        "outliers.robust_sigma", "number, above 0", "4", meaning="1.4826 x MAD; a value further from its own recent level is a candidate"
    )
    host = _keys("database.yaml")["connection.host"]
    assert (host.type, host.value, host.variable) == ("text or empty", "", "DB_HOST")
    port = _keys("database.yaml")["connection.port"]
    assert (port.type, port.value, port.variable) == ("whole number, above 0, below 65536", "5432", "DB_PORT")
    warning = _keys("thresholds.yaml")["sensors.vibration_mms.warning"]
    assert (warning.type, warning.value, warning.unit) == ("limit", "6.0", "mm/s")
    assert warning.meaning.endswith("Source: set by the operator")
    physical = _keys("thresholds.yaml")["sensors.vibration_mms.physical"]
    assert (physical.type, physical.value) == ("range", "0 to 100")
    assert _keys("quality.yaml")["checks.completeness_readings"].value == "at least 0.95"


def test_a_key_that_the_file_leaves_out_has_a_row_too() -> None:
    assert _keys("thresholds.yaml")["sensors.gas_flow_mcf.critical"].type == "limit or empty"


def test_every_field_of_site_yaml_has_a_row_with_its_default() -> None:
    keys = {key.name: key for table in site_tables() for key in table.keys}
    fields = {
        field
        for section in SiteConfig.model_json_schema()["$defs"].values()
        for field, schema in section["properties"].items()
        if "$ref" not in str(schema) or "additionalProperties" in schema
    }
    assert len(fields) > 30
    last_parts = {part for name in keys for part in name.split(".")}
    assert fields - last_parts == set()
    assert keys["readings.layout"].type == "`wide` or `long`"
    assert keys["reference.events.downtime_unit"].value == "h"
    assert keys["readings.sensors.<sensor>.unit"].type == "text or empty"
    assert keys["reference.events.time_zone"].meaning == "of times that name none"


def test_comments_are_found_above_and_behind_a_key(tmp_path: Path) -> None:
    file = tmp_path / "made_up.yaml"
    file.write_text(
        "# What the file holds.\n"
        "first: 1 # of two\n"
        "# Above a section.\n"
        "section: # behind its name\n"
        '  text: "a # is no comment here" # but here\n'
        "  # Above a list.\n"
        "  items: [1, 2]\n"
    )
    text = read_yaml(file)
    assert text.header == "What the file holds."
    top = entries(text.root)
    assert text.comment(*top["first"]) == "of two"
    assert text.comment(*top["section"]) == "Above a section. behind its name"
    below = entries(top["section"][1])
    assert text.comment(*below["text"]) == "but here"
    assert text.written(below["text"][1]) == "a # is no comment here"
    assert text.comment(*below["items"]) == "Above a list."
    assert text.written(below["items"][1]) == "[1, 2]"
