"""Schema of database.yaml: where the warehouse is and how connections to it behave."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, model_validator

from config.addresses import is_loopback
from config.loader import Section

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
SYSTEM_ROOTS: Final = "system"  # of sslrootcert: the certificate authorities that this machine trusts


class ConnectionConfig(Section):
    """The server, its database and the role.

    An empty `host` means the embedded server below the home. An empty `sslmode` means `verify-full` for
    another machine. For this machine it means `prefer`, because nobody sits in between.
    """

    host: str | None
    port: int = Field(gt=0, lt=65536)
    name: str = Field(min_length=1)
    user: str = Field(min_length=1)
    password: SecretStr | None
    sslmode: SslMode | None
    sslrootcert: str | None  # a file, or `system`, which None means too
    refused_passwords: tuple[str, ...]

    @property
    def embedded(self) -> bool:
        """True when no server is named."""
        return self.host is None

    @property
    def encryption(self) -> SslMode:
        """The mode that libpq receives."""
        return self.sslmode or ("prefer" if self.host is None or is_this_machine(self.host) else "verify-full")

    @model_validator(mode="after")
    def _authority_is_named(self) -> Self:
        if self.host is not None and self.encryption == "verify-ca" and (self.sslrootcert or SYSTEM_ROOTS) == SYSTEM_ROOTS:
            raise ValueError(
                "DB_SSLMODE verify-ca accepts any host name, so it needs your own authority: set DB_SSLROOTCERT, or use verify-full"
            )
        return self

    @model_validator(mode="after")
    def _remote_needs_a_real_password(self) -> Self:
        if self.host is None or is_this_machine(self.host):
            return self
        password = self.password.get_secret_value() if self.password else None
        if not password:
            raise ValueError(f"DB_PASSWORD is not set for the remote server {self.host}; set it in the environment or in .env")
        if password == self.user or password.lower() in self.refused_passwords:
            raise ValueError(f"DB_PASSWORD for the remote server {self.host} is a default password; give the role {self.user} another one")
        return self


class PoolConfig(Section):
    """The connection pool of one process; times in seconds."""

    min_size: int = Field(ge=1)
    max_size: int = Field(ge=1)
    connect_timeout_s: int = Field(ge=2)  # libpq takes anything below 2 for 2
    statement_timeout_s: float = Field(gt=0)
    reader_statement_timeout_s: float = Field(gt=0)
    lock_timeout_s: float = Field(gt=0)

    @model_validator(mode="after")
    def _sizes_in_order(self) -> Self:
        if self.max_size < self.min_size:
            raise ValueError(f"max_size {self.max_size} is below min_size {self.min_size}")
        return self


class PartitionsConfig(Section):
    """Monthly partitions of the large tables."""

    months_ahead: int = Field(ge=1, le=11)  # a year ahead at most: later months are refused as mistakes


MonthsKept = Annotated[int, Field(ge=2, le=1200)] | None  # the present month is never old, and every page shows a month
PredictionMonthsKept = Annotated[int, Field(ge=4, le=1200)] | None  # drift and prognostics look back a quarter


class RetentionConfig(Section):
    """Whole months kept before the present, by table. Empty keeps rows for ever."""

    sensor_readings_agg: MonthsKept
    ml_predictions: PredictionMonthsKept
    alert_history: MonthsKept
    data_quality_metrics: MonthsKept
    drift_metrics: MonthsKept
    alert_changes: MonthsKept
    api_writes: MonthsKept
    outbox: MonthsKept


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
    partitions: PartitionsConfig
    retention: RetentionConfig
    embedded: EmbeddedConfig


def is_this_machine(host: str) -> bool:
    """Whether libpq reaches `host` without a network.

    That holds for socket directories, `localhost` and loopback addresses. Any other name counts as remote.
    """
    return all(_is_local(part.strip()) for part in host.split(","))  # libpq takes a list, and connects to whichever answers


def _is_local(host: str) -> bool:
    return host.startswith(("/", "@")) or is_loopback(host.lower())  # a socket directory, an abstract socket, or the loopback
