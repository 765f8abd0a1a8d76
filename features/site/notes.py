"""Notes on one file of readings: its refusal, or what was assumed, left out and counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from config.errors import InputError

MOST_WORDS: Final = 20  # of one column that are counted by themselves
OTHER_WORDS: Final = "(other words)"
_LONGEST_WORD: Final = 100  # characters of a word that are reported
_LONGEST_REASON: Final = 2000  # characters; names of columns may be many

Locate = Callable[[int], str]  # row of a file, from 0 -> its place for people, such as `line 20`


class RefusedFile(InputError):  # noqa: N818 - a verdict on a file, caught by the caller
    """A file that cannot be loaded; `reason` starts with a code.

    Codes: unsupported_format, unreadable, missing_column, wrong_type, bad_column_name, too_large, no_file,
    outside_folder, killed_runs.
    """

    def __init__(self, reason: str) -> None:
        reason = reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]} ..."
        super().__init__(reason)
        self.reason = reason


class ChangingFile(InputError):  # noqa: N818 - no fault of the file
    """A file that somebody is writing. The next run takes it."""


@dataclass
class FileNotes:
    """What the reader assumed, counted and left out in one file. None of it refuses the file."""

    mapped: dict[str, list[str]] = field(default_factory=dict)  # field of the contract -> columns or tags, each with its unit
    assumed: list[str] = field(default_factory=list)
    null_words: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # column -> word -> cells
    unused_columns: list[str] = field(default_factory=list)
    left_out_lines: list[str] = field(default_factory=list)

    def map_to(self, name: str, place: str, unit: str | None = None) -> None:
        """Note which column or tag a field comes from, and in which unit."""
        places = self.mapped.setdefault(name, [])
        entry = f"{place} ({unit})" if unit else place
        if entry not in places:
            places.append(entry)

    def assume(self, sentence: str) -> None:
        """Note an assumption, once."""
        if sentence not in self.assumed:
            self.assumed.append(sentence)

    def leave_out(self, sentence: str) -> None:
        """Note lines that did not become rows, once."""
        if sentence not in self.left_out_lines:
            self.left_out_lines.append(sentence)

    def count_word(self, column: str, word: str, cells: int = 1) -> None:
        """Count cells with a word instead of a value."""
        words, word = self.null_words[column], word[:_LONGEST_WORD]
        words[word if word in words or len(words) < MOST_WORDS else OTHER_WORDS] += cells
