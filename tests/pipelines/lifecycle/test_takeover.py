"""Who may become champion, and what follows when one has: on the demo's home, every part real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import write_deltalake

from config.errors import ModelError
from config.settings import Settings, load_settings
from features.contract import CHAMPION
from features.lake import EVENTS, Lake
from features.reference_tables.tables import read_reference
from pipelines.lifecycle.promotion import promote
from pipelines.lifecycle.versions import rollback, show_model
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark
from serving.registry.client import Registry
from tests.pipelines.console_script import report_of
from tests.pipelines.demo import END_OF_DEMO, ONE_ROUND, SECONDS, Demo, configure
from tests.serving.api.running import serving

NOW = ("--as-of", END_OF_DEMO)
SLOWLY = ("--set", "fit.learning_rate=0.0005")


def test_a_challenger_trained_on_shuffled_labels_is_refused_until_an_operator_overrules_the_gate(demo: Demo) -> None:
    home = demo.before_the_cycle(demo.home.with_name("shuffled"))
    _exchange_failures(home)
    champion = demo.report["model_version"]
    report = report_of("retrain", *NOW, home=home, **demo.quick)
    assert report["decision"] == "refused"
    assert any(
        reason.startswith("the history has changed: the champion's RMSE on its own test windows was ") for reason in report["reasons"]
    )
    assert report["metrics"]["champion_recheck_rmse_days"] > 1.1 * report["metrics"]["champion_recorded_rmse_days"]
    models = report_of("models", "list", home=home, **demo.quick)
    assert models["champion"] == champion
    assert {model["version"]: model["aliases"] for model in models["models"]}[report["version"]] == ["challenger"]

    settings, refused = load_settings(home, environ=demo.quick), report["version"]
    with pytest.raises(ModelError, match=rf"the gate refuses version {refused}: .*the history has changed: .*--force --reason TEXT"):
        _promote(settings, refused, force=False)
    assert Registry(settings.tracking_uri).version_of(CHAMPION) == champion
    forced = _promote(settings, refused, force=True)
    assert (forced["champion"], forced["previous_version"], forced["forced"], forced["reasons"][0]) == (refused, champion, True, "a drill")
    decisions = show_model(settings, refused)["decisions"]
    assert [(row["decision"], row["trigger"]) for row in decisions] == [
        ("promoted", "operator"),
        ("refused", "operator"),
        ("refused", "retrain"),
    ]
    for row in decisions:
        checks = {check["name"]: check for check in row["checks"]}
        assert {"baseline", "champion", "history", "unseen_error", "unseen_recall", "unseen_slices", "coverage", "parity", "overlap"} < set(
            checks
        )
        assert not checks["history"]["passed"]
        assert checks["overlap"]["numbers"]["shared_compressors"] == 0
        assert checks["parity"]["numbers"]["onnx_max_abs_difference"] == pytest.approx(report["onnx_max_abs_difference"])
    assert decisions[0]["metrics"]["champion_unseen_rmse_days"] == decisions[2]["metrics"]["champion_unseen_rmse_days"]
    assert rollback(settings, None, None)["champion"] == champion


def test_a_promoted_challenger_is_what_scores_and_what_a_restarted_service_uses_until_it_is_rolled_back(demo: Demo) -> None:
    home = demo.after_the_features(demo.home.with_name("takeover"))
    (home / "mlflow.db").unlink()
    # how exactly a model of one slow epoch is exported is not what is asked here
    coarse = configure(home.with_name("coarse"), SECONDS | {"export": {"max_abs_difference": 0.001}})
    first = report_of("train", *SLOWLY, home=home, **coarse)
    assert (first["version"], first["promoted"]) == ("1", True), first["reasons"]
    assert _versions_served(home, demo) == ("1", "1")
    second = report_of("retrain", *NOW, home=home, **configure(home.with_name("one_round"), ONE_ROUND))
    assert (second["version"], second["decision"]) == ("2", "promoted"), second["reasons"]
    assert second["metrics"]["rmse_days"] < second["metrics"]["champion_rmse_days"]
    assert _versions_served(home, demo) == ("2", "2")
    back = report_of("models", "rollback", "--reason", "a try", home=home, **demo.environment)
    assert (back["champion"], back["previous_version"], back["reasons"]) == ("1", "2", ["a try"])
    assert _versions_served(home, demo) == ("1", "1")
    decisions = report_of("models", "show", "1", home=home, **demo.environment)["decisions"]
    assert {(row["decision"], row["previous_version"]) for row in decisions} == {("promoted", None), ("rolled_back", "2")}


def _promote(settings: Settings, version: str, *, force: bool) -> dict[str, Any]:
    with StageReporter(interactive=False) as report, LazySpark(settings) as spark:
        promoted = promote(settings, version, "a drill", spark, report, force=force)
        assert spark._session is None  # the fleet is there
    return promoted


def _exchange_failures(home: Path) -> None:
    """Give every maintenance event of the training history to another compressor than the one it happened to."""
    lake = Lake(str(home / "history" / "lake"))
    events = read_reference(lake, EVENTS)
    names = events["compressor_id"].unique().sort().to_list()
    other = dict(zip(names, names[1:] + names[:1], strict=True))
    exchanged = events.with_columns(pl.col("compressor_id").replace_strict(other))
    write_deltalake(lake.uri(EVENTS), exchanged, mode="overwrite", schema_mode="overwrite")


def _versions_served(home: Path, demo: Demo) -> tuple[str, str]:
    """The model version that `altaviz score` uses, and the one that a service started now uses."""
    scored = report_of("score", *NOW, home=home, **demo.environment)
    with serving(home, **demo.environment) as service:
        return scored["model_version"], service.score(as_of=END_OF_DEMO)["model_version"]
