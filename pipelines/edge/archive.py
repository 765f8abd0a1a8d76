"""run.py: a zip application with the program for the edge and all its modules.

Python runs a zip archive under any name. The same sources always give the same bytes. So `zipfile` writes the archive: `zipapp` takes order
and dates from the disk.
"""

from __future__ import annotations

import ast
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from config.errors import ExportError
from serving.edge import runner

PROGRAM_FILE: Final = "run.py"
_SOURCES: Final = Path(runner.__file__).parents[2]  # the folder of the packages
_OWN_PACKAGES: Final = ("config", "features", "serving")
_OUTSIDE: Final = frozenset(("numpy", "onnxruntime", *sys.stdlib_module_names))
_FIXED_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive can hold
_MAIN: Final = f'''"""Runs {runner.__name__}. Written by `altaviz export-edge`: change the modules of the project, not this archive."""

import sys
from pathlib import Path

from {runner.__name__} import main

sys.exit(main(Path(__file__).absolute().parent))
'''


def program_archive() -> bytes:
    """The bytes of run.py. Raises ExportError when a module imports what the edge does not have."""
    files = {"__main__.py": _MAIN.encode(), **{path.relative_to(_SOURCES).as_posix(): path.read_bytes() for path in _closure()}}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # stored, not compressed: compressed bytes depend on the version of zlib
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _FIXED_DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # Unix, a file that all may read
            archive.writestr(entry, files[name])
    return content.getvalue()


def _closure() -> set[Path]:
    """The files of the program, of every own module it imports, and of their packages."""
    found: set[Path] = set()
    waiting = [runner.__name__]
    while waiting:
        name = waiting.pop()
        path = _file_of(name)
        if path is None or path in found:
            continue
        found.add(path)
        waiting.append(name.rpartition(".")[0])
        for imported in _imports(path):
            package = imported.partition(".")[0]
            if package in _OWN_PACKAGES:
                waiting.append(imported)
            elif package not in _OUTSIDE:
                raise ExportError(f"{path.relative_to(_SOURCES)} imports {package}, which the edge does not have: import it elsewhere")
    return found


def _file_of(module: str) -> Path | None:
    """The source of a module or package, None for a name inside a module."""
    base = _SOURCES.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if module and path.is_file()), None)


def _imports(path: Path) -> Iterator[str]:
    """Dotted names that a module imports when it runs. The last part may be a name inside a module."""
    waiting: list[ast.AST] = [ast.parse(path.read_bytes())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{item.name}" for item in node.names)
        elif not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            waiting.extend(ast.iter_child_nodes(node))
