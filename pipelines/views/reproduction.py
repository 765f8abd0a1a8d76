"""Shows a reproduction: a line per row, and the numbers of a single or differing row."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from pipelines.runtime.console import open_console


def show_reproduction(result: dict[str, Any]) -> None:
    """Every row with its verdict, then numbers."""
    console, rows = open_console(), result["rows"]
    table = Table(
        "compressor", "as of (UTC)", "model", "scored by", "gold version", "verdict", title="ml_predictions", title_justify="left"
    )
    for row in rows:
        verdict = "equal" if row["equal"] else f"DIFFERS: {', '.join(row['differs'])}"
        moment = f"{row['prediction_timestamp']:%Y-%m-%d %H:%M:%S}"
        table.add_row(row["compressor_id"], moment, row["model_version"], row["scored_by"], str(row["gold_version"]), verdict)
    console.print(table)
    for row in rows:
        if len(rows) == 1 or not row["equal"]:
            console.print(_numbers(row))
            for reason in row["because"]:
                console.print(f"  {reason}", soft_wrap=True)
    console.print(
        f"{sum(row['equal'] for row in rows)} of {len(rows)} equal, to the digits that the table stores; window values exactly; {result['seconds']} s"
    )


def _numbers(row: dict[str, Any]) -> Table:
    title = (
        f"{row['compressor_id']}, window ({row['window_start']}, {row['window_end']}] of {row['gold_uri']} version {row['gold_version']}"
    )
    table = Table("field", "stored", "recomputed", "difference", title=title, title_justify="left")
    for name, pair in row["numbers"].items():
        table.add_row(name, *("-" if pair[side] is None else f"{pair[side]:g}" for side in ("stored", "recomputed", "difference")))
    for name, pair in row["texts"].items():
        stored, recomputed = (_plain(pair[side]) for side in ("stored", "recomputed"))
        table.add_row(name, stored, "the same" if pair["stored"] == pair["recomputed"] else recomputed, "")
    same = [name for name, pair in row["values"].items() if pair["stored"] == pair["recomputed"]]
    for name, pair in row["values"].items():
        if name not in same:
            table.add_row(name, *("-" if pair[side] is None else f"{pair[side]:.9g}" for side in ("stored", "recomputed", "difference")))
    table.add_row("last step of the window", f"{len(same)} of {len(row['values'])} values equal", "", "")
    return table


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(value)
    return "-" if value is None else str(value)
