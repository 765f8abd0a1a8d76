"""Shows the result of a job as keys and values."""

from __future__ import annotations

from typing import Any

from pipelines.runtime.console import open_console as _console


def show_facts(result: dict[str, Any]) -> None:
    """Key and value, nested ones indented."""
    console = _console()

    def walk(facts: dict[str, Any], indent: int) -> None:
        for key, value in facts.items():
            if isinstance(value, dict):
                console.print(f"{' ' * indent}{key}:", soft_wrap=True)
                walk(value, indent + 2)
            else:
                console.print(f"{' ' * indent}{key}: {value}", soft_wrap=True)

    walk(result, 0)
