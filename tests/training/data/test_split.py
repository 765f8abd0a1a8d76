"""Units are split, never windows, and every part holds failures."""

from __future__ import annotations

import numpy as np
import pytest

from config.errors import ModelError
from training.data.split import extend_split, split_units

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


@pytest.mark.parametrize("shares", [(0.5, 0.3), (0.6, 0.2), (0.2, 0.6), (0.9, 0.9)])
def test_no_part_is_so_large_that_another_gets_no_failure(shares: tuple[float, float]) -> None:
    split = split_units(UNITS, UNITS <= 3, *shares, seed=1)
    assert [int((part <= 3).sum()) for part in (split.train, split.validation, split.test)] == [1, 1, 1]


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


def test_training_units_stay_training_units_and_new_ones_are_dealt_out() -> None:
    known = split_units(UNITS, FAILED, 0.2, 0.2, seed=5)
    later = np.concatenate([UNITS, UNITS + len(UNITS)])
    split = extend_split(known, later, np.concatenate([FAILED, FAILED]), (0.2, 0.2), seed=5)
    for part in ("train", "validation", "test"):
        own = getattr(split, part)
        np.testing.assert_array_equal(own[own <= len(UNITS)], getattr(known, part))
        assert (own > len(UNITS)).any()
    np.testing.assert_array_equal(np.sort(np.concatenate([split.train, split.validation, split.test])), later)


def test_compressors_that_are_gone_are_left_out() -> None:
    known = split_units(UNITS, FAILED, 0.2, 0.2, seed=5)
    kept = ~np.isin(UNITS, known.test[:1])
    split = extend_split(known, UNITS[kept], FAILED[kept], (0.2, 0.2), seed=5)
    np.testing.assert_array_equal(split.test, known.test[1:])
    np.testing.assert_array_equal(split.train, known.train)


def test_a_history_without_a_failure_to_judge_by_is_refused() -> None:
    known = split_units(UNITS, FAILED, 0.2, 0.2, seed=5)
    with pytest.raises(ModelError, match="no compressor of the test part of the champion's split has a recorded failure"):
        extend_split(known, UNITS, FAILED & ~np.isin(UNITS, known.test), (0.2, 0.2), seed=5)
