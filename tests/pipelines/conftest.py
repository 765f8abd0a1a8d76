"""What the suites of the pipelines share: one demo, run once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pipelines.demo import Demo, run_demo


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    with run_demo() as made:
        yield made
