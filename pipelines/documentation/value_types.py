"""Describes the type of a configuration key in plain words, from pydantic's JSON schema."""

from __future__ import annotations

import re
from typing import Any, Final

_PLAIN: Final = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text", "null": "empty"}
_BOUNDS: Final = {"exclusiveMinimum": "above", "minimum": "at least", "exclusiveMaximum": "below", "maximum": "at most"}


def type_in_words(schema: Any, definitions: dict[str, Any]) -> str:
    """Such as `whole number, above 0`, `list of text` or `section of low, high`; `definitions` are those that the schema refers to."""
    if not isinstance(schema, dict):
        return "any value"
    if "$ref" in schema:
        return f"section of {', '.join(definitions[schema['$ref'].rpartition('/')[2]]['properties'])}"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _either([type_in_words(option, definitions) for option in schema[several]])
    if "enum" in schema:
        return _either([f"`{value}`" for value in schema["enum"]])
    if schema.get("type") == "array":
        return f"list of {_plural(type_in_words(schema.get('items'), definitions))}"
    if schema.get("type") == "object":
        return f"mapping to {_plural(type_in_words(schema.get('additionalProperties'), definitions))}"
    return ", ".join([_word(schema), *(f"{words} {schema[bound]:g}" for bound, words in _BOUNDS.items() if bound in schema)])


def _word(schema: dict[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return "time"
    return "secret text" if schema.get("format") == "password" else _PLAIN.get(schema.get("type", ""), "any value")


def _plural(words: str) -> str:
    return re.sub(r"^(whole number|number|section|mapping|any value)\b", r"\1s", words)


def _either(options: list[str]) -> str:
    unique = list(dict.fromkeys(options))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} or {unique[-1]}"
