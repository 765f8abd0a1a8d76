"""Shows how a site's files were read."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from pipelines.runtime.console import open_console

_MOST_FILES: Final = 5  # that one line names


def show_notes(console: Console, result: dict[str, Any]) -> None:
    """One line for each assumption, count or omission, with its files."""
    lines: dict[str, list[str]] = {}
    for name, sentences in result.get("assumed", {}).items():
        for sentence in sentences:
            lines.setdefault(f"assumed: {sentence}", []).append(name)
    for name, columns in result.get("null_words", {}).items():
        for column, words in columns.items():
            counted = ", ".join(f"{word!r} {cells:,}" for word, cells in Counter(words).most_common())
            lines.setdefault(f"no value in {column}: {counted}", []).append(name)
    for name, columns in result.get("unused_columns", {}).items():
        lines.setdefault(f"unused column: {', '.join(map(repr, columns))}", []).append(name)
    for name, sentences in result.get("left_out_lines", {}).items():
        for sentence in sentences:
            lines.setdefault(f"left out: {sentence}", []).append(name)
    for sentence, files in lines.items():
        more = f" and {len(files) - _MOST_FILES} more" if len(files) > _MOST_FILES else ""
        console.print(f"{sentence} ({', '.join(files[:_MOST_FILES])}{more})", soft_wrap=True)


def show_check(result: dict[str, Any]) -> None:
    """Each column with its source, its range, the normal range, and what would be refused."""
    console = open_console()
    table = Table(title=f"{result['rows']:,} rows of {result['files']:,} files; nothing was written", title_justify="left")
    for name in ("field", "from", "unit", "low", "high", "normal", "values", "no value", "impossible"):
        table.add_column(name, overflow="fold", justify="left" if name in ("field", "from", "unit", "normal") else "right")
    for field, places in result["identity"].items():
        table.add_row(field, ", ".join(places) or "-", *["-"] * 7)
    for field, of in result["columns"].items():
        normal = "-" if of["normal"] is None else f"{of['normal'][0]:g} to {of['normal'][1]:g}"
        ends = ("-" if of[end] is None else f"{of[end]:,.6g}" for end in ("low", "high"))
        counts = (f"{of[count]:,}" for count in ("values", "missing", "impossible"))
        table.add_row(field, ", ".join(of["mapped"]) or "-", of["unit"], *ends, normal, *counts)
    console.print(table)
    for reason, rows in result["rows_refused"].items():
        console.print(f"rows that would be refused: {reason} {rows:,}")
    for name, reason in result["refused_files"].items():
        console.print(f"file that would be refused: {name}: {reason}", soft_wrap=True)
    show_notes(console, result)
    console.print(f"checked in {result['seconds']} s")


def show_draft(result: dict[str, Any]) -> None:
    """The draft, the lines to decide, and the columns that it does not read."""
    console = open_console()
    table = Table(title=f"{result['site_file']}, drafted from {result['drafted_from']}", title_justify="left")
    for name in ("key", "value", "sure", "decide"):
        table.add_column(name, overflow="fold")
    for line in result["lines"]:
        table.add_row(*(line[part] or "-" for part in ("key", "value", "confidence", "decide")))
    console.print(table)
    for name in result["other_columns"]:
        console.print(f"has other columns: {name}", soft_wrap=True)
    for name, reason in result["refused_files"].items():
        console.print(f"refused under this draft: {name}: {reason}", soft_wrap=True)
    console.print(f"{result['to_decide']} lines to decide; then try: altaviz ingest FOLDER --check")
