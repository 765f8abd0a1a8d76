"""How Spark starts: from the archive of classes that set-up has made for this Java and these jars."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.runtime import class_archive, setup
from pipelines.runtime import jars as jars_module
from pipelines.runtime.java import find_java
from tests.pipelines.console_script import surroundings

START = """
import sys
from pathlib import Path
from config.settings import load_settings
from pipelines.runtime.spark import LazySpark
with LazySpark(load_settings(Path(sys.argv[1]))) as spark:
    assert spark.get().range(3).count() == 3
"""


@pytest.fixture
def jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of Spark's jars, to make archives beside."""
    folder = tmp_path / "my site" / "pyspark" / "jars"
    folder.mkdir(parents=True)
    (folder / "spark-core.jar").write_bytes(b"1")
    for module in (jars_module, class_archive):
        monkeypatch.setattr(module, "spark_jars_dir", lambda: folder)
    return folder


def _archive(java_home: Path, jars: Path) -> Path:
    archive = jars.parent / f"{class_archive._made_for(java_home)}-3.jsa"
    archive.write_bytes(b"abc")
    return archive


def test_the_jvm_maps_its_classes_from_the_archive(tmp_path: Path) -> None:
    assert class_archive.class_archive(find_java()) is not None, (
        "set-up has made none for this Java: run .venv/bin/python -m pipelines.runtime.setup"
    )
    log = tmp_path / "classes.log"
    environment = surroundings({"SPARK_JVM_FLAGS": f"-XX:+UseParallelGC -Xlog:class+load:file={log}"})
    subprocess.run([sys.executable, "-c", START, str(tmp_path)], env=environment, capture_output=True, check=True)
    sources = [line.rsplit("source: ", 1)[-1] for line in log.read_text(encoding="utf-8").splitlines()]
    mapped = sources.count("shared objects file (top)")
    assert mapped > 10 * sum(source.startswith("file:") for source in sources)
    assert mapped > 5000


def test_other_jars_and_another_java_have_an_archive_of_their_own(tmp_path: Path, jars: Path) -> None:
    java = tmp_path / "java"
    java.mkdir()
    names = [class_archive._made_for(java)]
    (java / "release").write_text('JAVA_VERSION="17.0.15"\n', encoding="utf-8")
    names.append(class_archive._made_for(java))
    (java / "release").write_text('JAVA_VERSION="17.0.16"\n', encoding="utf-8")
    names.append(class_archive._made_for(java))
    (jars / "spark-core.jar").write_bytes(b"12")
    names.append(class_archive._made_for(java))
    os.utime(jars / "spark-core.jar", ns=(0, 0))
    names.append(class_archive._made_for(java))
    (jars / "delta-spark.jar").write_bytes(b"1")
    names.append(class_archive._made_for(java))
    assert len(set(names)) == len(names)
    (tmp_path / "link").symlink_to(java)
    assert class_archive._made_for(tmp_path / "link") == names[-1]


def test_an_archive_that_is_there_is_kept_and_one_that_is_cut_off_is_none(tmp_path: Path, jars: Path) -> None:
    assert class_archive.class_archive(tmp_path) is None
    archive = _archive(tmp_path, jars)
    assert class_archive.archive_classes(tmp_path) == class_archive.class_archive(tmp_path) == archive
    archive.write_bytes(b"ab")
    assert class_archive.class_archive(tmp_path) is None


def test_an_archive_appears_whole_and_those_for_other_jars_go(tmp_path: Path, jars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = _archive(tmp_path, jars)
    (jars / "delta-spark.jar").write_bytes(b"1")
    monkeypatch.setattr(class_archive, "_warm_up", lambda _, __, made: made.write_bytes(b"classes"))
    archive = class_archive.archive_classes(tmp_path)
    assert archive.read_bytes() == b"classes"
    assert class_archive.class_archive(tmp_path) == archive != earlier
    assert sorted(jars.parent.iterdir()) == sorted([archive, jars])


def test_without_an_archive_setup_says_why_and_goes_on(
    tmp_path: Path, jars: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jar = jars / "io.delta_delta-spark.jar"
    jar.write_bytes(b"1")
    monkeypatch.setattr(jars_module, "DELTA_SHA256", {jar.name: hashlib.sha256(b"1").hexdigest()})
    other = _archive(tmp_path, jars)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "pyspark.py").write_text("raise ImportError('half of it is missing')\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    assert setup.main() == 0
    printed = capsys.readouterr().err.splitlines()
    assert printed[1] == (
        "setup: Spark will start more slowly: `python -m pipelines.lakehouse.spark_warm_up` left no archive of Spark's classes: ImportError: half of it is missing"
    )
    assert printed[2].endswith("Delta jars: 1; classes: not archived")
    assert sorted(jars.parent.iterdir()) == sorted([other, jars])
