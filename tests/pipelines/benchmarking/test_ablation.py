"""The ablation: every shipped variant runs, its runs are in MLflow, and its rows differ by seed."""

from __future__ import annotations

import pytest

from config.errors import ConfigError
from config.settings import Settings
from pipelines.benchmarking.ablation import COMPLETE, _chosen, _run
from pipelines.runtime.console import StageReporter


def test_every_shipped_variant_changes_the_model(settings: Settings) -> None:
    for variants in (settings.ablation.compressors, settings.ablation.cmapss):
        changed = [settings.with_model(changes).model.model_dump_json() for changes in variants.values()]
        assert len({settings.model.model_dump_json(), *changed}) == len(variants) + 1


def test_a_name_that_is_not_there_is_told_with_those_that_are(settings: Settings) -> None:
    assert list(_chosen(settings.ablation.cmapss, ["no dropout", COMPLETE])) == [COMPLETE, "no dropout"]
    with pytest.raises(ConfigError, match=r"has no variant no LSTM; it has: .*one network"):
        _chosen(settings.ablation.cmapss, ["no LSTM"])


def test_each_training_is_a_nested_run_and_the_means_are_over_the_seeds(settings: Settings) -> None:
    import mlflow

    variants = {COMPLETE: {}, "wider": {"network.dense_units": 64}}

    def measure(varied: Settings, number: int) -> dict[str, float]:
        return {"units": float(varied.model.network.dense_units + number)}

    result = _run(settings, "ablation of a test", variants, 2, measure, StageReporter(interactive=False))
    assert {name: (row["units"], row["values"]["units"]) for name, row in result["variants"].items()} == {
        COMPLETE: (32.5, [32.0, 33.0]),
        "wider": (64.5, [64.0, 65.0]),
    }
    client = mlflow.MlflowClient(settings.tracking_uri)
    parent = client.get_run(result["run_id"])
    children = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{result['run_id']}'")
    assert sorted((child.data.params["variant"], child.data.metrics["units"]) for child in children) == [
        (COMPLETE, 32.0),
        (COMPLETE, 33.0),
        ("wider", 64.0),
        ("wider", 65.0),
    ]
