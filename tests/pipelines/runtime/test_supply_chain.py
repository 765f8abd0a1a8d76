"""What is installed is what was pinned, and an audit that could not look anything up is no clean one."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from config.errors import EnvironmentSetupError
from config.loader import load_section
from pipelines.runtime import jars
from pipelines.runtime.audit import ACCEPTED_FILE, Accepted, AcceptedList, AuditResult, judge, main

TODAY = date(2026, 12, 1)
REASON = "only reached by a server that nobody starts here"


@pytest.fixture
def jars_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of Spark's jars, with the one Delta jar that belongs there."""
    folder = tmp_path / "pyspark" / "jars"
    folder.mkdir(parents=True)
    monkeypatch.setattr(jars, "spark_jars_dir", lambda: folder)
    monkeypatch.setattr(jars, "DELTA_SHA256", {"io.delta_delta-storage-4.4.0.jar": hashlib.sha256(b"delta").hexdigest()})
    (folder / "io.delta_delta-storage-4.4.0.jar").write_bytes(b"delta")
    return folder


def test_the_pinned_jars_are_taken_as_they_are(jars_folder: Path, tmp_path: Path) -> None:
    assert [path.name for path in jars.fetch_delta_jars(tmp_path)] == ["io.delta_delta-storage-4.4.0.jar"]


@pytest.mark.parametrize("name", ["io.delta_delta-storage-4.4.0.jar", "io.delta_delta-other-4.4.0.jar"])
def test_a_jar_with_other_bytes_or_another_name_is_refused(jars_folder: Path, tmp_path: Path, name: str) -> None:
    (jars_folder / name).write_bytes(b"evil")
    with pytest.raises(
        EnvironmentSetupError,
        match=rf"{name} is not the pinned jar \(.*delete it, check where packages come from, then run `\.venv/bin/python -m pipelines\.runtime\.setup`",
    ):
        jars.fetch_delta_jars(tmp_path)


def test_a_fetched_jar_with_other_bytes_never_comes_beside_spark_s(jars_folder: Path, tmp_path: Path) -> None:
    (jars_folder / "io.delta_delta-storage-4.4.0.jar").unlink()
    submit = jars_folder.with_name("bin") / "spark-submit"  # the resolver's part: it leaves the jar below its cache
    submit.parent.mkdir()
    submit.write_text(
        '#!/bin/sh\nfor word; do case $word in --conf=spark.jars.ivy=*) ivy="${word#*ivy=}";; esac; done\n'
        'mkdir -p "$ivy/jars" && printf evil >"$ivy/jars/io.delta_delta-storage-4.4.0.jar"\n',
        encoding="utf-8",
    )
    submit.chmod(0o755)
    with pytest.raises(EnvironmentSetupError, match="is not the pinned jar"):
        jars.fetch_delta_jars(tmp_path)
    assert list(jars_folder.iterdir()) == []


def test_the_list_of_what_stays_is_whole() -> None:
    assert all(rule.reason.strip() for rule in load_section(ACCEPTED_FILE, AcceptedList).accepted)


def package(*ids: str, name: str = "torch", fixed: tuple[str, ...] = ()) -> dict[str, Any]:
    """A package as pip-audit reports it."""
    vulns = [{"id": number, "aliases": [f"CVE-{number}"], "fix_versions": list(fixed), "description": ""} for number in ids]
    return {"name": name, "version": "1.0", "vulns": vulns}


def test_what_is_accepted_with_a_reason_stays_and_everything_else_fails() -> None:
    accepted = [
        Accepted(id="CVE-A", package="torch", reason=REASON, look_again=date(2027, 1, 31)),
        Accepted(id="B", package="torch", reason=REASON, look_again=TODAY),
        Accepted(id="C", package="another", reason=REASON, look_again=date(2027, 1, 31)),
    ]
    outcome = judge([package("A", "B", "C", fixed=("1.1",)), package(name="numpy")], accepted, TODAY)
    assert outcome == AuditResult(
        2,
        [
            "torch 1.0: B: was accepted until 2026-12-01: review it in pipelines/runtime/audit.yaml",
            "torch 1.0: C: update to 1.1, or accept it in pipelines/runtime/audit.yaml",
        ],
        [
            f"torch 1.0: A stays until 2027-01-31: {REASON}",
            "another: C is no longer found: remove it from pipelines/runtime/audit.yaml",
        ],
    )


def test_packages_that_could_not_be_looked_up_are_no_clean_audit() -> None:
    skipped = {"name": "numpy", "skip_reason": "Dependency not found on PyPI and could not be audited: numpy (2.4.6)"}
    with pytest.raises(EnvironmentSetupError, match=r"1 of 2 packages could not be looked up \(numpy, ...\), so the audit is incomplete"):
        judge([package(), skipped], [], TODAY)
    with pytest.raises(EnvironmentSetupError, match="0 of 0 packages"):
        judge([], [], TODAY)


def test_an_audit_without_the_database_fails_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # nobody listens there
    monkeypatch.setenv("NO_PROXY", "")
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"six==1.17.0 \\\n    --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    assert main(lock, TODAY) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("audit: ")
    assert "nothing was audited" in line or "could not be looked up" in line
