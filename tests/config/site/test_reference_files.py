"""The description of reference files that the docs show is one."""

from __future__ import annotations

import re
from pathlib import Path

from config.site.description import load_site
from tests.conftest import PROJECT


def test_the_example_of_the_docs_is_understood(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "how-to" / "reference-files.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "site.yaml").write_text(example, encoding="utf-8")
    reference = load_site(tmp_path).reference
    assert reference.compressors.stations == {"Karnes City": "STATION-A"}
    assert (reference.events.event_types["BRKDWN"], reference.events.downtime_unit, reference.events.covers_days) == ("failure", "min", 90)
    assert reference.events.model_fields_set == set(type(reference.events).model_fields)


def test_without_a_description_files_are_as_the_readme_says(tmp_path: Path) -> None:
    reference = load_site(tmp_path).reference
    assert (reference.compressors.file, reference.events.file) == ("compressor_metadata.csv", "maintenance_events.csv")
