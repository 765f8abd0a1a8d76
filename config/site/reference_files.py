"""Section `reference` of site.yaml: how a site writes its compressors and its work orders."""

from __future__ import annotations

from config.loader import Section


class ReferenceSection(Section):
    """How a site writes its reference files; what is left out is as the README says."""
