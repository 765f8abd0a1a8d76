"""site.yaml as a whole, and how it is loaded. Its sections have a module each."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from config.errors import ConfigError
from config.loader import Section, load_section
from config.site.readings import ReadingsSection
from config.site.reference_files import ReferenceFilesSection

SITE_FILE: Final = "site.yaml"  # in the folder that is ingested


class SiteConfig(Section):
    """How a site writes its files. Omitted keys are found in the files."""

    readings: ReadingsSection = ReadingsSection()
    reference: ReferenceFilesSection = ReferenceFilesSection()


def load_site(folder: Path, file: Path | None = None) -> SiteConfig:
    """The description in `file`, else in `folder`/site.yaml, else an empty one.

    Raises ConfigError with file, key and reason.
    """
    path = file or folder / SITE_FILE
    if file is None and not path.is_file():
        return SiteConfig()
    if file is None and not path.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f"{path} is a link that leads out of {folder}: put the file itself there, or pass it with --site")
    return load_section(path, SiteConfig, environ={})
