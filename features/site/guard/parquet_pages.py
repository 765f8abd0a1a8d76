"""What a Parquet file decodes to, from the headers of its pages: the footer can lie, and a page of a few bytes can hold a gigabyte.

The headers are Thrift structs in the compact protocol; their fields are those of apache/parquet-format, parquet.thrift.
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
_BROKEN: Final = "unreadable: a page header of the Parquet file is broken; write the file anew"
_BY_DICTIONARY: Final = (2, 8)  # encodings PLAIN_DICTIONARY and RLE_DICTIONARY
_DELTA_BYTE_ARRAY: Final = 7
_INDEX_BYTES, _NUMBER_BYTES = 4, 8  # of one decoded value

Struct = dict[int, "int | Struct | None"]


@dataclass(frozen=True)
class FileWeight:
    """The worst of all row groups: bytes of pages held at once, bytes of a decoded row, values of the largest repeated column."""

    page_bytes: int = 0
    row_bytes: float = 1.0
    repeated_values: int = 0


def weigh(stream: IO[bytes], metadata: pq.FileMetaData) -> FileWeight:
    """Walk the page headers of all columns; nothing is decompressed. Text is weighed as read by dictionary. Raises RefusedFile."""
    worst = FileWeight()
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        page_bytes, row_bytes, repeated = 0, 0.0, 0
        for at in range(group.num_columns):
            leaf, chunk = metadata.schema.column(at), group.column(at)
            largest, value_bytes, values = _weigh_chunk(stream, chunk, leaf)
            page_bytes += largest
            row_bytes += value_bytes * max(1.0, values / max(group.num_rows, 1))
            if leaf.max_repetition_level:
                repeated = max(repeated, values)
        worst = FileWeight(max(page_bytes, worst.page_bytes), max(row_bytes, worst.row_bytes), max(repeated, worst.repeated_values))
    return worst


def _weigh_chunk(stream: IO[bytes], chunk: pq.ColumnChunkMetaData, leaf: pq.ColumnSchema) -> tuple[int, float, int]:
    """Bytes of the largest data page with the dictionary, bytes of one decoded value, and values of one column of a row group."""
    place: int = chunk.data_page_offset
    if chunk.dictionary_page_offset is not None and 0 < chunk.dictionary_page_offset < place:
        place = chunk.dictionary_page_offset
    end = place + chunk.total_compressed_size
    dictionary, largest, values, value_bytes = 0, 0, 0, float(_INDEX_BYTES)
    delta = False
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
        delta = delta or encoding == _DELTA_BYTE_ARRAY
        if encoding not in _BY_DICTIONARY:
            value_bytes = max(size / max(count, 1), value_bytes)
    if leaf.physical_type == "FIXED_LEN_BYTE_ARRAY":
        value_bytes = float(leaf.length + _INDEX_BYTES)
    elif leaf.physical_type != "BYTE_ARRAY":
        value_bytes = float(_NUMBER_BYTES)
    elif delta:
        value_bytes = 2.0 * largest  # each value may repeat all text before it in its page
    return dictionary + largest, value_bytes, values


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
    """Reads one struct: numbers and structs by field, the rest is skipped (None). IndexError at the end of `data`."""

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
