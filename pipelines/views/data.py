"""Shows an ingest or a features run."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.table import Table

from pipelines.runtime.console import open_console as _console
from pipelines.views.reference_files import show_reference
from pipelines.views.site import show_notes

_MOST_NAMED: Final = 10  # compressors of one failed check


def show_books(result: dict[str, Any]) -> None:
    """Rows in and out, and everything refused with its reason."""
    console = _console()
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
    for name in result.get("changing_files", []):
        console.print(f"file {name} changes while it is read: the next run takes it", soft_wrap=True)
    show_reference(console, result)
    show_notes(console, result)
    if "alerts" in result:
        _show_quality(console, result["alerts"], result["quality"])
    console.print(f"done in {result['seconds']} s")


def _show_quality(console: Console, alerts: dict[str, Any], quality: dict[str, Any]) -> None:
    console.print(f"alerts: {alerts['open']:,} open of {alerts['raised']:,} raised; {alerts['suppressed']:,} left out of full windows")
    if alerts["data_raised"]:
        console.print(f"data alerts: {alerts['data_open']:,} open of {alerts['data_raised']:,} raised (a sensor has a fault)")
    console.print(f"quality: {quality['failed']:,} of {quality['checks']:,} checks failed; newest day {quality['newest_day']}:", end=" ")
    failed = []
    for row in quality["failed_on_newest_day"]:
        named = f": {_some(list(row['failing']))}" if row["failing"] else ""
        failed.append(f"{row['metric_name']} {row['metric_value']:.4g} (at {row['limit_is']} {row['limit']:g}){named}")
    console.print("; ".join(failed) or "none", soft_wrap=True)


def _some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
