from __future__ import annotations

import math

import numpy as np
import pytest

from features.model_file.weibull_lifetime import Ageing

RANDOM = Ageing(1.0, 38.0, 200.0)  # a machine that does not age
WORN = Ageing(3.3, 42.0, 70.0)


def test_remaining_life_at_an_age_is_the_share_of_those_that_reached_it() -> None:
    left = WORN.left(np.array([0.0, 20.0]), np.array([0.0, 10.0]))
    reached = [math.exp(-((days / 42) ** 3.3)) for days in (10.0, 20.0, 30.0)]
    assert left == pytest.approx(np.array([[1.0, reached[0]], [1.0, reached[2] / reached[1]]]))


def test_who_is_older_than_any_life_that_was_seen_is_taken_to_be_as_old_as_the_longest() -> None:
    oldest, older = WORN.left(np.array([70.0, 500.0]), np.array([3.0]))[:, 0]
    assert older == oldest == pytest.approx(math.exp((70 / 42) ** 3.3 - (73 / 42) ** 3.3))


@pytest.mark.parametrize("law", [RANDOM, WORN, Ageing(0.7, 30.0, 90.0)])
def test_the_life_of_a_machine_of_unknown_age_is_that_of_one_met_at_a_random_time(law: Ageing) -> None:
    random = np.random.default_rng(3)
    lives = law.scale_days * random.weibull(law.shape, 400_000)
    met = random.choice(lives, size=400_000, p=lives / lives.sum())  # long lives are met more often
    left = met * random.uniform(size=len(met))
    days = np.array([0.0, 3.0, 10.0, 30.0])
    assert law.left_at_any_age(days) == pytest.approx([(left > day).mean() for day in days], abs=4e-3)


def test_where_machines_do_not_age_every_age_says_the_same() -> None:
    days = np.array([0.0, 1.0, 7.0, 30.0])
    assert RANDOM.left(np.array([0.0, 60.0]), days) == pytest.approx(np.tile(np.exp(-days / 38), (2, 1)))
    assert RANDOM.left_at_any_age(days) == pytest.approx(np.exp(-days / 38), abs=1e-5)
    assert RANDOM.mean_days == pytest.approx(38.0)


def test_the_law_travels_as_text() -> None:
    assert Ageing.from_json(WORN.to_json()) == WORN


@pytest.mark.parametrize("numbers", [(0.0, 42.0, 70.0), (3.3, -1.0, 70.0), (3.3, 42.0, math.inf), (3.3, 42.0, math.nan), (3.3, "42", 70.0)])
def test_what_is_no_law_is_refused(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="must be a number above 0"):
        Ageing(*numbers)
