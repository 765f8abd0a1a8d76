"""Schema of serving.yaml: where the prediction service listens, and what it accepts and keeps in memory."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from config.addresses import bare_hosts, split_names
from config.api_key import HOW_TO_MAKE_ONE, weakness
from config.loader import Section

_WINDOW_HOURS = 24


class ListenSection(Section):
    """Where the service listens, and who may send requests."""

    host: str = Field(min_length=1)
    port: int = Field(ge=0, le=65535)
    api_key: SecretStr | None
    hosts: Annotated[list[str], BeforeValidator(split_names)]
    shutdown_s: int = Field(gt=0)

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value() if key else "-"
        if not text.isascii() or not text.isprintable() or text != text.strip() or not text:
            raise ValueError("must be printable ASCII without blanks around it: a header can hold nothing else")
        found = weakness(text) if key else None
        if found:
            raise ValueError(f"ALTAVIZ_API_KEY can be guessed: it {found}; {HOW_TO_MAKE_ONE}")
        return key

    @field_validator("hosts")
    @classmethod
    def _are_names(cls, hosts: list[str]) -> list[str]:
        return bare_hosts(hosts, "ALTAVIZ_HOSTS", "host names or addresses that clients use")


class KeysSection(Section):
    """How soon a running service follows the keys of the table; seconds."""

    check_s: float = Field(gt=0, le=10)  # a revoked key ends within seconds
    keep_s: float = Field(gt=0)

    @model_validator(mode="after")
    def _outlasts_a_reading(self) -> Self:
        if self.keep_s <= self.check_s:
            raise ValueError(f"keep_s {self.keep_s:g} must be above check_s {self.check_s:g}: keys would end between two readings")
        return self


class ChampionSection(Section):
    """How soon a running service follows the registry; seconds."""

    check_s: float = Field(gt=0, le=20)  # a promoted champion answers within 30 s


class LimitsSection(Section):
    """What one request, one key, and all of them together may take."""

    requests_per_minute: int = Field(gt=0)
    most_windows: int = Field(gt=0)
    most_bulk_windows: int = Field(gt=0)
    most_compressors: int = Field(gt=0)
    most_body_bytes: int = Field(gt=0)
    most_bulk_body_bytes: int = Field(gt=0)
    most_buffered_bytes: int = Field(gt=0)
    most_in_flight: int = Field(gt=0)
    most_connections: int = Field(gt=0)
    most_header_bytes: int = Field(ge=1024)
    header_timeout_s: float = Field(gt=0)
    body_timeout_s: float = Field(gt=0)
    send_timeout_s: float = Field(gt=0)
    keep_alive_s: int = Field(gt=0)
    threads: int = Field(gt=0)

    @model_validator(mode="after")
    def _one_body_fits(self) -> Self:
        largest = max(self.most_body_bytes, self.most_bulk_body_bytes)
        if self.most_buffered_bytes < largest:
            raise ValueError(f"most_buffered_bytes {self.most_buffered_bytes} is below the largest body, {largest}")
        return self

    @model_validator(mode="after")
    def _requests_at_work_have_connections(self) -> Self:
        if self.most_connections <= self.most_in_flight:
            raise ValueError(f"most_connections {self.most_connections} must be above most_in_flight {self.most_in_flight}")
        return self


class RecoverySection(Section):
    """How soon a missing part is noticed and looked for again; seconds."""

    retry_s: float = Field(ge=0)
    connect_timeout_s: int = Field(ge=2)  # libpq takes anything below 2 for 2
    statement_timeout_s: float = Field(gt=0)
    lock_timeout_s: float = Field(gt=0)


class GoldSection(Section):
    """How much of gold stays in memory."""

    hours: int = Field(ge=_WINDOW_HOURS)
    most_rows: int = Field(ge=0)
    check_s: float = Field(ge=0)


class ServingConfig(Section):
    """All settings of the prediction service."""

    listen: ListenSection
    keys: KeysSection
    champion: ChampionSection
    limits: LimitsSection
    recovery: RecoverySection
    gold: GoldSection
