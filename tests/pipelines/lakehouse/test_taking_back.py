"""altaviz retire and altaviz withdraw on a home with a champion: real lake, registry and PostgreSQL, no Spark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import mlflow.onnx
import onnx
import polars as pl
import pytest
from deltalake import write_deltalake

from config.errors import InputError
from config.settings import Settings, load_settings
from features.contract import CHAMPION, WINDOW_STEPS
from features.lake import BRONZE, COMPRESSORS, GOLD, Lake
from features.reference_tables.tables import COMPRESSOR_KEY, merge_reference
from pipelines.lakehouse.taking_back import retire, withdraw
from pipelines.operations.score import score
from pipelines.operations.status import summarise
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_runs import tracked_run
from serving.registry.client import Registry
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.tables import latest_predictions
from tests.features.readings import compressors
from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import refusal_of
from tests.serving.gold import gold_row, mean_model, write_gold

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
FLEET = ("C-1", "C-2", "C-3")


@dataclass(frozen=True)
class Home:
    """A home with a champion, a fleet of three and three loaded files."""

    settings: Settings
    lake: Lake

    def score(self) -> dict[str, Any]:
        """What a score at NOW reports."""
        with StageReporter(interactive=False) as report:
            return score(self.settings, NOW, report)

    def scored(self) -> list[str]:
        """The compressors that it has predictions of."""
        return sorted(row["compressor_id"] for row in self.score()["predictions"])

    def retire(self, compressor_id: str, *, undo: bool = False) -> dict[str, Any]:
        with StageReporter(interactive=False) as report:
            return retire(self.settings, compressor_id, "sold", "ana", report, undo=undo)

    def withdraw(self, asked: str, *, undo: bool = False) -> dict[str, Any]:
        with StageReporter(interactive=False) as report:
            return withdraw(self.settings, asked, "wrong station", "ana", report, undo=undo)

    def status(self) -> dict[str, Any]:
        with StageReporter(interactive=False) as report:
            return summarise(self.settings, report)

    def ranked(self) -> list[str]:
        """The compressors that the service ranks."""
        with migrated_warehouse(self.settings.database, self.settings.home) as warehouse, warehouse.connection() as connection:
            return sorted(row.compressor_id for row in latest_predictions(connection))

    def build_gold(self) -> None:
        """As `features` leaves gold: the next version of the table."""
        hours = range(WINDOW_STEPS)
        write_gold(Path(self.lake.uri(GOLD)), [gold_row(name, NOW - timedelta(hours=hour)) for name in FLEET for hour in hours])


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    # not tmp_path: the embedded server's own user must be able to pass through, and pytest shuts its folders
    with TemporaryDirectory(prefix="altaviz-") as folder:
        settings = load_settings(Path(folder), environ={})
        made = Home(settings, Lake(settings.lake_uri))
        merge_reference(made.lake, COMPRESSORS, compressors(*FLEET), COMPRESSOR_KEY)
        rows = [
            {
                "compressor_id": name,
                "timestamp": NOW - timedelta(hours=1),
                "_source_file": file,
                "_source_sha256": sha * 8,
                "_file_seq": seq,
                "_loaded_at": NOW,
            }
            for seq, (file, sha, name) in enumerate(
                [("a.csv", "aaaa0001", "C-1"), ("a.csv", "aaaa0002", "C-2"), ("b.csv", "bbbb0003", "C-1")]
            )
        ]
        write_deltalake(made.lake.uri(BRONZE), pl.DataFrame(rows))
        made.build_gold()
        with tracked_run(settings, "test"):
            model = onnx.load_from_string(mean_model().onnx)
            logged = mlflow.onnx.log_model(model, name="model", save_as_external_data=False, pip_requirements=["onnxruntime"])
        registry = Registry(settings.tracking_uri)
        registry.set_alias(CHAMPION, registry.register(logged.model_uri, mean_model().facts, {}))
        yield made


def test_a_retired_compressor_is_neither_scored_nor_ranked_until_it_is_taken_back(home: Home) -> None:
    assert home.scored() == home.ranked() == list(FLEET)
    retired = home.retire("C-2")
    assert (retired["retired"], retired["retired_by"]) == (True, "ana by hand: sold")
    assert home.ranked() == ["C-1", "C-3"]
    report = home.score()
    assert (report["retired"], len(report["predictions"])) == (["C-2"], 2)
    assert home.status()["retired_compressors"] == ["C-2"]
    with pytest.raises(InputError, match="C-2 is retired already; --undo puts it back into service"):
        home.retire("C-2")
    assert home.retire("C-2", undo=True)["retired_by"] is None
    assert home.scored() == home.ranked() == list(FLEET)
    with pytest.raises(InputError, match="C-2 is in service: there is nothing to undo"):
        home.retire("C-2", undo=True)
    with pytest.raises(InputError, match="'C-9' is not a known compressor"):
        home.retire("C-9")


def test_predictions_made_from_a_withdrawn_file_are_passed_over_until_they_are_computed_anew(home: Home) -> None:
    home.score()
    withdrawn = home.withdraw("b.csv")
    assert (withdrawn["sha256"], withdrawn["rows"], withdrawn["compressors"], withdrawn["predictions_marked"]) == (
        "bbbb0003" * 8,
        1,
        ["C-1"],
        1,
    )
    assert (withdrawn["withdrawn_by"], withdrawn["reason"]) == ("ana", "wrong station")
    assert home.ranked() == ["C-2", "C-3"]
    home.score()  # without `features`, from the same gold
    assert home.ranked() == ["C-2", "C-3"]
    home.build_gold()
    home.score()
    assert home.ranked() == list(FLEET)
    assert list(home.status()["withdrawn_files"]) == ["b.csv"]
    assert home.withdraw("bbbb0003", undo=True)["withdrawn"] is False
    assert home.status()["withdrawn_files"] == {}


def test_a_name_of_several_files_is_answered_with_the_candidates(home: Home) -> None:
    refusal = refusal_of("withdraw", "a.csv", home=home.settings.home)
    assert refusal.startswith("'a.csv' fits 2 files: aaaa0001aaaa (a.csv, 1 rows, loaded 2026-03-09 12:00 UTC), aaaa0002aaaa")
