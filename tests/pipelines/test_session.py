"""How Spark starts: from the archive of classes that set-up has made for this Java and these jars."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from config.errors import EnvironmentSetupError
from pipelines import setup
from pipelines.java import find_java
from tests.pipelines.commands import surroundings

START = """
import sys
from pathlib import Path
from config.settings import load_settings
from pipelines.session import LazySpark
with LazySpark(load_settings(Path(sys.argv[1]))) as spark:
    assert spark.get().range(3).count() == 3
"""


def test_the_jvm_maps_its_classes_from_the_archive(tmp_path: Path) -> None:
    log = tmp_path / "classes.log"
    environment = surroundings({"SPARK_JVM_FLAGS": f"-XX:+UseParallelGC -Xlog:class+load:file={log}"})
    subprocess.run([sys.executable, "-c", START, str(tmp_path)], env=environment, capture_output=True, check=True)
    sources = [line.rsplit("source: ", 1)[-1] for line in log.read_text(encoding="utf-8").splitlines()]
    mapped = sources.count("shared objects file (top)")
    assert mapped > 10 * sum(source.startswith("file:") for source in sources)
    assert mapped > 5000


def test_other_jars_and_another_java_have_an_archive_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java, jars = tmp_path / "java", tmp_path / "pyspark" / "jars"
    java.mkdir()
    jars.mkdir(parents=True)
    (jars / "spark-core.jar").write_bytes(b"1")
    monkeypatch.setattr(setup, "spark_jars_dir", lambda: jars)
    archives = [setup.class_archive(java)]
    (java / "release").write_text('JAVA_VERSION="17.0.15"\n', encoding="utf-8")
    archives.append(setup.class_archive(java))
    (java / "release").write_text('JAVA_VERSION="17.0.16"\n', encoding="utf-8")
    archives.append(setup.class_archive(java))
    (jars / "spark-core.jar").write_bytes(b"12")
    archives.append(setup.class_archive(java))
    (jars / "delta-spark.jar").write_bytes(b"1")
    archives.append(setup.class_archive(java))
    assert len(set(archives)) == len(archives)
    assert {archive.parent for archive in archives} == {jars.parent}


def test_an_archive_that_is_there_is_kept() -> None:
    archive = setup.archive_classes(find_java())
    before = archive.stat()
    assert setup.archive_classes(find_java()) == archive
    assert archive.stat() == before


def test_a_medallion_that_does_not_run_is_one_error_and_leaves_no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jars = tmp_path / "pyspark" / "jars"
    jars.mkdir(parents=True)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "pyspark.py").write_text("raise ImportError('half of it is missing')\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    monkeypatch.setattr(setup, "spark_jars_dir", lambda: jars)
    with pytest.raises(EnvironmentSetupError, match=r"^`python -m pipelines.warm_up` failed: ImportError: half of it is missing$"):
        setup.archive_classes(find_java())
    assert list(jars.parent.glob("*.jsa*")) == []
