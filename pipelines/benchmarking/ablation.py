"""Trains the model without one of its parts at a time, over several seeds: `altaviz benchmark ablation`. Each training is an MLflow run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mlflow

from config.errors import ConfigError
from config.settings import Settings
from features.model_file.onnx_model import OnnxModel
from monitoring.evaluation.cmapss import seed_numbers
from monitoring.evaluation.methods import judge_network, numbers_of
from pipelines.evaluation.evaluate import headline
from pipelines.evaluation.simulated_fleets import prepare_fleet
from pipelines.lakehouse.labelled_history import labelled_fleet
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_runs import nested_run, tracked_run
from pipelines.runtime.spark import LazySpark
from training.cmapss.runs import Subset, score_seed
from training.data.history import open_history
from training.trial import run_trial

if TYPE_CHECKING:
    from monitoring.evaluation.unseen_fleet import UnseenFleet

COMPLETE: Final = "complete"  # the variant that nothing is taken out of
_CMAPSS: Final = ("validation_rmse", "ensemble_error_ratio", "rmse_clipped", "score_clipped", "coverage_90", "mean_width_90", "brier")

Measure = Callable[[Settings, int], dict[str, float]]  # settings of a variant, number of the seed from 0


def ablate_cmapss(
    settings: Settings, data: Path, subset: str, seeds: int, only: Sequence[str] | None, report: StageReporter
) -> dict[str, Any]:
    """Train variants of the turbofan model with `seeds` seeds, and score them on the test engines.

    Returns `variants`: name -> for each number its mean over the seeds, `values` seed by seed, and what was changed; run_id, seconds.
    Raises InputError, ConfigError.
    """
    variants = _chosen(settings.ablation.cmapss, only)
    engines = Subset.load(data, subset)

    def measure(varied: Settings, number: int) -> dict[str, float]:
        section = varied.model.cmapss
        numbers = seed_numbers(engines.true_rul, score_seed(engines, varied.model, section.first_seed + number), section)
        return {name: numbers[name] for name in _CMAPSS}

    return _run(settings, f"ablation {subset}", variants, seeds, measure, report)


def ablate_compressors(
    settings: Settings, seeds: int, only: Sequence[str] | None, spark: LazySpark, report: StageReporter
) -> dict[str, Any]:
    """Train variants of the compressor model with `seeds` seeds, and evaluate them on unseen fleets as `altaviz evaluate` does.

    The seed decides the split of the compressors and the networks' first weights. Returns what `ablate_cmapss` does.
    Raises ConfigError, NoDataError, HomeError.
    """
    variants = _chosen(settings.ablation.compressors, only)
    unseen: list[UnseenFleet] = [prepare_fleet(settings, seed, spark, report) for seed in settings.ablation.fleet_seeds]
    fleet = labelled_fleet(settings, open_history([settings.training_lake_uri]), report)

    def measure(varied: Settings, number: int) -> dict[str, float]:
        split = varied.model.split
        config = varied.model.model_copy(update={"split": split.model_copy(update={"seed": split.seed + number})})
        trial = run_trial(fleet, config)
        network = OnnxModel(trial.export.model, config.scoring.threads)
        judged = [judge_network(varied, one, network) for one in unseen]
        return headline(numbers_of(varied, judged), "")

    return _run(settings, "ablation compressors", variants, seeds, measure, report)


def _chosen(variants: Mapping[str, dict[str, Any]], only: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """The complete model and the variants, all or those that are named. Raises ConfigError for a name that ablation.yaml does not have."""
    unknown = sorted(set(only or ()) - set(variants) - {COMPLETE})
    if unknown:
        raise ConfigError(f"ablation.yaml has no variant {', '.join(unknown)}; it has: {', '.join(variants)}")
    complete: dict[str, dict[str, Any]] = {COMPLETE: {}}
    return {name: changes for name, changes in (complete | dict(variants)).items() if not only or name in only}


def _run(
    settings: Settings, name: str, variants: Mapping[str, dict[str, Any]], seeds: int, measure: Measure, report: StageReporter
) -> dict[str, Any]:
    started = time.perf_counter()
    varied = {variant: settings.with_model(changes) for variant, changes in variants.items()}
    for changed in varied.values():
        _ = changed.model  # a key that does not exist fails before the first training
    measured: dict[str, list[dict[str, float]]] = {variant: [] for variant in variants}
    with tracked_run(settings, name) as run, report.stage(name) as advance:
        done = 0
        for number in range(seeds):  # seed by seed, so that an interrupted ablation has compared all variants over the same seeds
            for variant, changed in varied.items():
                with nested_run(f"{variant}, seed {number + 1}", {}):
                    mlflow.log_params({"variant": variant, "seed_number": number + 1, **variants[variant]})
                    measured[variant].append(measure(changed, number))
                    mlflow.log_metrics(measured[variant][-1])
                done += 1
                advance(done, seeds * len(variants))
        result = {variant: {"changed": variants[variant], **_summary(rows)} for variant, rows in measured.items()}
        _log_table(result)
        run_id = run.info.run_id
    return {"ablation": name, "seeds": seeds, "variants": result, "run_id": run_id, "seconds": round(time.perf_counter() - started, 1)}


def _summary(rows: list[dict[str, float]]) -> dict[str, Any]:
    names = [name for name in rows[0] if all(name in row for row in rows)]
    values = {name: [round(row[name], 4) for row in rows] for name in names}
    return {**{name: round(statistics.fmean(row[name] for row in rows), 4) for name in names}, "values": values}


def _log_table(result: dict[str, Any]) -> None:
    for number, (variant, numbers) in enumerate(result.items()):
        mlflow.log_metrics({name: value for name, value in numbers.items() if isinstance(value, float)}, step=number)
        mlflow.set_tag(f"variant_{number}", variant)
    mlflow.log_dict(result, "ablation.json")
