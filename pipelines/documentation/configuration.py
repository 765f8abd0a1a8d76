"""Generates the reference of every configuration key, from the pydantic sections and the shipped YAML files."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import yaml
from pydantic.fields import FieldInfo

from config.loader import CONFIG_DIR, Section
from config.settings import Settings
from config.site.description import SITE_FILE, SiteConfig
from pipelines.documentation.value_types import type_in_words
from pipelines.documentation.yaml_comments import YamlText, entries, is_inline, read_yaml

# file: the property of Settings that loads it, in the order of the page
FILES: Final = {
    "fleet.yaml": "fleet",
    "thresholds.yaml": "thresholds",
    "etl_config.yaml": "etl",
    "quality.yaml": "quality",
    "model_config.yaml": "model",
    "tuning.yaml": "tuning",
    "scoring.yaml": "scoring",
    "costs.yaml": "costs",
    "serving.yaml": "serving",
    "dashboard.yaml": "dashboard",
    "database.yaml": "database",
    "notifications.yaml": "notifications",
    "monitoring.yaml": "monitoring",
    "retraining.yaml": "retraining",
    "evaluation.yaml": "evaluation",
    "ablation.yaml": "ablation",
    "work_orders.yaml": "work_orders",
    "simulator.yaml": "simulator",
}
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")
_HEADINGS: Final = ("key", "type", "value", "unit", "meaning", "variable")


@dataclass(frozen=True)
class Key:
    """One row: a key, its type, its shipped value (for site.yaml the default), and its description."""

    name: str
    type: str
    value: str = ""
    unit: str = ""
    meaning: str = ""
    variable: str = ""


@dataclass
class KeyTable:
    """The keys of one section under its dotted name. The name is empty for keys at the top of a file."""

    name: str
    note: str
    keys: list[Key] = field(default_factory=list)


def configuration_reference(config_dir: Path = CONFIG_DIR) -> str:
    """Markdown: a heading for each file, and a table for each of its sections."""
    parts = []
    for name in FILES:
        text = read_yaml(config_dir / name)
        parts.append(_part(name, text.header, file_tables(name, config_dir)))
    parts.append(_part(SITE_FILE, inspect.getdoc(SiteConfig) or "", site_tables()))
    return "\n".join(parts)


def file_tables(name: str, config_dir: Path = CONFIG_DIR) -> list[KeyTable]:
    """All keys of one YAML file below config/."""
    section = get_type_hints(getattr(Settings, FILES[name]).func)["return"]
    text = read_yaml(config_dir / name)
    return [table for table in _tables(section, text, text.root, "") if table.keys]


def site_tables() -> list[KeyTable]:
    """All keys of site.yaml. No such file is shipped, so the values are the defaults."""
    return [table for table in _tables(SiteConfig, None, None, "") if table.keys]


def _tables(section: type[Section], text: YamlText | None, node: yaml.Node | None, prefix: str) -> Iterator[KeyTable]:
    """The table of `section` itself, then those of the sections below it; without a `text`, the keys and defaults of the schema."""
    schema = section.model_json_schema()
    table, below, written = KeyTable(prefix, inspect.getdoc(section) or ""), [], entries(node)
    for name, info in section.model_fields.items():
        dotted = f"{prefix}.{name}" if prefix else name
        kind, of_mapping = schema["properties"][name], schema["properties"][name].get("additionalProperties")
        one, each = _sections_of(info.annotation)
        key, value = written.get(name, (None, None))
        remark = _field_comment(section, name)
        if one and not _is_limit(one) and (value is None or not is_inline(value)):
            below.append(_tables(one, text, value, dotted))
        elif text is None and each:
            below.append(_tables(each, None, None, f"{dotted}.<{name.rstrip('s')}>"))
        elif text is None or key is None or value is None:
            words = _limit_word(one) + " or empty" if one and _is_limit(one) else _type(kind, schema)
            table.keys.append(Key(dotted, words, _default(info), meaning=remark))
        elif is_inline(value):
            table.keys.append(_written_key(text, dotted, _type(kind, schema), (key, value), remark))
        else:
            for entry, pair in entries(value).items():
                if each and not is_inline(pair[1]):
                    below.append(_tables(each, text, pair[1], f"{dotted}.{entry}"))
                    continue
                table.keys.append(_written_key(text, f"{dotted}.{entry}", _type(of_mapping, schema), pair, remark))
                remark = ""  # once is enough for all entries
    yield table
    for tables in below:
        yield from tables


def _type(schema: Any, whole: dict[str, Any]) -> str:
    return type_in_words(schema, whole.get("$defs", {}))


def _limit_word(section: type[Section]) -> str:
    return "limit" if "value" in section.model_fields else "range"


def _written_key(text: YamlText, name: str, kind: str, pair: tuple[yaml.Node, yaml.Node], remark: str = "") -> Key:
    """The row of a key in the file. A limit has value, unit and description in brackets."""
    inside = {key: text.written(value) for key, (_, value) in entries(pair[1]).items()}
    comment = text.comment(*pair)
    if "unit" in inside:
        value = inside["value"] if "value" in inside else f"{inside['low']} to {inside['high']}"
        if "limit_is" in inside:
            value = f"at {inside['limit_is']} {value}"
        source = f"Source: {inside['source']}" if "source" in inside else ""
        return Key(
            name, "limit" if "value" in inside else "range", value, inside["unit"], _sentences(inside.get("description"), comment, source)
        )
    value = text.written(pair[1])
    match = _VARIABLE.fullmatch(value)
    if match:
        return Key(name, kind, match[2] or "", meaning=_sentences(comment, remark), variable=match[1])
    return Key(name, kind, value, meaning=_sentences(comment, remark))


def _sections_of(annotation: Any) -> tuple[type[Section] | None, type[Section] | None]:
    """The section of a field, and the section of each entry of its mapping; None if there is none."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        options = [option for option in get_args(annotation) if option is not type(None)]
        return _sections_of(options[0]) if len(options) == 1 else (None, None)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, None
    if get_origin(annotation) is dict:
        return None, _sections_of(get_args(annotation)[1])[0]
    return None, None


def _is_limit(section: type[Section]) -> bool:
    return "unit" in section.model_fields and ("value" in section.model_fields or "low" in section.model_fields)


def _field_comment(section: type[Section], name: str) -> str:
    """The comment after a field in the source of its section, or of the parent section."""
    for base in section.__mro__:
        if name in inspect.get_annotations(base):
            found = re.search(rf"^    {name}: .*  # (.+)$", inspect.getsource(base), re.MULTILINE)
            return found[1] if found else ""
    return ""


def _default(info: FieldInfo) -> str:
    value = None if info.is_required() else info.get_default(call_default_factory=True)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sentences(*parts: str | None) -> str:
    return ". ".join(part.rstrip(".") for part in parts if part)


def _part(name: str, note: str, tables: list[KeyTable]) -> str:
    lines = [f"## `{name}`", "", _text(note), ""]
    for table in tables:
        if table.name:
            lines += [f"### `{table.name}`", "", _text(table.note), ""]
        used = [
            index
            for index, heading in enumerate(_HEADINGS)
            if heading in ("key", "type", "value") or any(_cells(key)[index] for key in table.keys)
        ]
        lines += [f"| {' | '.join(_HEADINGS[index] for index in used)} |", f"|{'---|' * len(used)}"]
        lines += [f"| {' | '.join(_cells(key)[index] for index in used)} |" for key in table.keys]
        lines.append("")
    return "\n".join(lines)


def _cells(key: Key) -> tuple[str, ...]:
    return (_code(key.name), _cell(key.type), _code(key.value), _cell(key.unit), _cell(_text(key.meaning)), _code(key.variable))


def _text(text: str) -> str:
    """A docstring or comment as Markdown. Signs that look like HTML are escaped."""
    return re.sub(r"(`[^`]*`)|<", lambda match: match[1] or "&lt;", " ".join(text.split()))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""
