"""Shows what an ingest did with reference files, and what was taken back."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console

_MOST_NAMED: Final = 10  # rows or events; the report in JSON has them all


def show_reference(console: Console, result: dict[str, Any]) -> None:
    """Refused reference files, rejected rows by line, and what was withdrawn or restored. Nothing of a report without them."""
    for name in result.get("withdrawn_files", []):
        console.print(f"{name} was withdrawn and stays out; undo with `altaviz withdraw {name} --undo`", soft_wrap=True)
    for name, reason in result.get("refused_reference_files", {}).items():
        console.print(f"refused reference file {name}: {reason}", soft_wrap=True)
    _list(console, [_row(row) for row in result.get("rejected_reference_rows", [])])
    for reason, rows in result.get("left_out_events", {}).items():
        console.print(f"work orders left out by site.yaml: {rows:,} ({reason})")
    for what in ("withdrawn", "restored"):
        events = result.get(f"{what}_events", [])
        _list(console, [f"{what} event: {_event(event)}" for event in events])
        ids = result.get({"withdrawn": "retired", "restored": "restored"}[what] + "_compressors", [])
        if ids:
            state = "retired: " if what == "withdrawn" else "back in service: "
            console.print(state + ", ".join(ids), soft_wrap=True)
    still = result.get("still_retired_compressors", [])
    if still:
        console.print(
            f"retired by hand, though the file lists them: {', '.join(still)}; undo with `altaviz retire ID --undo`", soft_wrap=True
        )
    for name, why in result.get("held_withdrawals", {}).items():
        console.print(f"{name}: nothing is taken back: {why}", soft_wrap=True)
    for name, assumed in result.get("assumed_of_reference_files", {}).items():
        console.print(f"{name}: {'; '.join(assumed)}", soft_wrap=True)


def _list(console: Console, lines: list[str]) -> None:
    for line in lines[:_MOST_NAMED]:
        console.print(line, soft_wrap=True)
    if len(lines) > _MOST_NAMED:
        console.print(f"and {len(lines) - _MOST_NAMED:,} more: --json has them all")


def _row(row: dict[str, Any]) -> str:
    place = f"{row['file']} line {row['line']}"
    word = f" {row['column']} {row['word']!r}" if row["word"] else f" {row['column']}" if row["column"] else ""
    return f"rejected row {place}: {row['reason']}{word}; {row['cure']}"


def _event(event: dict[str, Any]) -> str:
    return f"{event['compressor_id']} {event['event_type']} of {event['event_date']:%Y-%m-%d %H:%M} UTC"
