"""The whole comparison on made-up fleets whose drift is known."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from config.sections.monitoring import MonitoringConfig
from config.settings import Settings
from monitoring.drift.decision import decide
from monitoring.drift.distances import Distances, FeatureDistance, measure_drift
from monitoring.drift.reference import Reference, make_reference
from monitoring.drift.snapshots import COMPARED, FleetSnapshots
from tests.monitoring.drift.snapshots import LIVES, PER_DAY, TEMPERATURES, WEEK, fleet, moved

WARNING_DAYS = 14.0
WEEKS = 17  # of the training fleet's history: 14 that have three before them
TRAINED, COMPRESSORS = 60, 30  # in the training fleet, in a later one
NAMES = [COMPARED[number] for number in TEMPERATURES]


@pytest.fixture(scope="module")
def config(settings: Settings) -> MonitoringConfig:
    """The shipped one with fewer draws."""
    shipped = settings.monitoring
    return shipped.model_copy(update={"decision": shipped.decision.model_copy(update={"resamples": 3000})})


@pytest.fixture(scope="module")
def reference(config: MonitoringConfig) -> Reference:
    return make_reference(fleet(np.random.default_rng(1), TRAINED, WEEKS), config.reference)


@pytest.fixture(scope="module")
def later() -> FleetSnapshots:
    """Four weeks of another fleet, undisturbed."""
    return fleet(np.random.default_rng(2), COMPRESSORS, 4)


def measure(reference: Reference, snapshots: FleetSnapshots, config: MonitoringConfig) -> Distances:
    return measure_drift(reference, snapshots, config, WARNING_DAYS)


def drifted(reference: Reference, snapshots: FleetSnapshots, config: MonitoringConfig) -> list[str]:
    return decide(measure(reference, snapshots, config), config.decision).drifted_features


def of(distances: Distances, name: str) -> FeatureDistance:
    return next(item for item in distances.features if item.name == name)


def test_undisturbed_weeks_of_other_fleets_drift_as_seldom_as_asked(reference: Reference, config: MonitoringConfig) -> None:
    found = [drifted(reference, fleet(np.random.default_rng(seed), COMPRESSORS, 4), config) for seed in range(100, 120)]
    assert config.decision.false_drift_share.value == 0.02
    assert sum(map(bool, found)) <= 2  # of 20; more happens once in 140 times at that level


def test_a_third_of_the_compressors_that_read_high_is_found_and_named(
    reference: Reference, later: FleetSnapshots, config: MonitoringConfig
) -> None:
    high = moved(later, 10, TEMPERATURES, by=8.0)
    assert drifted(reference, high, config) == NAMES
    distance = of(measure(reference, high, config), NAMES[0])
    assert distance.outside == pytest.approx(1 / 3, abs=0.1)
    assert distance.fleet_shift == pytest.approx(0, abs=1.0)


def test_a_tenth_of_the_compressors_is_no_drift_of_the_fleet(reference: Reference, later: FleetSnapshots, config: MonitoringConfig) -> None:
    assert drifted(reference, moved(later, 3, TEMPERATURES, by=8.0), config) == []


def test_a_movement_of_the_whole_fleet_beyond_its_weeks_is_drift(
    reference: Reference, later: FleetSnapshots, config: MonitoringConfig
) -> None:
    distances = measure(reference, moved(later, COMPRESSORS, [0], by=8.0), config)
    assert decide(distances, config.decision).drifted_features == [COMPARED[0]]
    assert of(distances, COMPARED[0]).fleet_shift == pytest.approx(8.0, abs=0.5)


def test_what_a_fleet_does_from_week_to_week_is_no_drift(config: MonitoringConfig) -> None:
    weather = make_reference(fleet(np.random.default_rng(3), TRAINED, WEEKS, common=3.0), config.reference)
    weeks = [fleet(np.random.default_rng(seed), COMPRESSORS, 4, common=3.0) for seed in range(200, 206)]
    assert [drifted(weather, week, config) for week in weeks] == [[]] * 6


def test_levels_that_no_compressor_of_the_training_fleet_had_are_no_drift(
    reference: Reference, later: FleetSnapshots, config: MonitoringConfig
) -> None:
    assert drifted(reference, moved(later, COMPRESSORS, TEMPERATURES, by=500.0, days=28), config) == []


def test_p_values_are_corrected_for_the_number_of_features(reference: Reference, later: FleetSnapshots, config: MonitoringConfig) -> None:
    features = measure(reference, moved(later, 10, TEMPERATURES, by=8.0), config).features
    p_values = np.array([item.p_value for item in features], np.float64)
    order = np.argsort(p_values)
    steps = p_values[order] * len(p_values) / np.arange(1, len(p_values) + 1)
    by_hand = np.minimum.accumulate(steps[::-1])[::-1]  # Benjamini and Hochberg
    assert [features[number].p_adjusted for number in order] == pytest.approx(by_hand)


def test_a_feature_that_nobody_reports_is_not_compared_and_the_others_are(
    reference: Reference, later: FleetSnapshots, config: MonitoringConfig
) -> None:
    silent = FleetSnapshots(later.values.copy(), later.rul, later.stride_hours)
    silent.values[:, :, 0] = np.nan
    distances = measure(reference, moved(silent, 10, TEMPERATURES, by=8.0), config)
    assert set(astuple(of(distances, COMPARED[0]))[1:]) == {None}
    assert decide(distances, config.decision).drifted_features == NAMES


def test_a_feature_that_never_moves_is_no_drift_and_its_first_movement_is(config: MonitoringConfig) -> None:
    steady, now = fleet(np.random.default_rng(1), TRAINED, WEEKS), fleet(np.random.default_rng(2), COMPRESSORS, 4)
    for snapshots in (steady, now):
        snapshots.values[:, :, 0] = 7.0
    reference = make_reference(steady, config.reference)
    assert drifted(reference, now, config) == []
    assert drifted(reference, moved(now, 10, [0], by=1.0), config) == [COMPARED[0]]


def test_new_and_vanished_compressors_are_counted_for_their_predictions_only(
    reference: Reference, later: FleetSnapshots, config: MonitoringConfig
) -> None:
    snapshots = FleetSnapshots(later.values.copy(), later.rul.copy(), later.stride_hours)
    snapshots.rul[:4, : 25 * PER_DAY] = np.nan  # here since three days
    snapshots.rul[4:6, -WEEK:] = np.nan  # not here any more
    distances = measure(reference, snapshots, config)
    assert (distances.compressors, distances.compared) == (28, 24)


def test_failing_machines_are_not_compared(reference: Reference, later: FleetSnapshots, config: MonitoringConfig) -> None:
    snapshots = moved(later, 10, TEMPERATURES, by=8.0)
    snapshots.rul[:10, -WEEK:] = 5.0
    distances = measure(reference, snapshots, config)
    assert distances.compared == 20
    assert decide(distances, config.decision).drifted_features == []


def test_too_few_compressors_are_not_compared(reference: Reference, later: FleetSnapshots, config: MonitoringConfig) -> None:
    distances = measure(reference, FleetSnapshots(later.values[:4], later.rul[:4], 4), config)
    assert (distances.compared, distances.prediction_psi) == (4, None)
    assert distances.features == [FeatureDistance(name) for name in COMPARED]


def test_a_young_fleet_is_compared_over_fewer_days(reference: Reference, later: FleetSnapshots, config: MonitoringConfig) -> None:
    demo = FleetSnapshots(later.values[:10, :WEEK], later.rul[:10, :WEEK].copy(), 4)
    demo.rul[:, :4] = np.nan
    distances = measure(reference, demo, config)
    assert (distances.current_days, distances.baseline_days) == (2, 26 / 6)
    assert decide(distances, config.decision).drift is False


def test_a_history_of_a_day_has_predictions_only(reference: Reference, later: FleetSnapshots, config: MonitoringConfig) -> None:
    distances = measure(reference, FleetSnapshots(later.values[:, :8], later.rul[:, :8], 4), config)
    assert (distances.baseline_days, distances.compared) == (0, 0)
    assert distances.prediction_psi is not None


def test_without_any_prediction_nothing_is_compared(reference: Reference, later: FleetSnapshots, config: MonitoringConfig) -> None:
    distances = measure(reference, FleetSnapshots(later.values, np.full_like(later.rul, np.nan), 4), config)
    assert (distances.compressors, distances.current_days, distances.prediction_psi) == (0, 0, None)


def test_a_reference_shorter_than_what_is_compared_knows_no_weeks(later: FleetSnapshots, config: MonitoringConfig) -> None:
    short = make_reference(fleet(np.random.default_rng(1), TRAINED, 3), config.reference)
    assert (measure(short, later, config).compared, measure(short, later, config).reference_weeks) == (COMPRESSORS, 0)


def test_two_weeks_of_a_reference_do_not_show_how_weeks_differ_and_three_do(later: FleetSnapshots, config: MonitoringConfig) -> None:
    distances = [
        measure(make_reference(fleet(np.random.default_rng(1), TRAINED, weeks), config.reference), later, config) for weeks in (2, 5, 6)
    ]
    assert [item.reference_weeks for item in distances] == [0, 2, 3]
    assert [item.features[0].psi is None for item in distances] == [True, True, False]
    assert [item.prediction_psi is None for item in distances] == [True, False, False]


def test_months_without_data_between_two_lakes_of_the_reference_are_no_weeks(later: FleetSnapshots, config: MonitoringConfig) -> None:
    first, second = fleet(np.random.default_rng(5), 60, 9), fleet(np.random.default_rng(6), 30, 9)
    snapshots = 9 + 20 + 9  # weeks: the first lake's, a gap, the second one's
    values = np.full((90, snapshots * WEEK, len(COMPARED)), np.nan, np.float32)
    rul = np.full(values.shape[:2], np.nan, np.float32)
    values[:60, : 9 * WEEK], rul[:60, : 9 * WEEK] = first.values, first.rul
    values[60:, -9 * WEEK :], rul[60:, -9 * WEEK :] = second.values, second.rul
    distances = measure(make_reference(FleetSnapshots(values, rul, 4), config.reference), later, config)
    # the first lake's begin after three whole weeks, as the record does; of the second one a week before is baseline enough
    assert distances.reference_weeks == 6 + 8
    assert decide(distances, config.decision).drift is False
    # a fleet moves by little here, and 20 weeks of no movement at all would make it less
    assert of(distances, COMPARED[0]).fleet_effect is not None


def test_predictions_are_held_against_the_references_own_weeks(
    reference: Reference, later: FleetSnapshots, config: MonitoringConfig
) -> None:
    same = measure(reference, later, config)
    assert same.prediction_psi is not None
    assert same.prediction_psi < 0.05
    shorter = FleetSnapshots(later.values, later.rul / 2, later.stride_hours)
    found = measure(reference, shorter, config)
    assert found.prediction_psi is not None
    assert found.prediction_psi_by_chance is not None
    assert found.prediction_psi > 2 > 0.1 > found.prediction_psi_by_chance
    assert decide(found, config.decision).retrain is True


def test_the_same_days_give_the_same_numbers(reference: Reference, later: FleetSnapshots, config: MonitoringConfig) -> None:
    assert measure(reference, later, config) == measure(reference, later, config)


def test_lives_of_the_made_up_fleets_are_healthy_ones() -> None:
    assert LIVES[0] > WARNING_DAYS
