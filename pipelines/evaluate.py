"""altaviz evaluate: the champion on fleets that nobody has trained on, judged by event beside its baseline and bare thresholds."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from config.errors import ModelError
from config.settings import Settings
from pipelines.baselines import BASELINE_KEY, load_baseline, train_mlp, trend_rul
from pipelines.champion import taught_as
from pipelines.console import StageReporter
from pipelines.fleets import UnseenFleet, prepare_fleet, slices
from pipelines.prognoses import Prognosis, Said, comparison, prognosis, prognostics
from pipelines.session import LazySpark

if TYPE_CHECKING:
    import numpy.typing as npt

    from features.onnx_model import OnnxModel
    from monitoring.alarms import Bools, Watch
    from monitoring.calibration import Odds
    from monitoring.performance import Answers
    from serving.registry import RegisteredModel
    from training.baselines import Baseline
    from training.mlp import Mlp

CHAMPION_KEY: Final = "champion"
MLP_KEY: Final = "mlp"
TREND_KEY: Final = "linear_trend"
STATUS_LEVELS_WATCHED: Final = ("critical", "warning")


@dataclass(frozen=True)
class Judged:
    """What one method did on one fleet; `answers` is None where a method predicts no life, `odds` where it gives no probability."""

    watch: Watch
    prognosis: Prognosis
    answers: Answers | None
    odds: Odds | None = None


def evaluate(settings: Settings, spark: LazySpark, report: StageReporter, *, with_reasons: bool = False) -> dict[str, Any]:
    """Evaluate the champion by the protocol of monitoring.alarms and by the labels it was taught; fleets that are there already are used again.

    Returns the champion's numbers (monitoring.performance.summarise and .errors, monitoring.prognostics), the same under `baseline`, `mlp`,
    `linear_trend` and `thresholds` (critical, warning), `fleets` with all of them fleet by fleet, `comparison` (pipelines.prognoses),
    `thinly_covered`: groups whose intervals hold too few lives, `left_out`: why a baseline is not there, and `reasons` (pipelines.evaluate_reasons) where they are asked for.
    Raises NoChampionError, ModelError (made for other features, or no baseline beside it), HomeError.
    """
    from pipelines.tracking import quieten, tracked_run
    from serving.registry import Registry
    from training.runtime import load_tensorflow

    started = time.perf_counter()
    quieten()
    load_tensorflow()
    registry = Registry(settings.tracking_uri)
    champion = registry.champion()
    settings = taught_as(settings, champion.facts)
    baseline = load_baseline(settings, champion)
    mlp = train_mlp(settings, registry, report)
    by_fleet: dict[int, dict[str, Judged]] = {}
    facts, unseen = [], []
    for seed in settings.evaluation.fleets.seeds:
        fleet = prepare_fleet(settings, seed, spark, report)
        with report.stage(f"predict, fleet {seed}") as advance:
            by_fleet[seed] = _judge_all(settings, fleet, champion, baseline, None if isinstance(mlp, str) else mlp)
            advance(1, 1, windows=len(fleet.labelled.index))
        unseen.append(fleet)
        facts.append(
            {"seed": seed, "compressors": len(fleet.labelled.history.compressor_ids), "days": fleet.days, "failures": fleet.failures}
        )
    fleets = [{**fact, **_by_method(settings, [by_fleet[fact["seed"]]])} for fact in facts]
    methods = _by_method(settings, list(by_fleet.values()))
    result = {
        "model_version": champion.version,
        "protocol": {name: limit.value for name, limit in settings.evaluation.protocol},
        **methods.pop(CHAMPION_KEY),
        **methods,
        "comparison": _compare(settings, list(by_fleet.values())),
        "left_out": {MLP_KEY: mlp} if isinstance(mlp, str) else {},
        "fleets": fleets,
    }
    result["thinly_covered"] = _thinly_covered(settings, result)
    if with_reasons:
        from pipelines.evaluate_reasons import judge_reasons

        with report.stage("reasons"):
            result["reasons"] = judge_reasons(settings, unseen, champion)
    with tracked_run(settings, "evaluate") as run:
        _log(settings, result)
        _log_figures(settings, result, by_fleet)
        run_id = run.info.run_id
    return {**result, "run_id": run_id, "seconds": round(time.perf_counter() - started, 2)}


def _judge_all(settings: Settings, fleet: UnseenFleet, champion: RegisteredModel, baseline: Baseline, mlp: Mlp | None) -> dict[str, Judged]:
    """Every method on one fleet, over the same hours."""
    from features.contract import FEATURES, STATUS_LEVELS, WINDOW_STEPS
    from features.onnx_model import OnnxModel

    model, index, values = settings.model, fleet.labelled.index, fleet.labelled.history.values
    network = OnnxModel(champion.onnx, model.scoring.threads)
    if (network.steps, network.features) != (WINDOW_STEPS, len(FEATURES)):
        raise ModelError(f"version {champion.version} takes windows [{network.steps}, {network.features}]: train and register it again")
    others: dict[str, npt.NDArray[np.floating[Any]]] = {
        BASELINE_KEY: baseline.predict_rows(values, index, WINDOW_STEPS, model.scoring.batch_size),
        **({} if mlp is None else {MLP_KEY: mlp.predict_rows(values, index, WINDOW_STEPS, model.scoring.batch_size)}),
        TREND_KEY: trend_rul(settings, fleet),
    }
    judged = {CHAMPION_KEY: judge_network(settings, fleet, network)}
    judged |= {name: _judge(settings, fleet, Said(rul)) for name, rul in others.items()}
    statuses = fleet.worst_statuses()[index.end]
    for level in STATUS_LEVELS_WATCHED:
        judged[level] = _judge_alarms(settings, fleet, statuses >= STATUS_LEVELS.index(level))
    return judged


def judge_network(settings: Settings, fleet: UnseenFleet, network: OnnxModel) -> Judged:
    """What an exported network with its interval and probability does on one fleet."""
    from monitoring.calibration import Odds
    from training.dataset import told_within

    index = fleet.labelled.index
    known, failed = told_within(index.rul, index.censored, settings.model.labels.horizon_days)
    said = network.predict_rows(fleet.labelled.history.values, index.first_row, index.end, settings.model.scoring.batch_size)
    odds = Odds(said.failure_probability[known], failed)
    return _judge(settings, fleet, Said(said.rul, said.rul_lower, said.rul_upper), odds)


def _judge(settings: Settings, fleet: UnseenFleet, said: Said, odds: Odds | None = None) -> Judged:
    """A method that predicts lives; errors by group where it has an interval."""
    from monitoring.performance import Answers

    seen = ~fleet.labelled.index.censored
    lower, upper = (None if bound is None else bound[seen] for bound in (said.lower, said.upper))
    answers = Answers(fleet.labelled.index.rul[seen], said.rul[seen], lower, upper, {} if lower is None else slices(settings, fleet))
    asks = said.rul < settings.evaluation.protocol.alarm_rul_days.value
    return replace(_judge_alarms(settings, fleet, asks, said), answers=answers, odds=odds)


def _judge_alarms(settings: Settings, fleet: UnseenFleet, asks: Bools, said: Said | None = None) -> Judged:
    from monitoring.alarms import join

    watches = fleet.watches(asks, settings.evaluation.protocol)
    return Judged(join(watches), prognosis(settings, fleet, watches, said), None)


def _compare(settings: Settings, fleets: list[dict[str, Judged]]) -> dict[str, Any]:
    """The champion beside every other method, by a bootstrap over the compressors of all fleets."""
    parts = {method: [fleet[method].prognosis for fleet in fleets] for method in fleets[0]}
    return comparison(settings, parts.pop(CHAMPION_KEY), parts)


def _thinly_covered(settings: Settings, result: dict[str, Any]) -> list[dict[str, Any]]:
    """The groups whose intervals hold too few lives: over all fleets together (`fleet` is None), and in each by itself."""
    from monitoring.calibration import thin_groups

    least, windows = settings.evaluation.card.least_coverage.value, settings.evaluation.report.group_windows
    numbers = {None: result, **{fleet["seed"]: fleet[CHAMPION_KEY] for fleet in result["fleets"]}}
    return [{"fleet": seed, **group} for seed, own in numbers.items() for group in thin_groups(own["coverage"], least, windows)]


def _by_method(settings: Settings, fleets: list[dict[str, Judged]]) -> dict[str, Any]:
    """The numbers of every method over `fleets`: champion, baseline, and thresholds by level."""
    numbers = {method: numbers_of(settings, [fleet[method] for fleet in fleets]) for method in fleets[0]}
    thresholds = {level: numbers.pop(level) for level in STATUS_LEVELS_WATCHED}
    return {**numbers, "thresholds": thresholds}


def numbers_of(settings: Settings, fleets: list[Judged]) -> dict[str, Any]:
    """The numbers of one method over all its fleets."""
    from monitoring.alarms import join
    from monitoring.calibration import join_odds, reliability
    from monitoring.performance import errors, join_answers, summarise
    from monitoring.prognostics import errors_by_band

    summary = summarise(join([judged.watch for judged in fleets]), settings.evaluation)
    answers = [judged.answers for judged in fleets if judged.answers is not None]
    if answers:
        joined = join_answers(answers)
        summary |= errors(joined, settings.evaluation.protocol.false_alarm_rul_days.value)
        edges, cap = settings.evaluation.report.rul_bands_days, settings.model.labels.max_rul_days
        summary["rul_bands"] = errors_by_band(joined.true, joined.rul, edges, cap)
        summary["prognostics"] = prognostics(settings, [judged.prognosis for judged in fleets])
    odds = [judged.odds for judged in fleets if judged.odds is not None]
    if odds:
        summary["failure_probability"] = reliability(join_odds(odds), settings.evaluation.report.reliability_bins)
    return summary


def _log(settings: Settings, result: dict[str, Any]) -> None:
    """Parameters, numbers and the whole report of the active run."""
    import mlflow

    from pipelines.tracking import flat_parameters

    mlflow.log_params({"model_version": result["model_version"], **flat_parameters(settings.evaluation.fleets)})
    mlflow.log_params({f"protocol.{name}": value for name, value in result["protocol"].items()})
    for fleet in result["fleets"]:
        mlflow.log_metrics(headline(fleet[CHAMPION_KEY], f"seed_{fleet['seed']}."))
    mlflow.log_metrics(headline(result, ""))
    for name in (BASELINE_KEY, MLP_KEY, TREND_KEY):
        if name in result:
            mlflow.log_metrics(headline(result[name], f"{name}."))
    for level, numbers in result["thresholds"].items():
        mlflow.log_metrics(headline(numbers, f"thresholds_{level}."))
    mlflow.log_dict(result, "evaluation.json")


def _log_figures(settings: Settings, result: dict[str, Any], by_fleet: dict[int, dict[str, Judged]]) -> None:
    """The figures of a model card, of the champion on the unseen fleets, beside its baseline."""
    import mlflow

    from monitoring.performance import join_answers
    from pipelines.figures import Told, ToldLife, judging_figures
    from pipelines.prognoses import BASELINE_NAMES

    lives = [
        ToldLife(f"fleet {seed}", run, other.rul)
        for seed, fleet in by_fleet.items()
        for run, other in zip(fleet[CHAMPION_KEY].prognosis.runs, fleet[BASELINE_KEY].prognosis.runs, strict=True)
    ]
    ours, theirs = (
        join_answers([answers for fleet in by_fleet.values() if (answers := fleet[name].answers) is not None])
        for name in (CHAMPION_KEY, BASELINE_KEY)
    )
    if not len(ours.true):
        return
    reliability_of = {CHAMPION_KEY: result["failure_probability"]["bins"]}
    told = Told(lives, ours.true, ours.rul, theirs.rul, reliability_of, result["coverage"]["rul_days"])
    for name, figure in judging_figures(settings, told, (CHAMPION_KEY, BASELINE_NAMES[BASELINE_KEY])).items():
        mlflow.log_figure(figure, f"plots/{name}")


def headline(numbers: dict[str, Any], prefix: str) -> dict[str, float]:
    """The numbers a run is compared by; one that has no cases is left out."""
    chosen = {
        "recall_5d": numbers["failures_5d"]["recall"],
        "recall": numbers["failures"]["recall"],
        "precision": numbers["alarms"]["precision"],
        "first_alarm_precision": numbers["first_alarms"]["precision"],
        **{
            name: numbers.get(name)
            for name in (
                "false_alarms_per_healthy_compressor_month",
                "rul_rmse_days",
                "rul_rmse_near_failure_days",
                "coverage_90",
                "mean_width_90_days",
            )
        },
        **{name: numbers.get("failure_probability", {}).get(name) for name in ("brier", "expected_calibration_error")},
    }
    return {prefix + name: float(value) for name, value in chosen.items() if value is not None}
