"""An exported folder that was changed: its contract, its model, its digest."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.edge.folder import QUANTISED_FILE
from serving.edge.contract import MODEL_FILE, SUMS_FILE, EdgeInputError, folder_sums, load_contract, require_digest
from tests.pipelines.edge.site import AS_OF, Site


@pytest.mark.parametrize("text", ["{}", "[]", "null", '"text"', "{", ""])
def test_a_contract_that_is_none_is_refused_in_one_line(site: Site, text: str) -> None:
    contract = site.folder / "contract.json"
    content = contract.read_bytes()
    contract.write_text(text, encoding="utf-8")
    try:
        done = site.run(site.readings, "--as-of", AS_OF.isoformat())
    finally:
        contract.write_bytes(content)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    assert done.stderr.startswith(f"run.py: {contract}")
    assert done.stderr.endswith(": export the folder again\n")


def _without(document: Any, place: tuple[str, ...]) -> Any:
    return {name: _without(inner, place[1:]) if name == place[0] else inner for name, inner in document.items() if (name,) != place}


@pytest.mark.parametrize(
    "place",
    [
        "compressors",
        "window",
        "window.min_steps",
        "model.files",
        "model.files.model.onnx.sha256",
        "limits.default",
        "limits.Ariel JGK/4.vibration_mms",
        "limits.default.discharge_temp_f.critical",
        "sensors.gas_flow_mcf.physical.high",
        "spike_rule.robust_sigma",
        "labels.max_rul_days",
        "health.critical",
        "compressors.C-3.time_zone",
    ],
)
def test_what_the_contract_lacks_is_named(site: Site, tmp_path: Path, place: str) -> None:
    whole = json.loads((site.folder / "contract.json").read_text(encoding="utf-8"))
    steps = tuple(place.replace("model.onnx", "model onnx").split("."))
    less = _without(whole, tuple(step.replace("model onnx", "model.onnx") for step in steps))
    assert less != whole
    (tmp_path / "contract.json").write_text(json.dumps(less), encoding="utf-8")
    with pytest.raises(EdgeInputError) as refused:
        load_contract(tmp_path)
    assert str(refused.value) == f"{tmp_path}/contract.json: {place} is missing or has another type: export the folder again"


@pytest.mark.parametrize(
    ("section", "value", "named"),
    [
        ("window", [], "window"),
        ("features", [{}], "features[0].name"),
        ("lookback_hours", "96", "lookback_hours"),
        ("lookback_hours", float("nan"), "lookback_hours"),
        ("clock_skew_minutes", True, "clock_skew_minutes"),
        ("compressors", {"C-1": None}, "compressors.C-1"),
    ],
)
def test_what_is_of_another_type_in_the_contract_is_named(site: Site, tmp_path: Path, section: str, value: object, named: str) -> None:
    whole = json.loads((site.folder / "contract.json").read_text(encoding="utf-8"))
    (tmp_path / "contract.json").write_text(json.dumps({**whole, section: value}), encoding="utf-8")
    with pytest.raises(EdgeInputError) as refused:
        load_contract(tmp_path)
    assert str(refused.value) == f"{tmp_path}/contract.json: {named} is missing or has another type: export the folder again"


def test_another_model_file_under_the_name_is_refused_and_nothing_is_written(site: Site, tmp_path: Path) -> None:
    model = site.folder / MODEL_FILE
    content = model.read_bytes()
    model.write_bytes(content + b"\0")
    try:
        done = site.run(site.readings, "--as-of", AS_OF.isoformat(), "--features", tmp_path / "features.csv")
    finally:
        model.write_bytes(content)
    assert (done.returncode, "is not the model that was exported" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []
    assert QUANTISED_FILE != MODEL_FILE


def test_a_folder_that_is_not_the_one_of_the_digest_is_refused(site: Site, tmp_path: Path) -> None:
    folder = shutil.copytree(site.folder, tmp_path / "edge")
    sums = folder_sums(folder)
    (folder / SUMS_FILE).write_text(sums, encoding="utf-8")
    digest = hashlib.sha256(sums.encode()).hexdigest()
    copied, asked = dataclasses.replace(site, folder=folder), (site.readings, "--as-of", AS_OF.isoformat())
    answered = copied.document(*asked, "--digest", digest.upper())["predictions"]
    assert answered
    assert {line.split("  ")[1] for line in sums.splitlines()} >= {"run.py", "contract.json", "model.onnx", "zoneinfo/America/Chicago"}

    contract = (folder / "contract.json").read_text(encoding="utf-8")
    (folder / "contract.json").write_text(contract.replace('"stale_after_hours": ', '"stale_after_hours": 9'), encoding="utf-8")
    assert len(copied.document(*asked)["predictions"]) == len(answered)  # nobody asked which folder it is
    done = copied.run(*asked, "--digest", digest)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"run.py: {folder / 'contract.json'} is not the file that was exported: copy the folder again\n"

    (folder / SUMS_FILE).write_text(folder_sums(folder), encoding="utf-8")  # whoever changes a file changes this one too
    with pytest.raises(EdgeInputError, match=r"is not the folder of --digest: its digest is [0-9a-f]{64}\. Copy it again"):
        require_digest(folder, digest)
    (folder / SUMS_FILE).unlink()
    with pytest.raises(EdgeInputError, match="SHA256SUMS cannot be read"):
        require_digest(folder, digest)
