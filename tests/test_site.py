"""The documentation site builds without a warning: every page is in the navigation, every link and anchor leads somewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=PROJECT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def test_the_reference_pages_hold_what_is_generated(site: Path) -> None:
    assert 'id="altaviz-ingest"' in (site / "reference" / "commands.html").read_text(encoding="utf-8")
    configuration = (site / "reference" / "configuration.html").read_text(encoding="utf-8")
    assert "<code>outliers.robust_sigma</code>" in configuration


def test_diagrams_stay_diagrams_and_no_font_comes_from_the_net(site: Path) -> None:
    page = (site / "concepts" / "architecture.html").read_text(encoding="utf-8")
    assert page.count('<pre class="mermaid">') == 4
    assert "fonts.g" not in page
