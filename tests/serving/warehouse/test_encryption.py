"""A server on another machine must show a certificate for its name. The name `127.1` leads to this machine and counts as another."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from config.errors import WarehouseError
from config.sections.database import DatabaseConfig
from serving.warehouse import encryption
from serving.warehouse.connection import Warehouse, open_warehouse
from serving.warehouse.dump import dump_warehouse
from serving.warehouse.encryption import tls_parameters
from serving.warehouse.migrations import latest_version, migrate
from tests.serving.warehouse.authority import Authority, tls_entrance
from tests.serving.warehouse.conftest import PASSWORD, database_config

HOST = "127.1"
NAMES = (HOST, "127.0.0.1")  # libpq reads it as an address, Python as a name


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "plant")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def port(remote: DatabaseConfig, authority: Authority) -> Iterator[int]:
    """A TLS server with a certificate for its name."""
    with tls_entrance(remote.connection.port, authority.context(*NAMES)) as number:
        yield number


def opened(port: int, authority: Authority | None, home: Path, host: str = HOST, **environ: str) -> AbstractContextManager[Warehouse]:
    roots = {"DB_SSLROOTCERT": str(authority.file)} if authority else {}
    server = {"DB_HOST": host, "DB_PORT": str(port), "DB_NAME": "fleet", "DB_USER": "planner", "DB_PASSWORD": PASSWORD}
    config = database_config(**server, **roots, **environ)
    return open_warehouse(config.model_copy(update={"pool": config.pool.model_copy(update={"connect_timeout_s": 2})}), home)


def test_the_right_certificate_is_accepted_and_a_backup_takes_the_same_way(
    port: int, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    with opened(port, authority, tmp_path) as warehouse:
        migrate(warehouse)
        with warehouse.connection() as connection:
            assert connection.pgconn.ssl_in_use
        dump = dump_warehouse(warehouse, tmp_path / "dump")
        assert (dump.schema, (tmp_path / "dump").read_bytes()[:5]) == (latest_version(), b"PGDMP")
        deceived = replace(warehouse, parameters={**warehouse.parameters, "sslrootcert": str(stranger.file)})
        with pytest.raises(WarehouseError, match=rf"PostgreSQL at {HOST}:{port} cannot be reached over TLS: .*certificate verify failed"):
            dump_warehouse(deceived, tmp_path / "other")


def test_a_certificate_of_an_unknown_authority_is_refused_with_what_to_do(port: int, stranger: Authority, tmp_path: Path) -> None:
    advice = r"certificate verify failed; set DB_SSLROOTCERT to the file \(PEM\) of the authority that signed the server's certificate"
    with pytest.raises(WarehouseError, match=advice) as refused:
        opened(port, stranger, tmp_path).__enter__()
    assert "\n" not in str(refused.value)
    with pytest.raises(WarehouseError, match=advice):
        opened(port, None, tmp_path).__enter__()  # nor does this machine trust it
    with opened(port, None, tmp_path, host="127.0.0.1"), opened(port, None, tmp_path, DB_SSLMODE="require"):
        pass  # this machine, and a network declared as trusted


def test_a_certificate_for_another_name_is_refused(remote: DatabaseConfig, authority: Authority, tmp_path: Path) -> None:
    with (
        tls_entrance(remote.connection.port, authority.context("db.elsewhere.example")) as other,
        pytest.raises(WarehouseError, match=r"does not match host name .*and DB_HOST to a name in that certificate"),
    ):
        opened(other, authority, tmp_path).__enter__()


def test_a_server_without_tls_is_refused(remote: DatabaseConfig, authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"does not support SSL, but SSL was required; set `ssl = on`"):
        opened(remote.connection.port, authority, tmp_path).__enter__()


def test_a_missing_file_of_authorities_is_told(port: int, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"none\.pem.*; set DB_SSLROOTCERT"):
        opened(port, None, tmp_path, DB_SSLROOTCERT=str(tmp_path / "none.pem")).__enter__()


def test_the_authorities_of_the_machine_are_found_whatever_python_was_built_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = database_config(DB_HOST="db.plant.example", DB_PASSWORD=PASSWORD).connection
    elsewhere = ssl.get_default_verify_paths()._replace(cafile=None, openssl_cafile=str(tmp_path / "none.pem"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: elsewhere)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(encryption, "_USUAL_ROOTS", (str(tmp_path / "other.pem"), str(tmp_path / "usual.pem")))
    with pytest.raises(WarehouseError, match="this machine has no list of certificate authorities: install its `ca-certificates`"):
        tls_parameters(remote)
    (tmp_path / "usual.pem").touch()
    assert tls_parameters(remote) == {"sslmode": "verify-full", "sslrootcert": str(tmp_path / "usual.pem")}
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises(WarehouseError, match=r"SSL_CERT_FILE names no file \(.*gone.pem\)"):
        tls_parameters(remote)
