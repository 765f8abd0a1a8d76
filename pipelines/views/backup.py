"""Shows a backup and a restore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from pipelines.runtime.console import open_console


def show_backup(result: Mapping[str, Any]) -> None:
    """What was saved, and what was not."""
    table = Table("backup", str(result["file"]))
    table.add_row("of the home", str(result["home"]))
    _add_facts(table, result, size="size of the file, MB")
    table.add_row("lake locked, s", f"{result['lock_held_s']:.2f}")
    table.add_row("left out", ", ".join(result["left_out"]))
    open_console().print(table)


def show_restore(result: Mapping[str, Any]) -> None:
    """What was restored, and where."""
    table = Table("restored", str(result["home"]))
    table.add_row("from the backup", str(result["file"]))
    table.add_row("of the home", str(result["from_home"]))
    _add_facts(table, result, size="size of the contents, MB")
    table.add_row("champion", str(result["champion"]))
    table.add_row("database", str(result["database"]))
    open_console().print(table)


def _add_facts(table: Table, result: Mapping[str, Any], *, size: str) -> None:
    table.add_row("made at", str(result["made_at"]))
    table.add_row("schema", str(result["schema"]))
    table.add_row("files", f"{result['files']:,}")
    table.add_row(size, f"{result['bytes'] / 1e6:,.1f}")
    table.add_row("rows of the database", f"{sum(result['rows'].values()):,}")
    for part, place in result["not_covered"].items():
        table.add_row("not in the backup", f"{part}: {place}")
