"""altaviz export-edge: the champion as a folder for the edge, checked against gold and the predictor, and measured."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from pathlib import Path
from typing import Any, Final

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from config.errors import InputError
from config.logs import get_log
from config.settings import Settings
from features.lake import COMPRESSORS, GOLD, Lake
from features.reference_tables.tables import read_reference
from monitoring.gate.champion import KnownChampion, known_champion
from pipelines.edge.archive import PROGRAM_FILE
from pipelines.edge.folder import QUANTISED_FILE, contract_document, write_folder
from pipelines.edge.footprint import measure_loss, measure_speed
from pipelines.edge.parity import check_folder, write_readings
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.templates import templates
from serving.edge.contract import CONTRACT_FILE, MODEL_FILE, SUMS_FILE, ZONE_FOLDER, folder_sums
from serving.registry.client import Registry
from serving.registry.model_record import ModelRecord
from serving.schemas import EdgeExport, present_moment
from serving.warehouse import tables
from serving.warehouse.migrations import migrated_warehouse

REPORT_FILE: Final = "report.json"
README_FILE: Final = "README.md"
_QUANTISED_NODES: Final = ["LSTM"]  # they hold nearly all weights; with the heads too, the file is 0.4 kB smaller and less accurate
_OWN_FILES: Final = frozenset((CONTRACT_FILE, PROGRAM_FILE, ZONE_FOLDER, MODEL_FILE, QUANTISED_FILE, REPORT_FILE, README_FILE, SUMS_FILE))


def export_edge(settings: Settings, out: Path, report: StageReporter) -> dict[str, Any]:
    """Write the champion's folder to `out`. An earlier export there is replaced once the new one is whole.

    Its digest, the SHA-256 of SHA256SUMS, is stored in `edge_exports` before the folder appears.

    Returns the digest, the folder and the content of report.json:
        model_version, as_of, check (rows, largest_difference, predictions)
        models, by file: bytes, start_ms, open_ms, window_ms (p50, p99)
        models, by file, on held-out windows: rmse_days, coverage_90, mean_width_90_days, brier
        quantised_against_float, windows

    Raises NoChampionError, NoDataError, ModelError, WarehouseError. Raises InputError when `out` holds other files. Raises ExportError when
    the folder differs from gold or the predictor.
    """
    out = out.resolve()  # also of `.` and of links: the folder itself is replaced
    _require_free(out)
    quieten()
    lake = Lake(settings.lake_uri)
    lake.delta(GOLD)  # raises without gold
    compressors = read_reference(lake, COMPRESSORS)
    with report.stage("champion"), migrated_warehouse(settings.database, settings.home) as warehouse:
        registry = Registry(settings.tracking_uri, ModelRecord(warehouse))
        champion = known_champion(registry) or KnownChampion(registry.champion(), None)
    with report.stage("quantise"):
        models = {MODEL_FILE: champion.model.onnx, QUANTISED_FILE: quantise(champion.model.onnx)}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as name:
        folder, scratch = Path(name) / "folder", Path(name) / "scratch"
        for path in (folder, scratch):
            path.mkdir()
        write_folder(folder, models, contract_document(champion.model, compressors, settings))
        with report.stage("check"):
            readings, newest = write_readings(lake, compressors, settings, scratch / "readings.csv")
            check = check_folder(settings, lake, champion.model, folder, readings, newest)
        windows, loss = measure_loss(settings, champion, models, report)
        with report.stage("speed"):
            speed = {file: measure_speed(folder, file, readings, newest, windows) for file in models}
        result = {
            "model_version": champion.model.version,
            "as_of": f"{newest:%Y-%m-%dT%H:%M:%SZ}",
            "check": check,
            "models": {file: {"bytes": len(content), **speed[file], **loss["models"][file]} for file, content in models.items()},
            "quantised_against_float": loss["difference"],
            "windows": loss["windows"],
        }
        (folder / REPORT_FILE).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (folder / README_FILE).write_text(readme(result), encoding="utf-8")
        sums = folder_sums(folder)
        (folder / SUMS_FILE).write_text(sums, encoding="utf-8")
        digest = hashlib.sha256(sums.encode()).hexdigest()
        exported = EdgeExport(digest, champion.version, champion.model.sha256, str(out), present_moment())
        with (
            report.stage("record"),
            migrated_warehouse(settings.database, settings.home) as warehouse,
            warehouse.connection() as connection,
        ):
            tables.upsert_edge_export(connection, exported)
        if out.exists():
            out.replace(Path(name) / "earlier")  # goes with the temporary folder
        folder.replace(out)
    get_log().info("edge folder exported", folder=str(out), digest=digest, model_version=champion.version)
    return {"folder": out, "digest": digest, **result}


def _require_free(out: Path) -> None:
    """Raise InputError unless `out` is missing or holds only files of an earlier export."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out} is not a folder: choose another --out")
    if foreign := sorted({path.name for path in out.iterdir()} - _OWN_FILES):
        raise InputError(f"{out} holds {foreign[0]}, which is not from an earlier export: move it away, or choose another --out")


def quantise(model: bytes) -> bytes:
    """The model with the weights of its LSTM nodes in 8 bits (ONNX Runtime's dynamic quantisation)."""
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / QUANTISED_FILE
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)  # it recommends a preparation that is for images
        try:
            quantize_dynamic(
                onnx.load_from_string(model), target, op_types_to_quantize=_QUANTISED_NODES, weight_type=QuantType.QInt8, per_channel=False
            )
        finally:
            logging.disable(before)
        return target.read_bytes()


def readme(result: dict[str, Any]) -> str:
    """The README.md of the folder, from the content of report.json."""
    return templates().get_template("edge/readme.md.jinja").render(result, quantised_file=QUANTISED_FILE)
