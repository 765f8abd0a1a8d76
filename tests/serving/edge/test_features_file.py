"""The features file for people: no id starts a formula, numbers stay numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from features.contract import COMPRESSOR_ID, FEATURES, TEMP_DELTA
from serving.edge.features_file import write_features
from serving.edge.readings import Readings


def test_an_id_is_no_formula_and_a_number_below_zero_stays_one(tmp_path: Path) -> None:
    rows = Readings(np.array([0, 1]), np.array([0, 0]), {})
    features = {name: np.zeros(2) for name in FEATURES} | {TEMP_DELTA: np.array([-3.2, 1.0])}
    write_features(tmp_path / "features.csv", rows, features, ['=HYPERLINK("http://x")', "C-2"])
    with (tmp_path / "features.csv").open(newline="") as stream:
        written = list(csv.DictReader(stream))
    assert [row[COMPRESSOR_ID] for row in written] == ['\'=HYPERLINK("http://x")', "C-2"]
    assert [row[TEMP_DELTA] for row in written] == ["-3.2", "1.0"]
