"""One running service for all tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.folders import TemporaryDirectory
from tests.serving.api.home import build_home, make_champion
from tests.serving.api.running import Running, serving


@pytest.fixture(scope="package")
def service() -> Iterator[Running]:
    # not tmp_path: the embedded server's own user must be able to pass through, and pytest shuts its folders
    with TemporaryDirectory(prefix="altaviz-") as folder:
        home = Path(folder)
        build_home(home)
        make_champion(home)
        with serving(home) as running:
            yield running
