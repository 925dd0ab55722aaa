"""Datasets as versions: what one holds, which others it was put together from, and what distinguishes two."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.exceptions import MultipleObjectsError, NotExistent

from aiida_concerted.common.files import make_folder, write_at_once
from aiida_concerted.data.conversion import write_frames
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.learning.datasets import compare
from aiida_concerted.queries.origins import FrameOrigin, frame_origins
from aiida_concerted.queries.table import ResultTable

OUTPUTS = ("dataset", "learn__dataset", "frames")
"""Outputs of processes that are their dataset, in the order in which they are looked for."""

FACTS = "dataset.json"
"""What stands beside an exported system."""

UNSAID = FrameOrigin("unsaid", "", 0)
"""The origin of a frame of which the dataset says nothing."""


@dataclass(frozen=True)
class Parent:
    """A dataset that another was put together from.

    :param content_hash: its SHA-256.
    :param pk: of a node of this profile with this content, ``None`` where there is none.
    :param n_frames: number of its frames, where there is a node.
    """

    content_hash: str
    pk: int | None = None
    n_frames: int | None = None


@dataclass(frozen=True)
class Difference:
    """What distinguishes two versions.

    :param added: rows of the frames of the newer one that the older one lacks.
    :param removed: rows of the frames of the older one that the newer one lacks.
    :param n_common: number of different frames that both have.
    """

    added: ResultTable
    removed: ResultTable
    n_common: int


def find_dataset(name: str | int) -> LabelledFramesData:
    """Return the dataset of this PK or UUID, or that of a process: the last of a loop, of a study, of a labelling.

    :raises ValueError: if there is none.
    """
    try:
        node = orm.load_node(name)
    except (NotExistent, MultipleObjectsError, ValueError) as error:
        raise ValueError(
            f"there is no node '{name}' in this profile: 'aiida-concerted query frames' lists the datasets"
        ) from error
    if isinstance(node, LabelledFramesData):
        return node
    if isinstance(node, orm.ProcessNode):
        query = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": node.pk}, tag="process")
        query.append(LabelledFramesData, with_incoming="process", edge_project="label", project="*")
        found: dict[str, LabelledFramesData] = {label: data for data, label in query.all()}
        for label in OUTPUTS:
            if label in found:
                return found[label]
        raise ValueError(
            f"{node.process_label} <{node.pk}> left no dataset: name one of 'aiida-concerted query frames'"
        )
    raise ValueError(f"node {name} is a {type(node).__name__}, no dataset: 'aiida-concerted query frames' lists them")


def parents_of(dataset: LabelledFramesData) -> list[Parent]:
    """Return the datasets that one was put together from, in order, as far as it says."""
    digests = [str(digest) for digest in dataset.base.attributes.get("parents", None) or ()]
    if not digests:
        return []
    query = orm.QueryBuilder()
    columns = ["attributes.content_hash", "id", "attributes.n_frames"]
    query.append(LabelledFramesData, filters={"attributes.content_hash": {"in": digests}}, project=columns)
    known = {digest: (pk, n_frames) for digest, pk, n_frames in sorted(query.all(), key=lambda row: -row[1])}
    return [Parent(digest, *known.get(digest, (None, None))) for digest in digests]


def frame_table(dataset: LabelledFramesData, rows: Sequence[int] | None = None) -> ResultTable:
    """Return a row for each frame with all that is known of where it comes from.

    :param rows: numbers of the frames, counted from 0; all without.
    """
    origins = frame_origins(dataset) or [UNSAID] * len(dataset)
    columns = ("frame", *(field.name for field in fields(FrameOrigin)))
    chosen = range(len(origins)) if rows is None else rows
    return ResultTable("frames", columns, tuple({"frame": int(row), **asdict(origins[row])} for row in chosen))


def group_table(frames: ResultTable) -> ResultTable:
    """Return a row for each group of frames that share kind, work chain, run and temperature, with their number."""
    names = ("kind", "work_chain", "run", "temperature_K")
    counted = Counter(tuple(row[name] for name in names) for row in frames)
    rows = tuple({**dict(zip(names, key, strict=True)), "n_frames": number} for key, number in counted.items())
    return ResultTable("frames", (*names, "n_frames"), rows)


def difference(older: LabelledFramesData, newer: LabelledFramesData) -> Difference:
    """Return which frames were added to a dataset and which removed, each with where it comes from."""
    found = compare(older.get_frames(), newer.get_frames())
    added, removed = frame_table(newer, found.added.tolist()), frame_table(older, found.removed.tolist())
    return Difference(added, removed, found.n_common)


def export_dataset(dataset: LabelledFramesData, folder: Path, *, type_map: list[str] | None = None) -> None:
    """Write a dataset as a ``deepmd/npy`` system, with what the system cannot hold in ``dataset.json`` beside it.

    :param folder: folder to be made, empty where it is there.
    :param type_map: element symbols in the order of the type numbers; the dataset's own kinds when not given.
    :raises ValueError: if the folder holds anything or cannot be written to, or the type map lacks an element.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty: name a new folder, for frames of two datasets would mix")
    make_folder(folder)
    write_frames(dataset, folder, type_map)
    content = {**facts_of(dataset), "frames": known_of(frame_table(dataset))}
    write_at_once(folder / FACTS, json.dumps(content, allow_nan=False, indent=1) + "\n")


def known_of(table: ResultTable) -> list[dict[str, Any]]:
    """Return the rows of a table without what is not known."""
    return [{key: value for key, value in row.items() if value is not None} for row in table]


def facts_of(dataset: LabelledFramesData) -> dict[str, Any]:
    """Return what a dataset says of itself: what it holds, its content hash, its level of theory, who made it.

    What is not known is absent.
    """
    attributes = dataset.base.attributes.all
    creator = dataset.creator
    names = ("material", "formula", "n_frames", "n_atoms", "has_virials", "level_of_theory", "content_hash")
    facts = {
        "pk": dataset.pk,
        "uuid": dataset.uuid,
        **{name: attributes.get(name) for name in names},
        "parents": [{key: value for key, value in asdict(p).items() if value is not None} for p in parents_of(dataset)],
        "made_by": None if creator is None else f"{creator.process_label} <{creator.pk}>",
        "source": attributes.get("source"),
    }
    return {key: value for key, value in facts.items() if value is not None}
