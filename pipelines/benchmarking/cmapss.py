"""Trains and scores the same code on NASA's turbofan engines: `altaviz benchmark cmapss`. Each seed is an MLflow run."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import polars as pl

from config.settings import Settings
from features.model_file.onnx_session import OUTPUTS
from monitoring.evaluation.cmapss import judge, seed_numbers
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_runs import nested_run, tracked_run
from training.cmapss.runs import Subset, score_seed

if TYPE_CHECKING:
    from training.cmapss.runs import SeedScores
    from training.network.fit import EpochLog


def cmapss(settings: Settings, data: Path, name: str, seeds: int, report: StageReporter) -> dict[str, Any]:
    """Train on the subset `name`, e.g. FD001, with `seeds` seeds, and score its test engines once with each.

    Returns the numbers of monitoring.evaluation.cmapss.judge, with benchmark, subset, seconds, peak_rss_mb of the process and run_id. The
    run's engines.csv holds the predictions for every engine. Raises InputError, ConfigError, ExportError, ModelError (MLflow's store does
    not work).
    """
    started = time.perf_counter()
    section = settings.model.cmapss
    subset = Subset.load(data, name)
    scores: list[SeedScores] = []
    with tracked_run(settings, f"cmapss {name}") as run, report.stage(f"cmapss {name}") as advance:
        mlflow.log_params({"subset": name, "seeds": seeds, **settings.model_overrides})
        for seed in range(section.first_seed, section.first_seed + seeds):

            def progress(epoch: int, epochs: int, log: EpochLog) -> None:
                done = len(scores) * epochs + epoch
                advance(done, seeds * epochs, seed=len(scores) + 1, **{name: round(value, 2) for name, value in log.items()})

            with nested_run(f"cmapss {name}, seed {seed}", {"subset": name, "seed": str(seed)}):
                scores.append(score_seed(subset, settings.model, seed, progress))
                mlflow.log_metrics(seed_numbers(subset.true_rul, scores[-1], section))
        judged = judge(subset.true_rul, scores, section, settings.evaluation)
        mlflow.log_metrics({key: value for key, value in judged.items() if isinstance(value, float)})
        result = {
            "benchmark": "cmapss",
            "subset": name,
            **judged,
            "seconds": round(time.perf_counter() - started, 1),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),  # Linux counts KiB
            "run_id": run.info.run_id,
        }
        mlflow.log_dict(result, "cmapss.json")
        mlflow.log_text(_engines(subset, scores), "engines.csv")
    return result


def _engines(subset: Subset, scores: list[SeedScores]) -> str:
    """CSV with a row for each seed and test engine: prediction and truth, in cycles."""
    return pl.concat(
        pl.DataFrame(
            {
                "seed": one.seed,
                "unit": subset.test.units,
                "true_rul": subset.true_rul,
                **{output: getattr(one.predictions, output) for output in OUTPUTS},
                **one.baselines,
            }
        )
        for one in scores
    ).write_csv()
