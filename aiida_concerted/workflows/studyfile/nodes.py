"""The nodes that a study file names: codes, structures, site models, data of earlier work."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from aiida import orm
from aiida.common.exceptions import MultipleObjectsError, NotExistent
from pymatgen.core import Structure

from aiida_concerted.data.frames import LabelledFramesData, find_by_content
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.materials import shipped_materials
from aiida_concerted.workflows.studyfile.reading import StudyFile
from aiida_concerted.workflows.studyfile.schema import CODES, OTHER_CODES


def load_code(study: StudyFile, role: str) -> orm.AbstractCode:
    """Return the code that does the work of ``dp``, ``lmp`` or ``vasp``.

    :raises ValueError: if the file names none, or one that does not exist.
    """
    name = study.section("codes").get(role)
    if name is None:
        program = {**CODES, **OTHER_CODES}[role]
        raise ValueError(f"codes.{role} is missing: name the code of {program}; 'verdi code list' shows them")
    try:
        return orm.load_code(name)
    except (NotExistent, MultipleObjectsError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"codes.{role}: '{name}' names no code ({reason}): see 'verdi code list'") from error


def load_node(name: str | int, where: str, kind: type[orm.Data]) -> Any:
    """Return the node of a PK or UUID; a dataset also by its content hash, which is the same in every profile.

    :raises ValueError: if there is none, or it is of another kind.
    """
    if kind is LabelledFramesData and isinstance(name, str) and (known := find_by_content(name)):
        return _one_content(known, name, where)
    try:
        node = orm.load_node(name)
    except (NotExistent, MultipleObjectsError, ValueError) as error:
        names = "PK, UUID or eight digits of the content hash" if kind is LabelledFramesData else "PK or UUID"
        raise ValueError(f"{where}: there is no node '{name}' in this profile: give {names} of one") from error
    if not isinstance(node, kind):
        raise ValueError(f"{where}: node {name} is a {type(node).__name__}, not a {kind.__name__}")
    return node


def _one_content(nodes: Sequence[LabelledFramesData], name: str, where: str) -> LabelledFramesData:
    """Return the newest of datasets whose content hash begins alike.

    :raises ValueError: if they are not all the same frames of one level of theory and its settings.
    """
    pks = ", ".join(str(node.pk) for node in nodes)
    if len({node.content_hash for node in nodes}) > 1:
        raise ValueError(f"{where}: '{name}' begins the content of several datasets ({pks}): give more digits, or a PK")
    settings = [(node.base.attributes.get("level_of_theory"), node.energy_settings) for node in nodes]
    if any(own != settings[0] for own in settings):
        raise ValueError(f"{where}: the frames '{name}' are there with several levels of theory ({pks}): give a PK")
    return nodes[-1]


def load_structure(study: StudyFile, name: str | int, where: str) -> orm.StructureData:
    """Return the structure of a file, or of a PK or UUID.

    :raises ValueError: if there is none, it cannot be read, or its sites are shared by several elements.
    """
    path = None if isinstance(name, int) else study.path(name)
    if path is None:
        if isinstance(name, str) and ("." in name or "/" in name):
            raise ValueError(f"{where}: there is no file {study.folder / name}: paths are relative to the study file")
        return load_node(name, where, orm.StructureData)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rounding of coordinates that sit on symmetry elements
            structure = Structure.from_file(path)
    except Exception as error:  # pymatgen's readers raise whatever their parsers do
        raise ValueError(f"{where}: {path} cannot be read: {' '.join(str(error).split())}") from error
    if not structure.is_ordered:
        raise ValueError(f"{where}: sites of {path} are partly occupied; give an ordered cell, or only a site model")
    return _plain(structure)


def _plain(structure: Structure) -> orm.StructureData:
    """Return a structure as POSCAR has it: bare elements, atoms grouped in the order in which they first appear."""
    symbols = [site.specie.symbol for site in structure]
    order = sorted(range(len(symbols)), key=lambda index: symbols.index(symbols[index]))
    node = orm.StructureData(cell=structure.lattice.matrix.tolist())
    for index in order:
        node.append_atom(symbols=symbols[index], position=structure[index].coords.tolist())
    return node


def load_sites(study: StudyFile) -> SiteNetworkData | None:
    """Return the site model: that of ``sites``, else that which ships under the name of ``material``.

    :raises ValueError: if it cannot be read, or belongs to another material.
    """
    name, material = study.get("sites"), study.get("material")
    if name is None:
        if material is None or material.lower() not in shipped_materials():
            return None
        name = material
    sites = SiteNetworkData.from_site_model(study.path(name) or name, carrier=study.get("carrier"), material=material)
    found = sites.base.attributes.get("material")
    if material is not None and material.lower() != found.lower():
        raise ValueError(f"material is '{material}', but the site model is that of '{found}': make them one")
    return sites
