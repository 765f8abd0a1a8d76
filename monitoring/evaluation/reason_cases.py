"""altaviz evaluate --reasons: whether the first reason of a caught failure names a sensor that its mode moves.

It also compares the model with naive methods and with random weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from config.settings import Settings
from features.arrays import Bools, Doubles, Float32s
from features.contract import DISCHARGE_TEMP, MODEL_SENSORS, WINDOW_STEP_HOURS, WINDOW_STEPS
from features.model_file.onnx_model import OnnxModel
from features.simulator.wear import relative_change
from features.windows import gather
from monitoring.evaluation.reason_metrics import first_named, hits, largest_change, mode_truth, sanity
from monitoring.evaluation.unseen_fleet import UnseenFleet
from serving.prediction.attribution import BLOCKS, attribute, restored_days
from serving.prediction.reference_day import best_days, past_days
from training.diagnostics.weight_randomisation import randomised

if TYPE_CHECKING:
    from monitoring.evaluation.reason_metrics import Truth
    from serving.registry.model_version import RegisteredModel

REASONS: Final = "reasons"
LARGEST_CHANGE: Final = "largest_change"
ALWAYS_TEMPERATURE: Final = "always_temperature"
_HOURS_PER_DAY: Final = 24


@dataclass(frozen=True)
class Cases:
    """Caught failures, each with the window at the hour its alarm was raised."""

    windows: Float32s  # [cases, steps, features]
    references: Float32s  # the same of each compressor's best day before
    comparable: Bools  # [cases] whether there is such a day
    modes: list[str]


def judge_reasons(settings: Settings, fleets: Sequence[UnseenFleet], champion: RegisteredModel) -> dict[str, Any]:
    """cases, methods and by_mode (monitoring.evaluation.reason_metrics.hits), and randomised: agreement with models of random weights.

    Raises ModelError when the champion has no weights that could be drawn anew.
    """
    network = OnnxModel(champion.onnx, settings.model.scoring.threads)
    found = [_caught(settings, fleet, network) for fleet in fleets]
    windows, references = (np.concatenate([getattr(cases, name) for cases in found]) for name in ("windows", "references"))
    comparable = np.concatenate([cases.comparable for cases in found])
    modes = [mode for cases in found for mode in cases.modes]
    attributions = attribute(network, windows, references)
    named = first_named(attributions.of_sensors(), settings.scoring.reasons.least_days.value)
    named_by_method = {
        REASONS: [sensor if known else "" for sensor, known in zip(named, comparable, strict=True)],
        LARGEST_CHANGE: largest_change(windows),
        ALWAYS_TEMPERATURE: [DISCHARGE_TEMP] * len(modes),
    }
    return {
        **hits(modes, named_by_method, restored_days(network, windows, references), _truths(settings), settings.evaluation),
        "randomised": _randomised(settings, champion, windows[comparable], references[comparable], attributions.rul_days[comparable]),
    }


def _caught(settings: Settings, fleet: UnseenFleet, network: OnnxModel) -> Cases:
    """The caught failures of one fleet, by the definition of monitoring.evaluation.alarms."""
    history, index, protocol = fleet.labelled.history, fleet.labelled.index, settings.evaluation.protocol
    predicted = network.predict_rows(history.values, index.first_row, index.end, settings.model.scoring.batch_size)
    watches = fleet.watches(predicted.rul < protocol.alarm_rul_days.value, protocol)
    caught = [(unit, failure) for unit, watch in enumerate(watches) for failure in watch.failures if failure.caught]
    units = np.array([unit for unit, _ in caught], np.int64)
    hours = np.array([round(failure.caught_at * _HOURS_PER_DAY / WINDOW_STEP_HOURS) for _, failure in caught], np.int64)
    first_rows = history.first_rows()[units]
    best = best_days(network, past_days(history, units, hours), settings.scoring)
    windows = gather(history.values, first_rows, first_rows + hours, WINDOW_STEPS)
    return Cases(windows, best.windows, best.days_before > 0, [failure.mode for _, failure in caught])


def _truths(settings: Settings) -> dict[str, Truth]:
    """The effect of each failure mode of the simulator on the sensors at the failure."""
    return {
        name: mode_truth(
            {sensor: float(relative_change(effect, np.array(mode.wear_at_failure))) for sensor, effect in mode.effects.items()},
            settings.evaluation.reasons.leading_share.value,
        )
        for name, mode in settings.simulator.modes.items()
    }


def _randomised(
    settings: Settings, champion: RegisteredModel, windows: Float32s, references: Float32s, attributions: Doubles
) -> dict[str, Any]:
    """monitoring.evaluation.reason_metrics.sanity of the champion's attributions [cases, sensors, blocks]."""
    flat = (len(windows), len(MODEL_SENSORS) * len(BLOCKS))
    networks = (
        OnnxModel(randomised(champion.onnx, seed), settings.model.scoring.threads)
        for seed in range(settings.evaluation.reasons.randomised_models)
    )
    return sanity(attributions.reshape(flat), [attribute(network, windows, references).rul_days.reshape(flat) for network in networks])
