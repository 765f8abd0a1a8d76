"""Schema of serving.yaml: where the prediction service listens, what it accepts, what it keeps in memory."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from config.loader import Section

_WINDOW_HOURS = 24


class ListenSection(Section):
    """Where the service listens, and who may ask."""

    host: str = Field(min_length=1)
    port: int = Field(ge=0, le=65535)
    api_key: SecretStr | None
    shutdown_s: int = Field(gt=0)

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value() if key else "-"
        if not text.isascii() or not text.isprintable() or text != text.strip() or not text:
            raise ValueError("must be printable ASCII without blanks around it, or it cannot be sent in a header")
        return key


class LimitsSection(Section):
    """What one request, and all of them together, may take."""

    most_windows: int = Field(gt=0)
    most_compressors: int = Field(gt=0)
    most_body_bytes: int = Field(gt=0)
    most_buffered_bytes: int = Field(gt=0)
    most_in_flight: int = Field(gt=0)
    body_timeout_s: float = Field(gt=0)
    threads: int = Field(gt=0)

    @model_validator(mode="after")
    def _one_body_fits(self) -> Self:
        if self.most_buffered_bytes < self.most_body_bytes:
            raise ValueError(f"most_buffered_bytes {self.most_buffered_bytes} is below most_body_bytes {self.most_body_bytes}")
        return self


class RecoverySection(Section):
    """How soon a part that is missing is noticed and looked for again; seconds."""

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
    limits: LimitsSection
    recovery: RecoverySection
    gold: GoldSection
