"""Section `readings` of site.yaml: layout, columns, units, times, ids and words of a site's reading files."""

from __future__ import annotations

from config.loader import Section


class ReadingsSection(Section):
    """How a site writes readings; what is left out is found in the files."""
