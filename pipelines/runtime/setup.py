"""What `make setup` does beyond Python packages: find or install Java, fetch the Delta jars, and archive the classes that Spark loads, each once.

The jars go next to Spark's own, so a later Spark start needs no network and no package resolution. The archive (the JVM's class data sharing, 190 MiB)
is mapped into memory by every later start, which takes six seconds less than loading and checking eighteen thousand classes.
Run as `python -m pipelines.runtime.setup`; doing it again costs nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from config.errors import AltavizError, EnvironmentSetupError
from pipelines.runtime.class_archive import archive_classes
from pipelines.runtime.jars import fetch_delta_jars
from pipelines.runtime.java import SUPPORTED_JAVA, find_java


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


def main() -> int:
    """Exit 0 when Java and the jars are in place, 1 with one line that says what is missing; without the archive Spark only starts more slowly."""
    try:
        java_home = ensure_java()
        jars = fetch_delta_jars(java_home)
    except AltavizError as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    try:
        archive_classes(java_home)
        archived = "archived"
    except AltavizError as error:
        sys.stderr.write(f"setup: Spark will start more slowly: {error}\n")
        archived = "not archived"
    sys.stderr.write(f"Java: {java_home}; Delta jars: {len(jars)}; classes: {archived}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
