"""Which servers count as this machine, and how a connection to the others is protected."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.loader import CONFIG_DIR, load_section
from config.sections.database import ConnectionConfig, DatabaseConfig, is_this_machine
from tests.serving.warehouse.conftest import database_config


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.8.7", "::1", "/var/run/postgresql", "@abstract", "localhost,::1"]
)
def test_socket_directories_and_loopback_are_this_machine(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host",
    ["db.plant.example", "10.0.0.5", "127.1", "127.0.0.1.evil.example", "localhost.evil.example", "localhost,db.plant.example", "0.0.0.0"],
)
def test_every_other_name_is_another_machine(host: str) -> None:
    assert not is_this_machine(host)


def _connection(**environ: str) -> ConnectionConfig:
    return database_config(DB_PASSWORD="0123-of-digits", **environ).connection


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({}, "prefer"),
        ({"DB_HOST": "127.0.0.1"}, "prefer"),
        ({"DB_HOST": "/var/run/postgresql"}, "prefer"),
        ({"DB_HOST": "db.plant.example"}, "verify-full"),
        ({"DB_HOST": "localhost,db.plant.example"}, "verify-full"),
        ({"DB_HOST": "db.plant.example", "DB_SSLMODE": "require"}, "require"),
        ({"DB_HOST": "localhost", "DB_SSLMODE": "verify-full"}, "verify-full"),
    ],
)
def test_another_machine_must_show_a_certificate_for_its_name(environ: dict[str, str], mode: str) -> None:
    assert _connection(**environ).encryption == mode


def test_any_authority_and_any_name_together_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"verify-ca accepts any host name, so it needs your own authority: set DB_SSLROOTCERT"):
        _connection(DB_HOST="db.plant.example", DB_SSLMODE="verify-ca")
    assert _connection(DB_HOST="db.plant.example", DB_SSLMODE="verify-ca", DB_SSLROOTCERT="ca.pem").encryption == "verify-ca"


def test_a_file_of_an_older_version_is_refused_and_not_read_as_prefer(tmp_path: Path) -> None:
    old = tmp_path / "database.yaml"
    lines = (CONFIG_DIR / "database.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = "".join(line for line in lines if "sslrootcert:" not in line)
    old.write_text(kept.replace("${DB_SSLMODE:-}", "${DB_SSLMODE:-prefer}"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"database.yaml: connection.sslrootcert: Field required"):
        load_section(old, DatabaseConfig, {"DB_HOST": "db.plant.example", "DB_PASSWORD": "0123-of-digits"})
