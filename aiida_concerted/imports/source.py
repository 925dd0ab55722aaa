"""Where imported data came from, and whether they are there already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida import orm

from aiida_concerted import __version__
from aiida_concerted.common.files import file_sha256


@dataclass(frozen=True)
class Imported:
    """What became of one thing to import.

    :param name: folder or files it came from.
    :param node: the node that holds it, new or found.
    :param is_new: whether the node was made now.
    :param messages: what a user should know, one line each.
    """

    name: str
    node: orm.Data
    is_new: bool
    messages: tuple[str, ...] = ()


def describe_source(kind: str, files: Iterable[Path], root: Path) -> dict[str, Any]:
    """Return the attribute by which a node names its files: relative names, sizes and SHA-256.

    :param kind: format of the files.
    :param root: folder that the names are relative to.
    """
    entries = [
        {"name": _relative(path, root), "n_bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in files
    ]
    return {"format": kind, "folder": root.name, "files": entries, "importer": f"aiida-concerted {__version__}"}


def find_by_hash(node_class: type[orm.Data], digests: Sequence[str]) -> dict[str, orm.Data]:
    """Return the stored nodes with these content hashes, found in one statement."""
    if not digests:
        return {}
    builder = orm.QueryBuilder()
    filters = {"attributes.content_hash": {"in": list(digests)}}
    builder.append(node_class, filters=filters, project=["attributes.content_hash", "*"])
    return dict(builder.all())


def _relative(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.name
