"""Whether what a file that people write holds is what its JSON schema allows."""

from __future__ import annotations

import re
from typing import Any

from aiida_concerted.common.hints import nearest

NAMES = {
    "object": "a section of keys and values",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


def check(content: Any, schema: dict[str, Any], where: str = "", *, what: str = "a study file") -> None:
    """Raise if a value is none that the schema allows.

    :param schema: a JSON schema; followed are the words that the schemas of this package use.
    :param where: dotted path of the value, empty for the whole file.
    :param what: what the whole file is, for messages.
    :raises ValueError: naming the key, and the nearest known one where it is unknown.
    """
    if "const" in schema and content != schema["const"]:
        raise ValueError(f"{where} must be {schema['const']}, got {content!r}")
    if "enum" in schema and content not in schema["enum"]:
        raise ValueError(f"unknown {where} {content!r}: {nearest(str(content), schema['enum'])}")
    _check_type(content, schema, where or what)
    if isinstance(content, dict) and ("properties" in schema or "additionalProperties" in schema):
        _check_keys(content, schema, where)
    if isinstance(content, list) and "items" in schema:
        for number, item in enumerate(content):
            check(item, schema["items"], f"{where}[{number}]")


def _check_keys(content: dict[Any, Any], schema: dict[str, Any], where: str) -> None:
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    for key, value in content.items():
        path = f"{where}.{key}" if where else str(key)
        if key not in known and not isinstance(others, dict):
            raise ValueError(f"unknown key '{path}': {nearest(str(key), list(known))}")
        check(value, known.get(key, others), path)
    for key in schema.get("required", ()):
        if key not in content:
            path = f"{where}.{key}" if where else key
            expected = known[key].get("const", "a value")
            raise ValueError(f"the key '{path}' is missing: write '{key}: {expected}'")


def _check_type(content: Any, schema: dict[str, Any], where: str) -> None:
    kinds = schema.get("type")
    if kinds is None:
        return
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(_is(content, kind) for kind in kinds):
        expected = " or ".join(NAMES[kind] for kind in kinds if kind != "null")
        raise ValueError(f"{where} must be {expected}, got {_said(content)}")
    if "minimum" in schema and content < schema["minimum"]:
        raise ValueError(f"{where} must be at least {schema['minimum']}, got {content}")
    if "pattern" in schema and isinstance(content, str) and re.search(schema["pattern"], content) is None:
        raise ValueError(f"{where} must be {schema['description']}, got {content!r}")


def _is(content: Any, kind: str) -> bool:
    if kind == "null":
        return content is None
    if kind == "boolean":
        return isinstance(content, bool)
    if kind in ("number", "integer"):
        allowed = int | float if kind == "number" else int
        return isinstance(content, allowed) and not isinstance(content, bool)
    return isinstance(content, {"object": dict, "array": list, "string": str}[kind])


def _said(content: Any) -> str:
    """Return how a wrong value is shown; YAML takes ``1e-6`` for text, which few expect."""
    hint = ""
    if isinstance(content, str):
        try:
            hint = f" (to YAML that is text; write {float(content):.6e})" if "e" in content.lower() else ""
        except ValueError:
            hint = ""
    return f"{content!r}{hint}" if content is not None else "nothing"
