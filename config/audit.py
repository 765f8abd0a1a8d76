"""Schema of audit.yaml: known vulnerabilities of locked packages that stay for now, each with its reason."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from config.loader import Section


class Accepted(Section):
    """One vulnerability of one package that does not fail `make audit` until `look_again`."""

    id: str = Field(min_length=1)  # as the audit prints it, or one of its other names: CVE-, GHSA-, PYSEC-
    package: str = Field(min_length=1)
    reason: str = Field(min_length=20)  # why it does no harm here
    look_again: date  # from this day on the audit fails


class AuditConfig(Section):
    """All of audit.yaml."""

    accepted: list[Accepted]
