"""TLS to a PostgreSQL server on another machine: libpq's settings, the meaning of its refusals, and a relay for tools.

The package's `pg_dump` and `pg_restore` are built without OpenSSL. They connect to a socket in a private folder of this process. The relay
carries every byte to the server over TLS, with libpq's own checks.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any, Final

from config.errors import WarehouseError
from config.sections.database import SYSTEM_ROOTS, ConnectionConfig

_TLS_REQUEST: Final = struct.pack("!ii", 8, 80877103)  # PostgreSQL's SSLRequest: its length, its code
_CHUNK: Final = 1 << 16  # bytes
_USUAL_ROOTS: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
SOCKET_PORT: Final = 5432  # part of the socket's file name, no network port


def tls_parameters(connection: ConnectionConfig) -> dict[str, str]:
    """libpq's sslmode and sslrootcert for this server. Raises WarehouseError where this machine keeps no list of authorities."""
    mode, roots = connection.encryption, connection.sslrootcert or SYSTEM_ROOTS
    if roots != SYSTEM_ROOTS:
        return {"sslmode": mode, "sslrootcert": str(Path(roots).expanduser().absolute())}
    return {"sslmode": mode, "sslrootcert": _system_roots()} if mode == "verify-full" else {"sslmode": mode}


def _system_roots() -> str:
    """The file of the system's certificate authorities. The OpenSSL in psycopg has a folder of its own, so libpq's `system` finds nothing.

    If SSL_CERT_FILE is set, only that file counts. Else it is the file of Python's OpenSSL, or one at a usual place.
    """
    built_for = ssl.get_default_verify_paths()
    configured = os.environ.get(built_for.openssl_cafile_env)
    file = next(
        (place for place in ([configured] if configured else [built_for.openssl_cafile, *_USUAL_ROOTS]) if Path(place).is_file()), None
    )
    if file is None:
        lacks = (
            f"{built_for.openssl_cafile_env} names no file ({configured})"
            if configured
            else "this machine has no list of certificate authorities"
        )
        raise WarehouseError(
            f"{lacks}: install its `ca-certificates`, or set DB_SSLROOTCERT to the file (PEM) of the authority that signed the server's "
            "certificate"
        )
    return file


def explain_tls(reason: str) -> str | None:
    """What to do about a connection that failed for libpq's `reason`. None when TLS is not the cause."""
    if "does not support SSL" in reason:
        return "set `ssl = on` in its postgresql.conf; on a trusted network, DB_SSLMODE=prefer sends everything in clear text"
    if "certificate" in reason:
        return (
            "set DB_SSLROOTCERT to the file (PEM) of the authority that signed the server's certificate (`system`: what this machine trusts), "
            "and DB_HOST to a name in that certificate"
        )
    return None


@contextmanager
def tls_relay(host: str, port: int, parameters: Mapping[str, Any], timeout_s: float) -> Iterator[Path]:
    """A folder with a socket that leads to the server over TLS, during the block.

    If the block fails because of TLS, WarehouseError gives the reason.
    """
    failures, context = list[OSError](), _context(parameters)

    def carry(plain: socket.socket) -> None:
        with plain:
            try:
                with _encrypted(host, port, context, timeout_s) as distant:
                    _exchange(plain, distant)
            except OSError as error:  # ssl.SSLError is one
                failures.append(error)

    def accept() -> None:
        with suppress(OSError):  # the block is over
            while True:
                Thread(target=carry, args=(listener.accept()[0],), daemon=True).start()

    with tempfile.TemporaryDirectory(prefix="altaviz-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(Path(folder) / f".s.PGSQL.{SOCKET_PORT}"))
        listener.listen()
        accepting = Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield Path(folder)
        except WarehouseError:  # the tool only knows that its socket was closed
            if failures:
                raise WarehouseError(f"PostgreSQL at {host}:{port} cannot be reached over TLS: {failures[0]}") from failures[0]
            raise
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(timeout_s)


def _context(parameters: Mapping[str, Any]) -> ssl.SSLContext:
    roots = parameters.get("sslrootcert")
    context = ssl.create_default_context(cafile=roots)
    context.check_hostname = parameters["sslmode"] == "verify-full"
    if roots is None:
        context.verify_mode = ssl.CERT_NONE  # `require` without a file encrypts, and trusts any server
    return context


def _encrypted(host: str, port: int, context: ssl.SSLContext, timeout_s: float) -> ssl.SSLSocket:
    """A connection that has made its TLS handshake. One byte is read before it, so nothing unencrypted can slip in."""
    stream = socket.create_connection((host, port), timeout_s)
    try:
        stream.sendall(_TLS_REQUEST)
        if stream.recv(1) != b"S":
            raise ConnectionError("the server does not support SSL")
        return context.wrap_socket(stream, server_hostname=host)
    except OSError:
        stream.close()
        raise


def _exchange(plain: socket.socket, distant: ssl.SSLSocket) -> None:
    """Carry bytes both ways until one side has closed."""
    distant.settimeout(None)
    while True:
        ready = [distant] if distant.pending() else select.select([plain, distant], [], [])[0]
        for source in ready:
            chunk = source.recv(_CHUNK)
            if not chunk:
                return
            (distant if source is plain else plain).sendall(chunk)
