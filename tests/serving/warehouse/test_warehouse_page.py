"""The reference of the warehouse lists every table, view, column, type and index of a migrated database."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

from serving.warehouse.connection import Warehouse
from tests.conftest import PROJECT

PAGE: Final = (PROJECT / "docs" / "reference" / "warehouse.md").read_text(encoding="utf-8")
_COLUMNS: Final = """
    SELECT relation.relname, relation.relkind IN ('r', 'p'), own.attname, format_type(own.atttypid, own.atttypmod), own.attnotnull
    FROM pg_class AS relation JOIN pg_attribute AS own ON own.attrelid = relation.oid
    WHERE relation.relnamespace = current_schema()::regnamespace AND relation.relkind IN ('r', 'p', 'v') AND NOT relation.relispartition
      AND own.attnum > 0 AND NOT own.attisdropped
"""
_INDEXES: Final = """
    SELECT relation.relname FROM pg_class AS relation JOIN pg_index AS own ON own.indexrelid = relation.oid
    WHERE relation.relnamespace = current_schema()::regnamespace AND NOT relation.relispartition AND NOT own.indisunique
"""


def _sections() -> dict[str, str]:
    return dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def _rows(section: str) -> dict[str, list[str]]:
    """By column: the cells after its name."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in cells}


def _short(kind: str) -> str:
    return kind.replace("character varying", "varchar").replace("timestamp with time zone", "timestamptz")


def test_every_table_and_view_is_a_section_with_its_columns_and_types(warehouse: Warehouse) -> None:
    tables: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
    views: defaultdict[str, dict[str, str]] = defaultdict(dict)
    with warehouse.connection() as connection:
        for relation, is_table, column, kind, needed in connection.execute(_COLUMNS).fetchall():
            if is_table:
                tables[relation][column] = [_short(kind), "no" if needed else "yes"]
            else:
                views[relation][column] = _short(kind)
    sections = _sections()
    assert set(sections) == {*tables, *views}
    assert {name: {column: cells[:2] for column, cells in _rows(sections[name]).items()} for name in tables} == tables
    documented = {}
    for name in views:
        shared = re.search(r"^All columns of `(\w+)`", sections[name], re.MULTILINE)
        inherited = {column: cells[0] for column, cells in _rows(sections[shared[1]]).items()} if shared else {}
        documented[name] = inherited | {column: cells[0] for column, cells in _rows(sections[name]).items()}
    assert documented == views


def test_every_index_beside_those_of_the_keys_is_named(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        indexes = {name for (name,) in connection.execute(_INDEXES).fetchall()}
    assert set(re.findall(r"`(idx_\w+)`", PAGE)) == indexes


def test_every_query_that_the_runbook_and_this_page_show_runs(warehouse: Warehouse) -> None:
    runbook = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
    queries = re.findall(r"```sql\n(.*?)```", runbook + PAGE, re.DOTALL)
    settings = re.findall(r"`((?:SET|RESET) [^`]+)`", PAGE)
    assert queries
    assert [setting.split()[0] for setting in settings] == ["SET", "RESET"]
    with warehouse.connection() as connection:  # one for all: what is set is reset
        for statement in [*queries, *settings]:
            connection.execute(statement)


def test_the_script_of_this_page_prints_the_repair_date_and_the_reasons_of_one_compressor(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with warehouse.connection() as connection:
        connection.execute("INSERT INTO compressor_metadata (compressor_id, model) VALUES ('COMP-007', 'Ariel JGK/4')")
        connection.execute("SELECT ensure_month_partitions('ml_predictions', ARRAY['2026-03-09T05:50:00Z']::timestamptz[])")
        connection.execute(
            """INSERT INTO ml_predictions (compressor_id, prediction_timestamp, model_version, status, rul_days, rul_lower_days,
                   rul_upper_days, failure_probability, confidence_score, health, horizon_days, reasons, features_used, act_by,
                   expected_saving_usd)
               VALUES ('COMP-007', '2026-03-09T05:50:00Z', '1', 'ok', 1, 0, 3, 0.8, 0.9, 'critical', 3, '["hot"]', '{}', '2026-03-12', 5)"""
        )
    monkeypatch.setenv("ALTAVIZ_HOME", str(Path(str(warehouse.parameters["host"])).parent))
    (script,) = re.findall(r'```python title="ask.py"\n(.*?)```', PAGE, re.DOTALL)
    exec(compile(script, "ask.py", "exec"), {})
    assert capsys.readouterr().out == "2026-03-12\n5.00\n['hot']\n"
