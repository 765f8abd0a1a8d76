"""Schema of database.yaml: where the warehouse is and how connections to it behave."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from config.loader import Section

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class ConnectionConfig(Section):
    """The server, its database and the role; an empty `host` means the embedded server below the home."""

    host: str | None
    port: int = Field(gt=0, lt=65536)
    name: str = Field(min_length=1)
    user: str = Field(min_length=1)
    password: SecretStr | None
    sslmode: SslMode
    refused_passwords: tuple[str, ...]

    @property
    def embedded(self) -> bool:
        """True when no server is named."""
        return self.host is None

    @model_validator(mode="after")
    def _remote_needs_a_real_password(self) -> Self:
        if self.host is None or _is_local(self.host):
            return self
        password = self.password.get_secret_value() if self.password else None
        if not password:
            raise ValueError(f"DB_PASSWORD is not set for the remote server {self.host}; set it in the environment or in .env")
        if password == self.user or password.lower() in self.refused_passwords:
            raise ValueError(
                f"DB_PASSWORD for the remote server {self.host} is a default password; give the role {self.user} a password of its own"
            )
        return self


class PoolConfig(Section):
    """The connection pool of one process; times in seconds."""

    min_size: int = Field(ge=1)
    max_size: int = Field(ge=1)
    connect_timeout_s: int = Field(ge=2)  # libpq takes anything below 2 for 2
    statement_timeout_s: float = Field(gt=0)
    lock_timeout_s: float = Field(gt=0)

    @model_validator(mode="after")
    def _sizes_in_order(self) -> Self:
        if self.max_size < self.min_size:
            raise ValueError(f"max_size {self.max_size} is below min_size {self.min_size}")
        return self


class EmbeddedConfig(Section):
    """The PostgreSQL server that runs under the home; times in seconds."""

    start_timeout_s: int = Field(gt=0)
    stop_timeout_s: int = Field(gt=0)
    max_connections: int = Field(ge=10)
    shared_buffers_mb: int = Field(ge=1)


class DatabaseConfig(Section):
    """All settings of the warehouse."""

    connection: ConnectionConfig
    pool: PoolConfig
    embedded: EmbeddedConfig


def _is_local(host: str) -> bool:
    if host.startswith("/") or host == "localhost":  # a socket directory, or the loopback by name
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
