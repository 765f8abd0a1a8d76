"""Reads the comments of YAML files, and values as they were written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class YamlText:
    """One YAML file: its tree of nodes, and its lines with comments."""

    root: yaml.MappingNode
    lines: list[str]

    @property
    def header(self) -> str:
        """The comment that opens the file."""
        return _joined(self.lines[: self._header_lines])

    @property
    def _header_lines(self) -> int:
        return next(index for index, line in enumerate(self.lines) if not line.startswith("#"))

    def comment(self, key: yaml.Node, value: yaml.Node) -> str:
        """The comment above a key, then the one behind its value; empty when there is none."""
        line = key.start_mark.line
        first = line
        while first > self._header_lines and self._is_comment_at(first - 1, key.start_mark.column):
            first -= 1
        end = value.end_mark if is_inline(value) else key.end_mark
        behind = self.lines[end.line][end.column :].lstrip(": ")
        return " ".join(part for part in (_joined(self.lines[first:line]), _joined([behind])) if part)

    def written(self, value: yaml.Node) -> str:
        """An inline value as it stands in the file; a text without its quotes."""
        if isinstance(value, yaml.ScalarNode):
            return str(value.value)
        start, end = value.start_mark, value.end_mark
        if start.line == end.line:
            return self.lines[start.line][start.column : end.column]
        inner = [line.strip() for line in self.lines[start.line + 1 : end.line]]
        return " ".join([self.lines[start.line][start.column :], *inner, self.lines[end.line][: end.column].strip()])

    def _is_comment_at(self, line: int, column: int) -> bool:
        text = self.lines[line]
        return text.lstrip().startswith("#") and len(text) - len(text.lstrip()) == column


def read_yaml(path: Path) -> YamlText:
    """The file at `path`, which must hold a mapping."""
    text = path.read_text(encoding="utf-8")
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError(f"{path} holds no mapping")
    return YamlText(root, text.splitlines())


def entries(node: yaml.Node | None) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """The keys of a mapping, each with its own node and that of its value."""
    return {key.value: (key, value) for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def is_inline(node: yaml.Node) -> bool:
    """Whether a value is a scalar or in brackets. A block continues on its own lines."""
    return isinstance(node, yaml.ScalarNode) or bool(getattr(node, "flow_style", False))


def _joined(comments: list[str]) -> str:
    return " ".join(text.strip().removeprefix("#").strip() for text in comments if text.strip().startswith("#"))
