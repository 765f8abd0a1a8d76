"""Units are split, never windows, and every part holds failures."""

from __future__ import annotations

import numpy as np
import pytest

from config.errors import ModelError
from training.split import split_units

UNITS = np.arange(1, 21)
FAILED = UNITS <= 10


def test_every_unit_is_in_exactly_one_part_of_the_asked_size() -> None:
    split = split_units(UNITS, FAILED, 0.2, 0.1, seed=3)
    assert sorted([*split.train, *split.validation, *split.test]) == UNITS.tolist()
    assert (len(split.train), len(split.validation), len(split.test)) == (14, 4, 2)


def test_failed_and_healthy_units_are_shared_out_alike() -> None:
    split = split_units(UNITS, FAILED, 0.2, 0.1, seed=3)
    assert [int((part <= 10).sum()) for part in (split.train, split.validation, split.test)] == [7, 2, 1]


def test_each_part_gets_a_failure_even_when_its_share_rounds_to_none() -> None:
    split = split_units(UNITS, UNITS <= 3, 0.1, 0.1, seed=1)
    assert all((part <= 3).sum() == 1 for part in (split.train, split.validation, split.test))


def test_the_split_follows_from_the_seed_and_not_from_the_order_of_the_units() -> None:
    first = split_units(UNITS, FAILED, 0.2, 0.2, seed=5)
    again = split_units(UNITS[::-1], FAILED[::-1], 0.2, 0.2, seed=5)
    other = split_units(UNITS, FAILED, 0.2, 0.2, seed=6)
    assert first.validation.tolist() == again.validation.tolist()
    assert first.validation.tolist() != other.validation.tolist()


def test_no_test_fraction_gives_no_test_units() -> None:
    assert len(split_units(UNITS, FAILED, 0.2, 0.0, seed=5).test) == 0


def test_too_few_failures_are_refused_with_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"2 of 20 units have a recorded failure, 3 are needed; ingest more history"):
        split_units(UNITS, UNITS <= 2, 0.2, 0.2, seed=5)
