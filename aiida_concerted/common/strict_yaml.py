"""YAML that people write, read strictly: a key stands once, and nothing refers to itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

MAX_NODES = 100_000
"""More values than any hand writes: aliases of aliases can stand for billions in a few lines."""


def load_strict(text: str, where: str) -> Any:
    """Return what a YAML text says.

    :param where: name of the file in messages.
    :raises ValueError: in one line, if the text is no YAML, names a key twice, or unfolds beyond all bounds.
    """
    try:
        _refuse_traps(yaml.compose(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{where}: {' '.join(str(error).split())}") from error


def read_strict(path: str | Path) -> Any:
    """Return what a YAML file says.

    :raises ValueError: in one line, if there is no such file or :func:`load_strict` refuses its text.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text file: give a YAML file") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): give a YAML file that exists") from None
    return load_strict(text, str(path))


def _refuse_traps(root: yaml.Node | None) -> None:
    """Raise if a mapping names a key twice, of which YAML's readers keep the last silently, or aliases explode."""
    n_seen = 0
    pending: list[tuple[yaml.Node, frozenset[int]]] = [] if root is None else [(root, frozenset())]
    while pending:
        node, above = pending.pop()
        n_seen += 1
        if id(node) in above:
            raise ValueError(f"line {node.start_mark.line + 1}: this refers to itself")
        if n_seen > MAX_NODES:
            raise ValueError(f"more than {MAX_NODES} values: write it without aliases of aliases")
        if isinstance(node, yaml.MappingNode):
            _refuse_repeated(node)
        if isinstance(node, yaml.MappingNode | yaml.SequenceNode):
            inside = above | {id(node)}
            pending += [(child, inside) for child in _children(node)]


def _children(node: yaml.MappingNode | yaml.SequenceNode) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [value for _, value in node.value]
    return list(node.value)


def _refuse_repeated(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if str(key.value) in seen:
            raise ValueError(f"line {key.start_mark.line + 1}: the key '{key.value}' stands twice")
        seen.add(str(key.value))
