"""Fetches the Delta jars once, puts them beside Spark's own, and checks their SHA-256."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from config.errors import EnvironmentSetupError

DELTA_PACKAGE = "io.delta:delta-spark_4.2_2.13:4.4.0"


# Not `make setup`: that does nothing once it has run.
SETUP = ".venv/bin/python -m pipelines.runtime.setup"


DELTA_GROUPS = ("io.delta_", "io.unitycatalog_")


# SHA-256 of every jar that belongs to DELTA_PACKAGE. After another version of it: `sha256sum` of the jars beside Spark's.
DELTA_SHA256 = {
    "io.delta_delta-kernel-api-4.4.0.jar": "ee9b5a14ac3b7efdff4d61a58478fe8eb0e5a3fbca43889dca7290795fe79a11",
    "io.delta_delta-kernel-defaults-4.4.0.jar": "225c975199e4718b38ee5b7e6da7f19e9585024262b2cec2656b32151a856b0b",
    "io.delta_delta-kernel-unitycatalog-4.4.0.jar": "cea22dfb4ac562b3cd27bf652697750e8336009d73fb06631363aaaad5345ffa",
    "io.delta_delta-spark_4.2_2.13-4.4.0.jar": "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    "io.delta_delta-storage-4.4.0.jar": "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    "io.unitycatalog_unitycatalog-client-0.6.0.jar": "48257499a86b801a3e2372cec55ac226ca1c1c7eabe5c118e7302f29a1fdbc19",
    "io.unitycatalog_unitycatalog-hadoop-0.6.0.jar": "c47b63c961c87102b9e1d63809a0915ba4c86b7652f57c8d39ca3a05b441a150",
}


# Spark ships these itself: fetching them again would only cost time.
SHIPPED_WITH_SPARK = (
    "org.apache.hadoop:hadoop-client-runtime",
    "org.apache.hadoop:hadoop-client-api",
    "org.apache.parquet:parquet-hadoop",
    "org.apache.logging.log4j:log4j-core",
    "org.apache.logging.log4j:log4j-api",
    "org.apache.logging.log4j:log4j-slf4j2-impl",
    "com.fasterxml.jackson.core:jackson-databind",
    "com.fasterxml.jackson.core:jackson-core",
    "com.fasterxml.jackson.core:jackson-annotations",
    "com.fasterxml.jackson.datatype:jackson-datatype-jdk8",
    "org.locationtech.jts:jts-core",
    "org.roaringbitmap:RoaringBitmap",
)


def spark_jars_dir() -> Path:
    """The directory whose jars Spark loads at every start. Raises EnvironmentSetupError without pyspark."""
    try:
        import pyspark
    except ImportError as error:
        raise EnvironmentSetupError(
            "pyspark is not installed: run `rm -f .venv/.setup-done` and `make setup`, or install the extra `features`"
        ) from error
    return Path(pyspark.__file__).parent / "jars"


def delta_jars() -> list[Path]:
    """The Delta jars that are in place; empty before `make setup`."""
    return sorted(path for group in DELTA_GROUPS for path in spark_jars_dir().glob(f"{group}*.jar"))


def fetch_delta_jars(java_home: Path) -> list[Path]:
    """Fetch the Delta package with Spark's own resolver, and copy its jars beside Spark's.

    Raises EnvironmentSetupError if the package registry does not answer, or a jar is not the pinned one.
    """
    present = delta_jars()
    require_pinned(present)
    if len(present) == len(DELTA_SHA256):
        return present
    sys.stderr.write("fetching the Delta jars ...\n")
    submit = spark_jars_dir().with_name("bin") / "spark-submit"
    with tempfile.TemporaryDirectory() as scratch:
        nothing = Path(scratch) / "nothing.py"
        nothing.write_text("")
        command = [
            str(submit),
            "--master=local[1]",
            f"--packages={DELTA_PACKAGE}",
            f"--exclude-packages={','.join(SHIPPED_WITH_SPARK)}",
            f"--conf=spark.jars.ivy={scratch}/ivy",
            str(nothing),
        ]
        environment = {**os.environ, "JAVA_HOME": str(java_home), "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        fetched = [path for group in DELTA_GROUPS for path in (Path(scratch) / "ivy" / "jars").glob(f"{group}*.jar")]
        if done.returncode != 0 or not fetched:
            log = (done.stderr + done.stdout).strip().splitlines()
            raise EnvironmentSetupError(
                f"cannot fetch {DELTA_PACKAGE}: {log[-1] if log else 'no output'}; check the network, then run `{SETUP}`"
            )
        require_pinned(fetched)  # all of them, before the first is where Spark looks
        missing = sorted(DELTA_SHA256.keys() - {path.name for path in fetched})
        if missing:
            raise EnvironmentSetupError(
                f"{DELTA_PACKAGE} came without {', '.join(missing)}: check where packages come from, then run `{SETUP}`"
            )
        for path in fetched:
            put_jar(path, spark_jars_dir() / path.name)
    return delta_jars()


def require_pinned(jars: list[Path]) -> None:
    """Raise EnvironmentSetupError if one of `jars` is not in DELTA_SHA256, or differs from it."""
    for path in sorted(jars):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        expected = DELTA_SHA256.get(path.name)
        if found != expected:
            why = f"SHA-256 {found}, expected {expected}" if expected else f"{DELTA_PACKAGE} has no such file"
            raise EnvironmentSetupError(
                f"{path} is not the pinned jar ({why}): delete it, check where packages come from, then run `{SETUP}`"
            )


def put_jar(source: Path, target: Path) -> None:
    """Copy to a temporary name, then rename: a killed or concurrent set-up leaves no partial file."""
    with tempfile.TemporaryDirectory(prefix=".altaviz-", dir=target.parent) as aside:
        copied = Path(aside) / target.name
        shutil.copy2(source, copied)
        with copied.open("rb") as file:
            os.fsync(file.fileno())
        copied.replace(target)
