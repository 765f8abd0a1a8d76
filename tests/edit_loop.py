"""Which tests belong to the edit loop (`make test-fast`): those that need no Spark, no TensorFlow and no server.

Nobody marks a test. A file is left out when anything that it imports, however far away, can bring one of them up. A test is left out when it
uses a fixture that does. While the loop runs, an audit hook fails the test that brings one up all the same.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).parents[1]
OWN_PACKAGES: Final = {"benchmarks", "config", "features", "monitoring", "pipelines", "serving", "tests", "training"}
# pyspark is not among them: importing it starts nothing, and the fixture `spark` does
REFUSED_IMPORTS: Final = {"bentoml", "evidently", "keras", "tensorflow", "uvicorn"}
HEAVY_MODULES: Final = REFUSED_IMPORTS | {"http.server", "serving.warehouse.binaries"}
HEAVY_FIXTURES: Final = {"spark"}
HEAVY_PROGRAMS: Final = {"altaviz", "initdb", "java", "pg_ctl", "postgres"}


@cache
def is_light(file: Path) -> bool:
    """Whether `file` reaches none of the HEAVY_MODULES by its imports and theirs."""
    seen: set[str] = set()
    files = [file]
    while files:
        for name in _imports(files.pop()) - seen:
            seen.add(name)
            if any(name == heavy or name.startswith(f"{heavy}.") for heavy in HEAVY_MODULES):
                return False
            files.extend(_file_of(name))
    return True


@cache
def _imports(file: Path) -> frozenset[str]:
    """Full names of what a file imports, in functions too, but not for type checkers."""
    return frozenset(_names(ast.parse(file.read_text(encoding="utf-8"))))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    for child in () if for_types else ast.iter_child_nodes(node):
        yield from _names(child)


def _file_of(name: str) -> Iterator[Path]:
    """The project's own file of a module; none for a name in a module and for other packages."""
    if name.partition(".")[0] in OWN_PACKAGES:
        place = PROJECT.joinpath(*name.split("."))
        yield from (file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file())


def refuse_heavy_work() -> None:
    """From now on this process fails as soon as it imports or starts what the edit loop does without."""
    sys.addaudithook(_refuse)


def _refuse(event: str, details: tuple[Any, ...]) -> None:
    if event == "import" and details[0] in REFUSED_IMPORTS:
        raise AssertionError(f"the edit loop imports {details[0]}")
    if event == "subprocess.Popen" and HEAVY_PROGRAMS & {Path(str(part)).name for part in [details[0], *details[1]]}:
        raise AssertionError(f"the edit loop starts {details[1]}")
