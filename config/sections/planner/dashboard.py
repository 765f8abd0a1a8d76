"""Schema of dashboard.yaml: where the planners' pages listen, and what they show."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator

from config.addresses import read_host
from config.loader import Section


def _split(value: object) -> object:
    """The names of an environment variable, comma-separated, as a list."""
    if value is None:
        return []
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


class PagesListenSection(Section):
    """Where the pages listen, and by which names a proxy with a login serves them."""

    host: str = Field(min_length=1)
    port: int = Field(ge=0, le=65535)
    proxy_hosts: Annotated[list[str], BeforeValidator(_split)]

    @field_validator("proxy_hosts")
    @classmethod
    def _are_names(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            if read_host(f"{host}:0") is None:  # not a host, or has a port already
                raise ValueError(f"ALTAVIZ_DASHBOARD_HOSTS has {host!r}: list host names that planners use, without scheme and port")
        return [str(read_host(host)) for host in hosts]


class DashboardConfig(Section):
    """All of dashboard.yaml."""

    listen: PagesListenSection
    api_url: str | None
    rows_per_page: int = Field(ge=1, le=500)
    silent_hours: float = Field(gt=0)

    @field_validator("api_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError("ALTAVIZ_API_URL must be an address such as https://altaviz.plant.example, without a password or a query")
        return url.rstrip("/")
