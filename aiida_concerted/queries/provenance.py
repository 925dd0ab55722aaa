"""Where results come from: one statement a path through the graph, however many the results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.sites import SiteHistoryData
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.queries.kinds import CREATED_BY, Kind

Facts = dict[str, Any]

TRAJECTORY = "trajectory"

CODES: list[Any] = [orm.InstalledCode, orm.PortableCode, orm.ContainerizedCode]
"""All that an executable can be; AiiDA takes AbstractCode in a query for every node of its core."""


def find_provenance(kind: Kind, pks: Iterable[int], backend: Any = None) -> dict[int, Facts]:
    """Return the provenance columns of nodes by PK; what is not known is absent.

    A fit over several runs that disagree lists all their values, joined by blanks.

    :param pks: nodes of this kind.
    :param backend: storage to look in; the loaded profile's without it.
    """
    wanted = sorted(set(pks))
    if not wanted or not kind.provenance:
        return {}
    if kind.provenance == CREATED_BY:
        return _creators(kind.classes, wanted, backend)
    found: dict[int, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for along_path in _all_runs(kind, wanted, backend):
        for pk, facts in along_path:
            for name, value in facts.items():
                if value is not None:
                    found[pk][name].add(value)
    # Databases give rows in any order; sorted, the same graph has the same words on all of them.
    facts_by_pk = {
        pk: {name: " ".join(sorted(values)) for name, values in facts.items()} for pk, facts in found.items()
    }
    _add_potentials(facts_by_pk, backend)
    return facts_by_pk


def find_workchains(kind: Kind, pks: Iterable[int], backend: Any = None) -> dict[int, int]:
    """Return the PK of the outermost work chain that returned a node, by the PK of the node.

    :param pks: nodes of this kind.
    """
    wanted = sorted(set(pks))
    if not wanted:
        return {}
    builder = orm.QueryBuilder(backend=backend)
    builder.append(kind.classes, filters={"id": {"in": wanted}}, project="id", tag="data")
    builder.append(orm.WorkflowNode, with_outgoing="data", project="id")
    found: dict[int, int] = {}
    for pk, chain in builder.all():
        found[pk] = min(chain, found.get(pk, chain))  # who calls is stored before whom it calls
    return found


_OF_TRAJECTORY = {"trajectory_uuid": "uuid", "potential_sha256": "attributes.potential_sha256"}


_REMOTE: list[Any] = [orm.RemoteData, orm.RemoteStashFolderData, orm.RemoteStashCompressedData]
"""Where the frames of a run may lie that are not brought home."""


def _runs(kind: Kind, path: tuple[type[orm.Data], ...], pks: list[int], backend: Any) -> list[tuple[int, Facts]]:
    """Return the trajectory, potential and code behind each node, along one path."""
    builder = orm.QueryBuilder(backend=backend)
    builder.append(kind.node_class, filters={"id": {"in": pks}}, project="id", tag="data_0")
    steps: tuple[type[orm.Data], ...] = (*path, MolecularDynamicsData)
    for number, data_class in enumerate(steps):
        builder.append(orm.CalcFunctionNode, with_outgoing=f"data_{number}", tag=f"function_{number}")
        builder.append(data_class, with_outgoing=f"function_{number}", tag=f"data_{number + 1}")
    last = f"data_{len(path) + 1}"
    # What is not asked for is not read: a fit of many runs with one potential is one row then.
    asked = {name: place for name, place in _OF_TRAJECTORY.items() if name in kind.provenance}
    builder.add_projection(last, list(asked.values()))
    # Trajectories from elsewhere were made by no job of ours.
    builder.append(orm.CalcJobNode, with_outgoing=last, tag="job", outerjoin=True)
    builder.append(CODES, with_outgoing="job", project="label", outerjoin=True)
    return [(pk, dict(zip((*asked, "code"), facts, strict=True))) for pk, *facts in builder.distinct().all()]


def _all_runs(kind: Kind, pks: list[int], backend: Any) -> Iterator[list[tuple[int, Facts]]]:
    """Yield what is known of the runs behind each node along every path."""
    for path in kind.paths:
        yield _runs(kind, path, pks, backend)
    if not orm.QueryBuilder(backend=backend).append(StashedTrajectoryData, project="id").count():
        return
    # Where frames stay, one job makes all the results of a run, the history of its sites among them.
    for path in dict.fromkeys(tuple(step for step in path if step is not SiteHistoryData) for path in kind.paths):
        yield _stashed_runs(kind, path, pks, backend)


def _stashed_runs(
    kind: Kind, path: tuple[type[orm.Data], ...], pks: list[int], backend: Any
) -> list[tuple[int, Facts]]:
    """Return the trajectory, potential and code behind each node whose run was analysed where its frames stay."""
    builder = orm.QueryBuilder(backend=backend)
    builder.append(kind.node_class, filters={"id": {"in": pks}}, project="id", tag="data_0")
    for number, data_class in enumerate(path):
        builder.append(orm.CalcFunctionNode, with_outgoing=f"data_{number}", tag=f"function_{number}")
        builder.append(data_class, with_outgoing=f"function_{number}", tag=f"data_{number + 1}")
    asked = {name: place for name, place in _OF_TRAJECTORY.items() if name in kind.provenance}
    builder.append(orm.CalcJobNode, with_outgoing=f"data_{len(path)}", tag="reduction")
    builder.append(StashedTrajectoryData, with_outgoing="reduction", tag="run", project=list(asked.values()))
    builder.append(orm.CalcJobNode, with_outgoing="run", tag="reading")
    builder.append(_REMOTE, with_outgoing="reading", tag="frames")
    builder.append(orm.CalcJobNode, with_outgoing="frames", tag="job")
    builder.append(CODES, with_outgoing="job", project="label")
    return [(pk, dict(zip((*asked, "code"), facts, strict=True))) for pk, *facts in builder.distinct().all()]


def _creators(classes: Any, pks: list[int], backend: Any) -> dict[int, Facts]:
    """Return the process that created each node, and the code it ran."""
    builder = orm.QueryBuilder(backend=backend)
    builder.append(classes, filters={"id": {"in": pks}}, project="id", tag="data")
    builder.append(orm.ProcessNode, with_outgoing="data", project="attributes.process_label", tag="process")
    builder.append(CODES, with_outgoing="process", project="label", outerjoin=True)
    return {pk: {"created_by": process, "code": code} for pk, process, code in builder.distinct().all()}


def _add_potentials(facts_by_pk: dict[int, Facts], backend: Any) -> None:
    """Add UUID and version of the potentials whose files the runs name."""
    digests = sorted({word for facts in facts_by_pk.values() for word in facts.get("potential_sha256", "").split()})
    if not digests:
        return
    builder = orm.QueryBuilder(backend=backend)
    builder.append(
        DeepPotentialData,
        filters={"attributes.sha256": {"in": digests}},
        project=["attributes.sha256", "uuid", "attributes.version"],
    )
    potentials = {digest: (uuid, version) for digest, uuid, version in builder.all()}
    for facts in facts_by_pk.values():
        known = [potentials[word] for word in facts.get("potential_sha256", "").split() if word in potentials]
        if known:
            facts["potential_uuid"] = " ".join(uuid for uuid, _ in known)
            facts["potential_version"] = " ".join(dict.fromkeys(str(version) for _, version in known))


def crystal_of(run: orm.Data) -> orm.StructureData | None:
    """Return the crystal that a run of molecular dynamics began from, ``None`` where the graph does not tell.

    :param run: its trajectory.
    """
    for link in run.base.links.get_incoming(link_type=LinkType.RETURN).all():
        if not link.link_label.endswith(TRAJECTORY):
            continue
        links = link.node.base.links.get_incoming(link_type=LinkType.INPUT_WORK).all()
        inputs = {item.link_label: item.node for item in links}
        # of a run alone, or of one of several in a job
        found = inputs.get("md__structure") or inputs.get(f"{link.link_label.removesuffix(TRAJECTORY)}structure")
        if isinstance(found, orm.StructureData) and len(found.sites) == run.base.attributes.get("n_atoms", None):
            return found
    return None
