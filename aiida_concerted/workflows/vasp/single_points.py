"""Single points by their content: which of them are the same, which were computed before, and what mending changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from aiida import orm
from aiida_vasp.data.potcar import PotcarData

from aiida_concerted.formats.energy_settings import EnergySettings, Sampling, known_tags

KEY = "concerted_single_point"
"""Extra of a run that succeeded: the key of its content."""

HARMLESS = frozenset(
    (
        "algo", "ialgo", "nelm", "nelmin", "nelmdl", "ldiag", "time", "amix", "bmix", "amix_mag", "bmix_mag", "amin",
        "maxmix", "imix", "inimix", "mixpre", "wc", "istart", "icharg", "iwavpr", "nsim", "ncore", "npar", "kpar",
        "lplane", "lscalu", "lscalapack", "lasync", "lwave", "lcharg", "nwrite", "system",
    )
)  # fmt: skip
"""INCAR tags that decide how the electrons converge and how fast, and not what they converge to."""

MAPPINGS = ("ldau_mapping", "magmom_mapping")
"""Inputs that become INCAR tags when the run begins."""

DECIMALS = 9


def single_point_key(
    structure: orm.StructureData, vasp: Mapping[str, Any], potentials: Mapping[str, Mapping[str, str]]
) -> str:
    """Return a key that two single points share where their results are the same.

    Positions count to nine decimals of the cell, whatever lattice translation they were written with; POTCARs by the
    hash of their content, whatever family they are in; tags of ``HARMLESS`` not at all.

    :param vasp: inputs of the run, as ``concerted.vasp.base`` takes them.
    :param potentials: of each kind, as :func:`potentials_of` returns them.
    """
    cell = np.asarray(structure.cell, dtype=np.float64)
    fractional = np.array([site.position for site in structure.sites]) @ np.linalg.inv(cell)
    wrapped = np.round(fractional % 1.0, DECIMALS) % 1.0
    content = {
        "symbols": [structure.get_kind(site.kind_name).symbol for site in structure.sites],
        "kinds": structure.get_site_kindnames(),
        "cell": (np.round(cell, DECIMALS) + 0.0).tolist(),
        "positions": (wrapped + 0.0).tolist(),
        "incar": deciding_part(_dictionary(vasp["parameters"]).get("incar", {})),
        "kpoints": _kpoints(vasp),
        "potentials": {name: potentials[name] for name in structure.get_kind_names()},
        "mappings": {name: _dictionary(vasp[name]) for name in MAPPINGS if name in vasp},
        "code": vasp["code"].uuid,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def deciding_part(incar: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tags of an INCAR, in lower case, but those that do not change the result."""
    return {tag.lower(): value for tag, value in incar.items() if tag.lower() not in HARMLESS}


def potentials_of(structures: Iterable[orm.StructureData], vasp: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return element, title and hash of the POTCAR of each kind."""
    mapping = _dictionary(vasp["potential_mapping"])
    family = vasp["potential_family"].value
    found = {}
    for structure in structures:
        used = {kind.name: mapping[kind.name] for kind in structure.kinds if kind.name not in found}
        if used:
            potcars = PotcarData.get_potcars_dict(list(used), family, mapping=used)
            for name, potcar in potcars.items():
                found[name] = {"element": potcar.element, "titel": potcar.title, "sha512": potcar.sha512}
    return found


def requested_settings(structures: Iterable[orm.StructureData], vasp: Mapping[str, Any]) -> EnergySettings:
    """Return what the inputs of runs say of their energies; VASP's own defaults are not known before it has run.

    :param structures: the structures that run, or some of their elements and cells.
    """
    structures = list(structures)
    potentials = potentials_of(structures, vasp).values()
    found = [sampling for structure in structures if (sampling := sampling_of(structure, vasp)) is not None]
    return EnergySettings(
        sampling=reduce(or_, found) if found else None,
        tags=known_tags({}, _dictionary(vasp["parameters"]).get("incar", {})),
        titles={potential["element"]: potential["titel"] for potential in potentials},
        hashes={potential["element"]: potential["sha512"] for potential in potentials},
    )


def sampling_of(structure: orm.StructureData, vasp: Mapping[str, Any]) -> Sampling | None:
    """Return how densely the k-points of a run lie, or ``None`` where they are a list."""
    kpoints = vasp.get("kpoints")
    if "kpoints_spacing" in vasp:
        kpoints = orm.KpointsData()
        kpoints.set_cell_from_structure(structure)
        kpoints.set_kpoints_mesh_from_density(vasp["kpoints_spacing"].value * 2 * np.pi)
    if kpoints is None or "mesh" not in kpoints.base.attributes.all:
        return None
    return Sampling.of_mesh(kpoints.get_kpoints_mesh()[0], np.asarray(structure.cell, dtype=np.float64))


def find_computed(keys: Iterable[str]) -> dict[str, orm.WorkChainNode]:
    """Return the runs that succeeded earlier by their keys, the oldest of each.

    Only what they retrieved is of use, which stays when their folders on the cluster are emptied.
    """
    query = orm.QueryBuilder()
    filters = {f"extras.{KEY}": {"in": sorted(set(keys))}, "attributes.exit_status": 0}
    query.append(orm.WorkChainNode, filters=filters, project=[f"extras.{KEY}", "*"], tag="run")
    query.order_by({"run": {"id": "asc"}})
    found: dict[str, orm.WorkChainNode] = {}
    for key, node in query.all() if filters[f"extras.{KEY}"]["in"] else ():
        if key not in found and "retrieved" in node.outputs:
            found[key] = node
    return found


def changes_of(run: orm.WorkChainNode) -> list[str]:
    """Return what mending changed in the INCAR from the first to the last calculation of a run, one line each."""
    first, *later = _incars(run)
    lines = []
    for number, incar in enumerate(later, start=2):
        changed = sorted(tag for tag in {*first, *incar} if first.get(tag) != incar.get(tag))
        text = ", ".join(f"{tag.upper()} {first.get(tag, 'unset')} → {incar.get(tag, 'unset')}" for tag in changed)
        lines.append(f"try {number}: {text or 'the same inputs again'}")
        first = incar
    return lines


def altered_tags(run: orm.WorkChainNode) -> list[str]:
    """Return the tags that mending changed and on which the energy may depend."""
    incars = [deciding_part(incar) for incar in _incars(run)]
    first, last = incars[0], incars[-1]
    return sorted(tag.upper() for tag in {*first, *last} if first.get(tag) != last.get(tag))


def _incars(run: orm.WorkChainNode) -> list[dict[str, Any]]:
    """Return the INCAR of each calculation of a run, in order."""
    calculations = sorted((node for node in run.called if isinstance(node, orm.CalcJobNode)), key=lambda node: node.pk)
    incars = [calculation.inputs.parameters.get_dict() for calculation in calculations]
    return [{tag.lower(): value for tag, value in incar.items()} for incar in incars] or [{}]


def _kpoints(vasp: Mapping[str, Any]) -> Any:
    if "kpoints_spacing" in vasp:
        return {"spacing": float(vasp["kpoints_spacing"].value)}
    kpoints = vasp["kpoints"]
    try:
        mesh, offset = kpoints.get_kpoints_mesh()
    except AttributeError:
        return {"list": np.round(kpoints.get_kpoints(), DECIMALS).tolist()}
    return {"mesh": list(mesh), "offset": list(offset)}


def _dictionary(node: orm.Dict | Mapping[str, Any]) -> dict[str, Any]:
    return node.get_dict() if isinstance(node, orm.Dict) else dict(node)
