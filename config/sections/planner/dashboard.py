"""Schema of dashboard.yaml: where the planners' pages listen, and what they show."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator

from config.addresses import bare_hosts, split_names
from config.loader import Section


class PagesListenSection(Section):
    """Where the pages listen, and by which names a proxy with a login serves them."""

    host: str = Field(min_length=1)
    port: int = Field(ge=0, le=65535)
    proxy_hosts: Annotated[list[str], BeforeValidator(split_names)]

    @field_validator("proxy_hosts")
    @classmethod
    def _are_names(cls, hosts: list[str]) -> list[str]:
        return bare_hosts(hosts, "ALTAVIZ_DASHBOARD_HOSTS", "host names that planners use")


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
