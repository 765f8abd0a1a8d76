"""What the suites of the pipelines share: one demo, run once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pipelines.demo import Demo, shared_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with shared_demo(tmp_path_factory.getbasetemp()) as made:
        yield made
