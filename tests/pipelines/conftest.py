"""What the suites of the pipelines share: one demo, run once, and one Spark session for every job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lent_spark import LENT_SPARK
from tests.pipelines.demo import Demo, shared_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with shared_demo(tmp_path_factory.getbasetemp()) as made:
        yield made


@pytest.fixture(autouse=True, scope="session")
def lent_spark() -> Iterator[None]:
    """A job that a test calls gets the session of this process, as a command does."""
    with LENT_SPARK.lending():
        yield
