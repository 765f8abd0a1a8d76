"""Literal gold tables, and models with outputs that can be computed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import polars as pl
from deltalake import DeltaTable, write_deltalake
from onnx import TensorProto, helper, numpy_helper

from config.loader import CONFIG_DIR, load_section
from config.sections.costs import CostsConfig
from config.sections.scoring import ScoringConfig
from features.contract import COMPRESSOR_ID, DATA_FAULTS, DATE, FEATURE_SET_VERSION, FEATURES, STATUS_FEATURES, TIMESTAMP, WINDOW_STEPS
from features.model_file.weibull_lifetime import METADATA_KEY, Ageing
from serving.registry.model_version import ModelFacts, RegisteredModel

Cell = tuple[str, int]  # feature and step of a window; -1 is the last step
SCORING = load_section(CONFIG_DIR / "scoring.yaml", ScoringConfig, {})
COSTS = load_section(CONFIG_DIR / "costs.yaml", CostsConfig, {})


def gold_row(compressor_id: str, timestamp: datetime, **features: Any) -> dict[str, Any]:
    """A gold row: every number 1.0 and every status normal unless given."""
    values = {name: "normal" if name in STATUS_FEATURES else 1.0 for name in FEATURES}
    return {COMPRESSOR_ID: compressor_id, TIMESTAMP: timestamp, DATE: timestamp.date(), **values, DATA_FAULTS: None, **features}


def write_gold(folder: Path, rows: Sequence[Mapping[str, Any]]) -> DeltaTable:
    """The rows as a Delta table partitioned by date, as the medallion writes it."""
    statuses = dict.fromkeys(STATUS_FEATURES, pl.String)
    numbers = {name: pl.Float64 for name in FEATURES if name not in STATUS_FEATURES}
    schema = {COMPRESSOR_ID: pl.String, TIMESTAMP: pl.Datetime("us", "UTC"), DATE: pl.Date, **numbers, **statuses, DATA_FAULTS: pl.String}
    frame = pl.DataFrame(list(rows), schema=schema).select(COMPRESSOR_ID, TIMESTAMP, DATE, *FEATURES, DATA_FAULTS)
    write_deltalake(str(folder), frame.to_arrow(), partition_by=[DATE], mode="overwrite")
    return DeltaTable(str(folder))


def mean_model(version: str = "7", steps: int = WINDOW_STEPS) -> RegisteredModel:
    """A model whose life is the mean of vibration_1hr_mean over the window.

    The interval is half and one and a half of it. The probability is 1 / (1 + life).
    """
    numbers = {"feature": np.int64(0), "half": np.float32(0.5), "more": np.float32(1.5), "one": np.float32(1), "steps": np.array([1])}
    nodes = [
        helper.make_node("ReduceMean", ["windows", "steps"], ["means"], keepdims=0),
        helper.make_node("Gather", ["means", "feature"], ["rul"], axis=1),
        helper.make_node("Mul", ["rul", "half"], ["rul_lower"]),
        helper.make_node("Mul", ["rul", "more"], ["rul_upper"]),
        helper.make_node("Add", ["rul", "one"], ["more_than_rul"]),
        helper.make_node("Div", ["one", "more_than_rul"], ["failure_probability"]),
    ]
    return _registered(version, "mean", nodes, numbers, steps)


def with_ageing(model: RegisteredModel, law: Ageing) -> RegisteredModel:
    """The same model, with a law of lives."""
    proto = onnx.load_from_string(model.onnx)
    helper.set_model_props(proto, {METADATA_KEY: law.to_json()})
    return replace(model, onnx=proto.SerializeToString())


def drivers_model(
    life: float, weights: Mapping[str, float], *, product: Sequence[Cell] = (), means: float = 0.0, version: str = "7"
) -> RegisteredModel:
    """A model with known drivers. Its life is `life` + weighted features of the last step + the product of the features at the cells.

    Weights are by feature, product cells are (feature, step). NaN is replaced by `means`, as in the network. The probability is 1 - life / 30.
    """
    weighing = np.zeros((WINDOW_STEPS, len(FEATURES)), np.float32)
    for name, weight in weights.items():
        weighing[-1, FEATURES.index(name)] = weight
    constants = {
        "means": np.float32(means),
        "weighing": weighing.reshape(-1, 1),
        "flat": np.array([-1, weighing.size]),
        "life": np.float32(life),
        "one": np.float32(1),
        "month": np.float32(30),
        "last": np.array([1]),
    }
    nodes = [
        helper.make_node("IsNaN", ["windows"], ["missing"]),
        helper.make_node("Where", ["missing", "means", "windows"], ["known"]),
        helper.make_node("Reshape", ["known", "flat"], ["cells"]),
        helper.make_node("MatMul", ["cells", "weighing"], ["weighed"]),
        helper.make_node("Add", ["weighed", "life"], ["life_0"]),
    ]
    if product:
        constants["product"] = np.array([(step % WINDOW_STEPS) * len(FEATURES) + FEATURES.index(name) for name, step in product])
        nodes += [
            helper.make_node("Gather", ["cells", "product"], ["factors"], axis=1),
            helper.make_node("ReduceProd", ["factors", "last"], ["multiplied"], keepdims=1),
            helper.make_node("Add", ["life_0", "multiplied"], ["life_1"]),
        ]
    nodes += [
        helper.make_node("Squeeze", ["life_1" if product else "life_0", "last"], ["rul"]),
        helper.make_node("Identity", ["rul"], ["rul_lower"]),
        helper.make_node("Identity", ["rul"], ["rul_upper"]),
        helper.make_node("Div", ["rul", "month"], ["share"]),
        helper.make_node("Sub", ["one", "share"], ["failure_probability"]),
    ]
    return _registered(version, "drivers", nodes, constants, WINDOW_STEPS)


def _registered(
    version: str, name: str, nodes: Sequence[onnx.NodeProto], constants: Mapping[str, npt.ArrayLike], steps: int
) -> RegisteredModel:
    graph = helper.make_graph(
        list(nodes),
        name,
        [helper.make_tensor_value_info("windows", TensorProto.FLOAT, ["n", steps, len(FEATURES)])],
        [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n"])
            for output in ("rul", "rul_lower", "rul_upper", "failure_probability")
        ],
        [numpy_helper.from_array(np.asarray(value), constant) for constant, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    facts = ModelFacts(FEATURE_SET_VERSION, 30.0, 3.0, 0, 1.0, 2.0)
    return RegisteredModel(version, "run", facts, model.SerializeToString())
