"""What an archive holds, read without importing it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida import orm

from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.manifest import read_manifest
from aiida_concerted.archive.reading import open_archive, open_zip, read_metadata
from aiida_concerted.archive.scrub import POTCAR_FILE
from aiida_concerted.data.migrations import SCHEMA_VERSION
from aiida_concerted.queries import ResultTable, query
from aiida_concerted.queries.kinds import KINDS

STUDY = "StudyWorkChain"


@dataclass(frozen=True)
class Study:
    """A study in an archive: its UUID, label, state and exit status."""

    uuid: str
    label: str
    state: str
    exit_status: int | None


@dataclass(frozen=True)
class ArchiveSummary:
    """What an archive holds.

    :param path: the file.
    :param size_bytes: its size.
    :param created: when it was made, as it says.
    :param aiida_version: what made it.
    :param n_nodes: number of nodes by kind: data, calculations, work chains.
    :param processes: number of processes by name and state.
    :param materials: keys of the materials.
    :param studies: the studies.
    :param results: the answer to every question that has one.
    :param n_potcars: nodes that hold the text of a potential; such an archive must not be shared.
    """

    path: Path
    size_bytes: int
    created: str
    aiida_version: str
    n_nodes: dict[str, int]
    processes: dict[tuple[str, str], int]
    materials: tuple[str, ...]
    studies: tuple[Study, ...]
    results: tuple[ResultTable, ...]
    n_potcars: int
    manifest: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": "aiida-concerted/archive/1",
            "size_bytes": self.size_bytes,
            "created": self.created,
            "aiida_version": self.aiida_version,
            "nodes": self.n_nodes,
            "processes": [{"name": n, "state": s, "number": k} for (n, s), k in self.processes.items()],
            "materials": list(self.materials),
            "studies": [{k: v for k, v in vars(study).items() if v is not None} for study in self.studies],
            "potcar_nodes": self.n_potcars,
            **({"manifest": self.manifest} if self.manifest is not None else {}),
            "results": {
                table.kind: [{k: v for k, v in row.items() if v is not None} for row in table] for table in self.results
            },
        }


def summarise_archive(path: Path) -> ArchiveSummary:
    """Return what an archive holds; no profile is needed and none is changed.

    :raises ArchiveError: if it cannot be read.
    """
    manifest = read_manifest(path)
    with open_zip(path) as archive:
        metadata = read_metadata(archive)
    with open_archive(path) as backend:
        refuse_newer(backend, path)
        tables = [query(kind, backend=backend) for kind in KINDS]
        materials = {row["material"] for table in tables for row in table if row.get("material")}
        return ArchiveSummary(
            path=path,
            size_bytes=path.stat().st_size,
            created=str(metadata.get("ctime") or metadata.get("conversion_info") or "unknown")[:19],
            aiida_version=str(metadata.get("aiida_version", "unknown")),
            n_nodes=_count_nodes(backend),
            processes=_count_processes(backend),
            materials=tuple(sorted(materials)),
            studies=_studies(backend),
            results=tuple(table for table in tables if len(table)),
            manifest=manifest,
            n_potcars=_builder(backend).append(orm.Node, filters={"node_type": {"like": POTCAR_FILE}}).count(),
        )


def refuse_newer(backend: Any, path: Path) -> None:
    """Refuse results whose attributes mean what this version does not know.

    :raises ArchiveError: naming the version.
    """
    filters = {"attributes.schema_version": {">": SCHEMA_VERSION}, "node_type": {"like": "data.concerted.%"}}
    builder = _builder(backend).append(orm.Data, filters=filters, project="attributes.schema_version")
    newer = builder.all(flat=True)
    if newer:
        raise ArchiveError(
            f"{path} holds results of schema version {max(newer)}, this aiida-concerted knows {SCHEMA_VERSION}: "
            "upgrade it"
        )


def _builder(backend: Any) -> orm.QueryBuilder:
    return orm.QueryBuilder(backend=backend)


def _count_nodes(backend: Any) -> dict[str, int]:
    kinds: dict[str, type[orm.Node]] = {
        "data": orm.Data,
        "calculations": orm.CalculationNode,
        "work chains": orm.WorkflowNode,
    }
    return {name: _builder(backend).append(node_class).count() for name, node_class in kinds.items()}


def _count_processes(backend: Any) -> dict[tuple[str, str], int]:
    names = ["process_label", "process_state", "exit_status"]
    builder = _builder(backend).append(orm.ProcessNode, project=[f"attributes.{name}" for name in names])
    counts = Counter((str(label), _state(state, status)) for label, state, status in builder.all())
    return dict(sorted(counts.items()))


def _state(state: str | None, exit_status: int | None) -> str:
    if state != "finished":
        return str(state)
    return "finished" if not exit_status else f"failed [{exit_status}]"


def _studies(backend: Any) -> tuple[Study, ...]:
    builder = _builder(backend).append(
        orm.WorkChainNode,
        filters={"attributes.process_label": {"==": STUDY}},
        project=["uuid", "label", "attributes.process_state", "attributes.exit_status"],
    )
    return tuple(Study(uuid, label, _state(state, status), status) for uuid, label, state, status in builder.all())
