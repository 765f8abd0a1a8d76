"""Shows the ranked fleet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

from pipelines.runtime.console import open_console as _console

if TYPE_CHECKING:
    from rich.console import Console


def show_fleet(result: dict[str, Any], console: Console | None = None) -> None:
    """The ranked fleet: who needs attention, by when, and why. On the terminal, unless there is a `console`."""
    console = console or _console()
    moment = f"{result['as_of']:%Y-%m-%d %H:%M} UTC"
    table = Table(title=f"Fleet at {moment}, most urgent first (model version {result['model_version']})", title_justify="left")
    table.add_column("compressor")
    table.add_column("RUL, days", justify="right")
    table.add_column("90 % interval", justify="right")
    table.add_column("fails soon", justify="right")
    table.add_column("confidence", justify="right")
    table.add_column("act by")
    table.add_column("saves, USD", justify="right")
    table.add_column("why", overflow="fold")
    for row in result["predictions"]:
        why = "; ".join(row["reasons"])
        if row["status"] != "ok":
            usable = "" if row["last_usable"] is None else f", {describe_usable(row['last_usable'])}"
            table.add_row(row["compressor_id"], "-", "-", "-", "-", "-", "-", f"{row['status']}{usable}: {why}")
            continue
        table.add_row(
            row["compressor_id"],
            f"{row['rul_days']:.1f}",
            f"{row['rul_lower_days']:.1f} to {row['rul_upper_days']:.1f}",
            f"{row['failure_probability']:.0%}",
            f"{row['confidence_score']:.2f}",
            "-" if row["act_by"] is None else f"{row['act_by']:%b %d}",
            "-" if row["expected_saving_usd"] is None else f"{row['expected_saving_usd']:,.0f}",
            why,
        )
    console.print(table)
    faulty = [row["compressor_id"] for row in result["predictions"] if row["data_faults"]]
    if faulty:
        console.print(
            f"data faults: {len(faulty)} of {len(result['predictions'])} compressors ({', '.join(faulty)}): see why", soft_wrap=True
        )
    if result.get("retired"):
        console.print(f"retired, not scored: {', '.join(result['retired'])}", soft_wrap=True)
    horizons = {row["horizon_days"] for row in result["predictions"]}
    console.print(f"fails soon: probability of a failure within {', '.join(f'{days:g}' for days in sorted(horizons))} days")
    if result["predictions"] and all(row["status"] == "stale" for row in result["predictions"]):
        console.print("Every compressor is stale: ingest newer readings, or score an earlier time with --as-of.")


def describe_usable(usable: Mapping[str, Any]) -> str:
    """The last usable prediction of a compressor: "last usable 1.2 d, 3 d 4 h ago, 0.0 d left"."""
    days, hours = divmod(round(usable["age_hours"]), 24)
    age = f"{days} d {hours} h" if days else f"{hours} h"
    return f"last usable {usable['rul_days']:.1f} d, {age} ago, {usable['rul_days_now']:.1f} d left"
