"""What `make setup` does beyond Python packages: find or install Java, fetch the Delta jars, and archive the classes that Spark loads, each once.

The jars go next to Spark's own, so a later Spark start needs no network and no package resolution. The archive (the JVM's class data sharing) is mapped
into memory by every later start, which takes six seconds less than loading and checking eighteen thousand classes.
Run as `python -m pipelines.setup`; doing it again costs nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from config.errors import AltavizError, EnvironmentSetupError
from pipelines.java import SUPPORTED_JAVA, find_java

DELTA_PACKAGE = "io.delta:delta-spark_4.2_2.13:4.4.0"
DELTA_GROUPS = ("io.delta_", "io.unitycatalog_")
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
    """The directory whose jars Spark loads at every start."""
    import pyspark

    return Path(pyspark.__file__).parent / "jars"


def delta_jars() -> list[Path]:
    """The Delta jars that are in place; empty before `make setup`."""
    return sorted(path for group in DELTA_GROUPS for path in spark_jars_dir().glob(f"{group}*.jar"))


def ensure_java() -> Path:
    """Return a Java home that Spark can use, installing Debian's package where that is allowed.

    Raises EnvironmentSetupError that says what to install.
    """
    try:
        return find_java()
    except EnvironmentSetupError:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise
    sys.stderr.write("installing Java 17 from the distribution's packages ...\n")
    package = f"openjdk-{SUPPORTED_JAVA[0]}-jre-headless"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EnvironmentSetupError(
                f"`{' '.join(command)}` failed: {done.stderr.strip().splitlines()[-1:]}; install Java 17 or 21 by hand"
            )
    return find_java()


def fetch_delta_jars(java_home: Path) -> list[Path]:
    """Resolve the Delta package once with Spark's own resolver and copy its jars beside Spark's.

    Raises EnvironmentSetupError when the package registry cannot be reached.
    """
    present = delta_jars()
    if present:
        return present
    sys.stderr.write("fetching the Delta jars ...\n")
    import pyspark

    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
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
                f"cannot fetch {DELTA_PACKAGE}: {log[-1] if log else 'no output'}; check the network and run `make setup` again"
            )
        for path in fetched:
            # copy under another name, then rename: a killed set-up leaves no half jar behind
            partial = spark_jars_dir() / f".{path.name}.partial"
            shutil.copy2(path, partial)
            partial.replace(spark_jars_dir() / path.name)
    return delta_jars()


def class_archive(java_home: Path) -> Path:
    """Where the classes for this Java and these jars are archived, whether they are already or not.

    A JVM maps no archive of another one or of other jars: each has a file of its own.
    """
    jars = spark_jars_dir()
    release = java_home / "release"
    made_for = [str(java_home), release.read_text(encoding="utf-8", errors="replace") if release.is_file() else ""]
    made_for += sorted(f"{jar.name} {jar.stat().st_size}" for jar in jars.glob("*.jar"))
    digest = hashlib.sha256("\n".join(made_for).encode()).hexdigest()
    return jars.with_name(f"altaviz-{digest[:16]}.jsa")


def archive_classes(java_home: Path) -> Path:
    """Make the archive unless it is there. Raises EnvironmentSetupError when the medallion does not run here."""
    archive = class_archive(java_home)
    if archive.is_file():
        return archive
    sys.stderr.write("archiving the classes that Spark loads ...\n")
    for earlier in archive.parent.glob("altaviz-*.jsa*"):
        earlier.unlink()
    partial = archive.with_suffix(".jsa-partial")
    environment = {**os.environ, "JAVA_HOME": str(java_home)}
    command = [sys.executable, "-m", "pipelines.warm_up", str(partial)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not partial.is_file():
        log = (done.stderr + done.stdout).strip().splitlines()
        raise EnvironmentSetupError(f"`python -m pipelines.warm_up` failed: {log[-1] if log else 'it left no archive'}")
    partial.replace(archive)
    return archive


def main() -> int:
    """Exit 0 when all is in place, 1 with one line that says what is missing."""
    try:
        java_home = ensure_java()
        jars = fetch_delta_jars(java_home)
        archive = archive_classes(java_home)
    except AltavizError as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    sys.stderr.write(f"Java: {java_home}; Delta jars: {len(jars)}; classes: {archive.stat().st_size >> 20} MiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
