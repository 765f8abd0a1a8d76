"""One site for all tests of the folder for the edge."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import polars as pl
import pytest

from config.sections.thresholds import LimitOverride, SensorOverride
from config.settings import Settings
from features.bronze import BronzeLoad, load_files
from features.build import Rules, build_silver_and_gold
from features.lake import COMPRESSORS, Lake
from features.reference_tables.tables import COMPRESSOR_KEY, merge_reference
from pipelines.edge.folder import contract_document, write_folder
from serving.edge.contract import MODEL_FILE
from tests.features.readings import LOADED_AT, compressors
from tests.pipelines.edge.site import Site, dirty_fleet, write_readings
from tests.serving.gold import mean_model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="package")
def site(spark: SparkSession, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Two compressors of STATION-A, and one in another time zone whose model has its own limit."""
    root = tmp_path_factory.mktemp("edge")
    station = settings.fleet.stations["STATION-B"].model_copy(update={"time_zone": "America/Denver"})
    fleet = settings.fleet.model_copy(update={"stations": {**settings.fleet.stations, "STATION-B": station}})
    lower = SensorOverride(warning=LimitOverride(value=3.05, source="maker's service letter"))
    thresholds = settings.thresholds.model_copy(update={"overrides": {"Ariel JGK/4": {"vibration_mms": lower}}})
    known = pl.concat([compressors("C-1", "C-2"), compressors("C-3", "C-4", model="Ariel JGK/4", station_id="STATION-B")])
    own = dataclasses.replace(settings, home=root)
    own.__dict__.update(fleet=fleet, thresholds=thresholds)
    lake, folder = Lake(str(root / "lake")), root / "folder"
    merge_reference(lake, COMPRESSORS, known, COMPRESSOR_KEY)
    readings = write_readings(root / "readings.csv", dirty_fleet())
    load_files(lambda: spark, BronzeLoad(lake, root / "staging", own.etl.ingest, LOADED_AT), [("readings.csv", readings)])
    build_silver_and_gold(lambda: spark, lake, Rules(own.etl, thresholds, fleet, own.quality.sensor_health), LOADED_AT)
    folder.mkdir()
    write_folder(folder, {MODEL_FILE: mean_model().onnx}, contract_document(mean_model(), known, own))
    return Site(lake, own, readings, folder)
