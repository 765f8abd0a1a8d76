"""What a Parquet file decodes to, from the headers of its pages.

The footer can lie, and a page of a few bytes can hold a gigabyte. The headers are Thrift structs in the compact
protocol. Their fields are those of apache/parquet-format, parquet.thrift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Final

import pyarrow.parquet as pq

from features.site.notes import RefusedFile

_HEADER_BYTES: Final = 1 << 10  # read at once; a header with statistics may be longer
_LONGEST_HEADER: Final = 1 << 20
_DEEPEST: Final = 8  # structs in structs of a page header
_DICTIONARY: Final = 2  # type of a page
_DATA: Final = {0: (5, 2), 3: (8, 4)}  # type of a page with data -> field of its own header, and the field of the encoding in there
_BROKEN: Final = "unreadable: a page header of the Parquet file is broken; write the file again"
_PLAIN: Final = 0
_BY_DICTIONARY: Final = (2, 8)  # encodings PLAIN_DICTIONARY and RLE_DICTIONARY
_DELTA_BYTE_ARRAY: Final = 7
_INDEX_BYTES, _NUMBER_BYTES = 4, 8  # of one decoded value

Struct = dict[int, "int | Struct | None"]


@dataclass(frozen=True)
class FileWeight:
    """Bytes of the worst row group: of its pages, of a decoded row, and of its largest column of lists.

    Arrow can read the text columns in `by_dictionary` as codes and words. A repeated word then costs only its
    code.
    """

    page_bytes: int
    row_bytes: float
    list_bytes: float
    by_dictionary: list[str]


@dataclass(frozen=True)
class _Chunk:
    """The pages of one column of a row group, in bytes and values."""

    dictionary: int  # bytes of its words
    largest: int  # bytes of its largest page of data
    values: int
    encodings: frozenset[int]
    dense: float  # largest mean bytes of a value in a page that does not refer to the dictionary

    def value_bytes(self, leaf: pq.ColumnSchema, *, by_dictionary: bool) -> float:
        """Bytes of a decoded value, at worst."""
        if leaf.physical_type == "FIXED_LEN_BYTE_ARRAY":
            return float(leaf.length + _INDEX_BYTES)
        if leaf.physical_type != "BYTE_ARRAY":
            return float(_NUMBER_BYTES)
        word = _INDEX_BYTES if by_dictionary else self.dictionary
        before = 2 * self.largest if _DELTA_BYTE_ARRAY in self.encodings else 0  # a value may repeat all text before it in its page
        return max(float(_INDEX_BYTES), self.dense, float(word), float(before))


def weigh(stream: IO[bytes], metadata: pq.FileMetaData) -> FileWeight:
    """Walk the page headers of all columns; nothing is decompressed. Raises RefusedFile."""
    leaves = [metadata.schema.column(at) for at in range(metadata.num_columns)]
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [[_walk(stream, group.column(at)) for at in range(len(leaves))] for group in groups]
    plain = {_PLAIN, *_BY_DICTIONARY}
    by_dictionary = [  # not within lists and structs: Arrow cannot join what it reads so
        leaf.physical_type == "BYTE_ARRAY" and leaf.path == leaf.name and all(of[at].encodings <= plain for of in chunks)
        for at, leaf in enumerate(leaves)
    ]
    page_bytes, row_bytes, list_bytes = 0, 1.0, 0.0
    for group, of in zip(groups, chunks, strict=True):
        page_bytes = max(page_bytes, sum(chunk.dictionary + chunk.largest for chunk in of))
        weights = [
            chunk.values * chunk.value_bytes(leaf, by_dictionary=short)
            for chunk, leaf, short in zip(of, leaves, by_dictionary, strict=True)
        ]
        row_bytes = max(row_bytes, sum(weights) / max(group.num_rows, 1))
        list_bytes = max([list_bytes, *(weight for weight, leaf in zip(weights, leaves, strict=True) if leaf.max_repetition_level)])
    return FileWeight(page_bytes, row_bytes, list_bytes, [leaf.path for leaf, short in zip(leaves, by_dictionary, strict=True) if short])


def _walk(stream: IO[bytes], chunk: pq.ColumnChunkMetaData) -> _Chunk:
    place: int = chunk.data_page_offset
    if chunk.dictionary_page_offset is not None and 0 < chunk.dictionary_page_offset < place:
        place = chunk.dictionary_page_offset
    end = place + chunk.total_compressed_size
    dictionary, largest, values, dense = 0, 0, 0, 0.0
    encodings: set[int] = set()
    while place < end and values < chunk.num_values:
        header, length = _read_header(stream, place)
        packed, size = _number(header, 3), _number(header, 2)
        place += length + packed
        kind = _number(header, 1)
        if kind == _DICTIONARY:
            dictionary += size
        if kind not in _DATA:
            continue
        field, encoding_field = _DATA[kind]
        page = header.get(field)
        if not isinstance(page, dict):
            raise RefusedFile(_BROKEN)
        count, encoding = _number(page, 1), _number(page, encoding_field)
        largest, values = max(size, largest), values + count
        encodings.add(encoding)
        if encoding not in _BY_DICTIONARY:
            dense = max(size / max(count, 1), dense)
    return _Chunk(dictionary, largest, values, frozenset(encodings), dense)


def _read_header(stream: IO[bytes], place: int) -> tuple[Struct, int]:
    """The page header at `place` and its length."""
    size = _HEADER_BYTES
    while size <= _LONGEST_HEADER:
        stream.seek(place)
        reader = _Compact(stream.read(size))
        try:
            return reader.struct(0), reader.at
        except IndexError:
            if len(reader.data) < size:
                break
            size *= 8
    raise RefusedFile(_BROKEN)


def _number(struct: Struct, field: int) -> int:
    value = struct.get(field)
    if not isinstance(value, int) or value < 0:
        raise RefusedFile(_BROKEN)
    return value


class _Compact:
    """Reads one struct: numbers and structs by field. Everything else is skipped (None).

    Raises IndexError at the end of `data`.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def struct(self, depth: int) -> Struct:
        if depth > _DEEPEST:
            raise RefusedFile(_BROKEN)
        found: Struct = {}
        field = 0
        while kind := self._byte():
            field = field + (kind >> 4) if kind >> 4 else self._signed()
            found[field] = self._value(kind & 15, depth)
        return found

    def _value(self, kind: int, depth: int) -> int | Struct | None:
        if kind in (1, 2):  # a boolean is its type
            return kind == 1
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 12:
            return self.struct(depth + 1)
        if kind == 3:
            self._skip(1)
        elif kind == 7:
            self._skip(8)
        elif kind == 8:
            self._skip(self._unsigned())
        elif kind in (9, 10) and depth < _DEEPEST:
            size = self._byte()
            for _ in range(size >> 4 if size >> 4 < 15 else self._unsigned()):
                self._skip(1) if size & 15 in (1, 2) else self._value(size & 15, depth + 1)
        else:
            raise RefusedFile(_BROKEN)
        return None

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self.data):
            raise IndexError

    def _unsigned(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:  # no number is longer
                raise RefusedFile(_BROKEN)

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
