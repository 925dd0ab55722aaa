"""What would be submitted, as text."""

from __future__ import annotations

from typing import Any

import yaml
from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_concerted.data.sites import OUTLINE


def preview(builder: ProcessBuilder) -> str:
    """Return the inputs of a builder as YAML: values where they are few, what they are otherwise."""
    content = {builder.process_class.__name__: _plain(builder._inputs(prune=True))}
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, allow_unicode=True, width=110)


def _plain(value: Any) -> Any:
    if isinstance(value, orm.Node):
        return _of_node(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if item not in ({}, None)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def _of_node(node: orm.Node) -> Any:
    if isinstance(node, orm.AbstractCode):
        return node.full_label
    if isinstance(node, orm.Dict):
        return _plain(node.get_dict())
    if isinstance(node, orm.List):
        return _plain(node.get_list())
    if hasattr(node, "value"):
        return node.value
    stored = f" <{node.pk}>" if node.is_stored else ""
    if isinstance(node, orm.StructureData):
        if node.label == OUTLINE:
            return "ordered from the site model when it runs"
        return f"{node.get_formula()}, {len(node.sites)} atoms{stored}"
    return f"{type(node).__name__} {node.base.attributes.get('material', '')}{stored}".strip()
