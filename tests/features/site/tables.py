"""Reference files of tests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from config.settings import load_settings
from config.site.reference_files import CompressorsSection, EventsSection
from features.site.compressor_list import read_compressors
from features.site.reference_file import ReferenceFile
from features.site.work_orders import read_events

NOW = datetime(2026, 3, 10, tzinfo=UTC)
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
METADATA_HEADER = "compressor_id,model,horsepower,install_date,station_id\n"
EVENT_HEADER = "compressor_id,event_date,event_type,description,downtime_hours,severity,cost_usd\n"


def events_of(folder: Path, content: str | bytes, section: EventsSection | None = None) -> ReferenceFile:
    """The events file `content`, of a fleet of C-1 and C-2."""
    path = folder / "maintenance_events.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_events(path, section or EventsSection(), {"C-1", "C-2"}, EARLIEST, NOW)


def compressors_of(folder: Path, content: str, section: CompressorsSection | None = None) -> ReferenceFile:
    """The list of compressors `content`."""
    path = folder / "compressor_metadata.csv"
    path.write_text(content, encoding="utf-8")
    return read_compressors(path, section or CompressorsSection(), load_settings(folder, environ={}).fleet, NOW)
