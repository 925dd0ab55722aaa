"""Whether what a study file holds is what its schema allows."""

from __future__ import annotations

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


def check(content: Any, schema: dict[str, Any], where: str = "") -> None:
    """Raise if a value is none that the schema allows.

    :param schema: one of :func:`study_schema`'s making; the words of JSON schema that it uses are followed.
    :param where: dotted path of the value, empty for the whole file.
    :raises ValueError: naming the key, and the nearest known one where it is unknown.
    """
    if "const" in schema and content != schema["const"]:
        raise ValueError(f"{where} must be {schema['const']}, got {content!r}")
    if "enum" in schema and content not in schema["enum"]:
        raise ValueError(f"unknown {where} {content!r}: {nearest(str(content), schema['enum'])}")
    _check_type(content, schema, where)
    if isinstance(content, dict) and "properties" in schema:
        _check_keys(content, schema, where)
    if isinstance(content, list) and "items" in schema:
        for number, item in enumerate(content):
            check(item, schema["items"], f"{where}[{number}]")


def _check_keys(content: dict[Any, Any], schema: dict[str, Any], where: str) -> None:
    known = schema["properties"]
    for key, value in content.items():
        path = f"{where}.{key}" if where else str(key)
        if key not in known:
            raise ValueError(f"unknown key '{path}': {nearest(str(key), list(known))}")
        check(value, known[key], path)
    for key in schema.get("required", ()):
        if key not in content:
            expected = known[key].get("const", "a value")
            raise ValueError(f"the key '{key}' is missing: write '{key}: {expected}'")


def _check_type(content: Any, schema: dict[str, Any], where: str) -> None:
    kinds = schema.get("type")
    if kinds is None:
        return
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(_is(content, kind) for kind in kinds):
        place = where or "a study file"
        expected = " or ".join(NAMES[kind] for kind in kinds if kind != "null")
        raise ValueError(f"{place} must be {expected}, got {_said(content)}")
    if "minimum" in schema and content < schema["minimum"]:
        raise ValueError(f"{where} must be at least {schema['minimum']}, got {content}")


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
