"""Turns the bytes of a text file into complete lines in UTF-8.

They are unpacked and decoded. The footer and a last line that was cut off are removed.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from config.sections.etl import ReadLimits
from features.site.guard.limits import KB, MeteredStream, too_large
from features.site.notes import FileNotes, RefusedFile

CHUNK: Final = 1 << 20  # bytes read at once
_MOST_MEMBERS: Final = 1000  # of an archive
_MOST_NAMED: Final = 20  # of them
_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
UNPACKING_ERRORS: Final = (zlib.error, EOFError, zipfile.BadZipFile, gzip.BadGzipFile, NotImplementedError, UnicodeError, csv.Error)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

Opener = Callable[[], MeteredStream]


@dataclass(frozen=True)
class Member:
    """A file, or one file inside an archive. `name` is empty outside archives."""

    name: str
    suffix: str  # in lower case, without that of the packing
    open: Opener
    path: Path | None = None  # where the file lies as it is, not packed


def unpack(path: Path, notes: FileNotes, limits: ReadLimits) -> list[Member]:
    """The file itself, unpacked if it is gzip, or the files of a zip archive. Raises RefusedFile, OSError."""

    def metered(opener: Callable[[], IO[bytes] | gzip.GzipFile]) -> Opener:
        return lambda: MeteredStream(opener(), limits)

    with path.open("rb") as stream:
        magic = stream.read(4)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if magic[:2] == _GZIP_MAGIC:
        inner = [suffix for suffix in suffixes if suffix not in (".gz", ".gzip")]
        notes.assume("unpacked: gzip")
        return [Member("", inner[-1] if inner else ".csv", metered(lambda: gzip.GzipFile(path)))]
    if magic == _ZIP_MAGIC and suffixes[-1:] == [".zip"]:
        return [
            Member(name, PurePosixPath(name).suffix.lower(), metered(partial(_open_member, path, name))) for name in _names(path, notes)
        ]
    if suffixes[-1:] in ([".gz"], [".gzip"], [".zip"]):
        raise RefusedFile(f"unreadable: {path.name} ends with {suffixes[-1]} but is not packed; rename it by its content")
    return [Member("", suffixes[-1] if suffixes else "", metered(lambda: path.open("rb")), path)]


def _names(path: Path, notes: FileNotes) -> list[str]:
    """The files of a zip archive that hold readings."""
    with zipfile.ZipFile(path) as archive:
        inside = [item for item in archive.infolist() if not item.is_dir()]
    kept = [item for item in inside if not any(part.startswith((".", "_")) for part in PurePosixPath(item.filename).parts)]
    if any(item.flag_bits & 1 for item in kept):
        raise RefusedFile(f"unreadable: {path.name} is a zip archive with a password; unpack it")
    if not kept:
        raise RefusedFile(f"unreadable: {path.name} is a zip archive without a file")
    if len(kept) > _MOST_MEMBERS:
        raise RefusedFile(f"too_large: {path.name} is a zip archive with {len(kept):,} files, the limit is {_MOST_MEMBERS:,}: split it")
    more = f" and {len(kept) - _MOST_NAMED:,} more" if len(kept) > _MOST_NAMED else ""
    notes.assume(f"unpacked: zip with {', '.join(item.filename for item in kept[:_MOST_NAMED])}{more}")
    return [item.filename for item in kept]


def _open_member(path: Path, name: str) -> IO[bytes]:
    return zipfile.ZipFile(path).open(name)


def find_encoding(member: Member, configured: str | None, notes: FileNotes) -> str:
    """The encoding in site.yaml, or one shown by a mark or NUL bytes, else UTF-8.

    If UTF-8 does not fit, cp1252 is assumed.
    """
    with member.open() as stream:
        head = stream.read(CHUNK)
        if configured is not None:
            return "utf-8-sig" if configured.lower() in ("utf-8", "utf8") else configured
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                if encoding != "utf-8-sig":
                    notes.assume(f"text in {encoding.upper()}")
                return encoding
        zeros = [head[at:400:2].count(0) for at in (0, 1)]
        if max(zeros) > 2 * min(zeros) + 10:
            encoding = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
            notes.assume(f"text in {encoding.upper()}")
            return encoding
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while head:
                decoder.decode(head)
                head = stream.read(CHUNK)
            return "utf-8"
        except UnicodeDecodeError:
            notes.assume("text in cp1252: it is not UTF-8 (readings.format.encoding)")
            return "cp1252"


def whole_lines(member: Member, encoding: str, footer_rows: int, notes: FileNotes, limits: ReadLimits) -> Iterator[bytes]:
    """Pieces of whole lines in UTF-8.

    The footer and an unfinished last line are held back and noted. Raises RefusedFile for a line that is too
    long.
    """
    longest = limits.line_kb * KB
    plain = encoding in ("utf-8", "utf-8-sig")
    decoder = None if plain else codecs.getincrementaldecoder(encoding)()
    rest, ended, first, old_mac = b"", False, True, False
    with member.open() as stream:
        while True:
            chunk = stream.read(CHUNK)
            data = chunk if decoder is None else decoder.decode(chunk).encode()  # half a character at the end is no line end
            if first and chunk:
                data = data.removeprefix(codecs.BOM_UTF8)
                old_mac = b"\r" in data and b"\n" not in data
                first = False
            rest += data.replace(b"\r", b"\n") if old_mac else data
            if not chunk:
                break
            cut = len(rest)
            for _ in range(footer_rows + 1):
                cut = rest.rfind(b"\n", 0, cut)
                if cut < 0:
                    break
            piece, rest = rest[: cut + 1], rest[cut + 1 :]
            _refuse_long_lines(piece, longest, limits)
            if len(rest) - rest.rfind(b"\n") > longest:
                raise too_large("a line is too long", "line_kb", limits.line_kb)
            if piece:
                yield piece
                ended = True
    kept = rest.split(b"\n")
    tail = kept.pop()  # what comes after the last line end
    if footer_rows:
        lines = [*kept, *([tail] if tail.strip() else [])]
        footer = lines[-footer_rows:]
        kept = lines[: len(lines) - len(footer)]
        if footer:
            notes.leave_out(f"footer: {len(footer)} lines, {_short(footer[0])}")
    elif tail.strip(b" \t\r\0\x1a"):
        if ended or kept:
            notes.leave_out(f"last line, without a line end: {_short(tail)}")
        else:
            kept.append(tail)  # one line is all there is: a header
    if kept:
        yield b"\n".join(kept) + b"\n"


def _refuse_long_lines(piece: bytes, longest: int, limits: ReadLimits) -> None:
    """Raise RefusedFile for a line of more than `longest` bytes."""
    start = 0
    while len(piece) - start > longest:
        end = piece.rfind(b"\n", start, start + longest)
        if end < 0:
            raise too_large("a line is too long", "line_kb", limits.line_kb)
        start = end + 1


def _short(line: bytes) -> str:
    text = line.decode(errors="replace").strip()
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


class LineStream(io.RawIOBase):
    """`whole_lines` as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from the current piece; 0 at the end."""
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._held = memoryview(piece)
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size


def open_lines(member: Member, encoding: str, footer_rows: int, notes: FileNotes, limits: ReadLimits) -> io.BufferedReader:
    """The complete lines of a text file, in UTF-8."""
    return io.BufferedReader(LineStream(whole_lines(member, encoding, footer_rows, notes, limits)), CHUNK)
