"""What a person sees of how a site's files were read."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from rich.console import Console

_MOST_FILES: Final = 5  # that one line names


def show_notes(console: Console, result: dict[str, Any]) -> None:
    """One line for each thing that was assumed, counted or left out, with the files that it holds for."""
    told: dict[str, list[str]] = {}
    for name, sentences in result.get("assumed", {}).items():
        for sentence in sentences:
            told.setdefault(f"assumed: {sentence}", []).append(name)
    for name, columns in result.get("null_words", {}).items():
        for column, words in columns.items():
            counted = ", ".join(f"{word!r} {cells:,}" for word, cells in Counter(words).most_common())
            told.setdefault(f"no value in {column}: {counted}", []).append(name)
    for name, columns in result.get("unused_columns", {}).items():
        told.setdefault(f"column that nobody reads: {', '.join(map(repr, columns))}", []).append(name)
    for name, sentences in result.get("left_out_lines", {}).items():
        for sentence in sentences:
            told.setdefault(f"left out: {sentence}", []).append(name)
    for sentence, files in told.items():
        more = f" and {len(files) - _MOST_FILES} more" if len(files) > _MOST_FILES else ""
        console.print(f"{sentence} ({', '.join(files[:_MOST_FILES])}{more})", soft_wrap=True, markup=False, highlight=False)
