"""What a person sees of a job's result, on stdout."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table


def show_books(result: dict[str, Any]) -> None:
    """Rows in, rows out, and everything refused with its reason."""
    console = Console(highlight=False)
    table = Table("what", "rows", title="Readings", title_justify="left")
    for name in ("bronze_rows", "silver_rows", "gold_rows", "pending_rows"):
        table.add_row(name.removesuffix("_rows"), f"{result[name]:,}")
    for reason, rows in result["rejected_rows"].items():
        table.add_row(f"rejected row: {reason}", f"{rows:,}")
    for reason, rows in result["nulled_values"].items():
        table.add_row(f"nulled value: {reason}", f"{rows:,}")
    console.print(table)
    for name, reason in result["rejected_files"].items():
        console.print(f"refused file {name}: {reason}", soft_wrap=True)
    console.print(f"done in {result['seconds']} s")


def show_facts(result: dict[str, Any]) -> None:
    """Key and value, nested ones indented."""
    console = Console(highlight=False)

    def walk(facts: dict[str, Any], indent: int) -> None:
        for key, value in facts.items():
            if isinstance(value, dict):
                console.print(f"{' ' * indent}{key}:", soft_wrap=True)
                walk(value, indent + 2)
            else:
                console.print(f"{' ' * indent}{key}: {value}", soft_wrap=True)

    walk(result, 0)
