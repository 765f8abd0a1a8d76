"""Shows the keys of the service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.table import Table

from pipelines.runtime.console import open_console


def show_made(result: dict[str, Any]) -> None:
    """The new key, which cannot be shown again, and what it replaces."""
    console = open_console()
    console.print(f"{result['key']}", soft_wrap=True)
    console.print(f"key {result['key_id']} of {result['name']}, role {result['role']}, {_end(result['expires_at'])}", soft_wrap=True)
    console.print("Keep it now: it is not stored and cannot be shown again. Send it as `Authorization: Bearer KEY`.", soft_wrap=True)
    old = result.get("replaces")
    if old is not None:
        console.print(f"It replaces {old['key_id']}, which {_end(old['expires_at'])}.", soft_wrap=True)


def show_keys(result: dict[str, Any]) -> None:
    """One line per key, the newest first."""
    console = open_console()
    if not result["keys"]:
        console.print("there are no keys: make one with `altaviz keys create --name NAME --role ROLE`")
        return
    table = Table("id", "name", "role", "state", "made", "expires", "last used", "replaced by")
    for key in result["keys"]:
        times = (_time(key[column]) for column in ("created_at", "expires_at", "last_used_at"))
        table.add_row(key["key_id"], key["name"], key["role"], key["state"], *times, key["replaced_by"] or "-")
    console.print(table)


def _end(moment: datetime | None) -> str:
    return "does not expire" if moment is None else f"expires {_time(moment)} UTC"


def _time(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
