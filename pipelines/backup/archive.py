"""Reads and writes the file of a backup: a compressed tar. Its first member is the manifest: it names the others with their SHA-256."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, cast

import pyarrow as pa

from config.errors import InputError

FORMAT: Final = 1
DATABASE_DUMP: Final = "database.dump"  # beside the files of the home, which are below HOME_FOLDER
HOME_FOLDER: Final = "home"
_MANIFEST: Final = "manifest.json"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_ENDINGS: Final = (".gz", ".tgz")
_CHUNK: Final = 1 << 20  # bytes


@dataclass(frozen=True)
class Manifest:
    """Lists what a backup holds and what it was made from."""

    format: int
    altaviz: str
    made_at: str  # ISO time
    home: str
    schema: str  # of the warehouse
    rows: dict[str, int]  # of the warehouse, by table
    mlflow_revision: str | None  # schema of mlflow.db, None when the tracking store is a server
    lake_versions: dict[str, int]
    not_covered: dict[str, str]  # part that lies outside the home: where
    members: dict[str, dict[str, Any]] = field(default_factory=dict)  # path: sha256, bytes

    @property
    def bytes(self) -> int:
        """Of all members."""
        return sum(int(facts["bytes"]) for facts in self.members.values())


def describe_members(folder: Path) -> dict[str, dict[str, Any]]:
    """SHA-256 and bytes of every file below `folder`, by its path from there."""
    return {
        str(path.relative_to(folder)): {"sha256": _sha256(path), "bytes": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write_archive(file: Path, folder: Path, manifest: Manifest) -> None:
    """Pack `folder` into `file` with zstd, or with gzip if the name ends in .gz or .tgz. The file appears whole or not at all.

    Raises OSError when it cannot be written.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with _compressed(partial, gzipped=file.name.endswith(_GZIP_ENDINGS)) as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
            content = json.dumps(asdict(manifest)).encode()
            first = tarfile.TarInfo(_MANIFEST)
            first.size = len(content)
            archive.addfile(first, io.BytesIO(content))
            for name in manifest.members:
                with (folder / name).open("rb") as source:
                    member = archive.gettarinfo(arcname=name, fileobj=source)
                    member.type, member.linkname = tarfile.REGTYPE, ""  # two names of one file are two members
                    member.size = os.fstat(source.fileno()).st_size
                    archive.addfile(member, source)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def read_manifest(file: Path) -> Manifest:
    """The manifest of a backup. Raises InputError when the file is not a backup."""
    with _opened(file) as archive:
        return _first(file, archive)


def verify_archive(file: Path) -> Manifest:
    """Check that all members are there with their SHA-256, and return the manifest. Writes nothing. Raises InputError."""
    with _opened(file) as archive:
        manifest = _first(file, archive)
        for _ in _members(file, archive, manifest, target=None):
            pass
    return manifest


def extract_archive(file: Path, target: Path) -> Iterator[str]:
    """Write the members below the empty `target` and yield their names. File times are kept. Raises InputError, OSError."""
    with _opened(file) as archive:
        yield from _members(file, archive, _first(file, archive), target)


def _members(file: Path, archive: tarfile.TarFile, manifest: Manifest, target: Path | None) -> Iterator[str]:
    missing = dict(manifest.members)
    while member := archive.next():  # iterating would begin with the manifest again
        facts = missing.pop(member.name, None)
        if facts is None or not member.isreg() or not _stays_inside(member.name):
            raise _damaged(file, f"{member.name!r} is not in its manifest")
        source = archive.extractfile(member)
        assert source is not None
        digest = hashlib.sha256()
        if target is None:
            _copy(source, None, digest)
        else:
            path = target / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as written:
                _copy(source, written, digest)
            os.utime(path, (member.mtime, member.mtime))  # Delta's time travel goes by the times of its log files
        if digest.hexdigest() != facts["sha256"]:
            raise _damaged(file, f"{member.name} does not have the SHA-256 in the manifest")
        yield member.name
    if missing:
        raise _damaged(file, f"{next(iter(missing))} is missing")


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        not path.is_absolute() and ".." not in path.parts and "\\" not in name and (path.parts[0] == HOME_FOLDER or name == DATABASE_DUMP)
    )


def _first(file: Path, archive: tarfile.TarFile) -> Manifest:
    member = archive.next()
    content = archive.extractfile(member) if member is not None and member.name == _MANIFEST and member.isreg() else None
    if content is None:
        raise _damaged(file, "it has no manifest")
    try:
        facts = json.loads(content.read())
        number = int(facts["format"])
    except (ValueError, KeyError, TypeError):
        raise _damaged(file, "its manifest cannot be read") from None
    if number > FORMAT:
        raise InputError(f"backup {file} has format {number}, this program reads up to {FORMAT}: update altaviz")
    try:
        return Manifest(**facts)
    except TypeError:
        raise _damaged(file, "its manifest has other fields") from None


def _damaged(file: Path, reason: str) -> InputError:
    return InputError(f"{file} is not a complete backup ({reason}): use another one")


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with file.open("rb") as probe:
            gzipped = probe.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        with suppress(pa.ArrowInvalid), pa.input_stream(str(file), compression="gzip" if gzipped else "zstd") as stream:
            with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
                yield archive
            return
    except FileNotFoundError:
        raise InputError(f"there is no file {file}: name one that `altaviz backup` has written") from None
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise _damaged(file, str(error) or type(error).__name__) from error
    except OSError as error:
        if error.errno is not None:  # of the disk; those of the decompression have none
            raise
        raise _damaged(file, str(error)) from error
    raise _damaged(file, "it cannot be unpacked")


@contextmanager
def _compressed(file: Path, *, gzipped: bool) -> Iterator[IO[bytes]]:
    if gzipped:
        with gzip.open(file, "wb", compresslevel=1) as stream:
            yield cast(IO[bytes], stream)
    else:
        with pa.output_stream(str(file), compression="zstd") as packed:
            yield cast(IO[bytes], packed)


def _copy(source: IO[bytes], target: IO[bytes] | None, digest: Any) -> None:
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        if target is not None:
            target.write(chunk)


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
