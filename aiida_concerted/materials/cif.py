"""Site models from CIFs: the carrier's sites with their labels, everything else as framework."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.sites import LABEL_PATTERN
from aiida_concerted.materials.cell import cell_from_parameters
from aiida_concerted.materials.model import Orbit, SiteModel
from aiida_concerted.materials.symmetry import distinct_images

FloatArray = NDArray[np.float64]

SYMMETRY_TAGS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
SAME_PLACE_A = 0.1
"""Distance in Å below which two rows of a CIF are two elements on one site."""


@dataclass(frozen=True)
class _Row:
    """One atom site of a CIF with its images.

    :param label: label as written in the file.
    :param element: element symbol.
    :param share: occupancy, at most one.
    :param positions: fractional coordinates of all images, shape ``(multiplicity, 3)``.
    """

    label: str
    element: str
    share: float
    positions: FloatArray


def read_cif_sites(path: str | Path, carrier: str) -> SiteModel:
    """Return the site model of the first structure of a CIF.

    Rows of the carrier become sites: one label of the file, one label of the model. All other elements become the
    framework, elements that share a place merged. Symmetry operations are taken as the file lists them, from the name
    of the space group where it lists none.

    :param path: the file.
    :param carrier: element that moves.
    :raises ValueError: if the file cannot be read, holds no site of the carrier, or is incomplete.
    """
    path = Path(path)
    block = _first_structure(path)
    try:
        return _model(block, path, carrier)
    except ValueError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error


def site_label(label: str, element: str) -> str:
    """Return a label that begins with a letter and holds only letters, digits and ``_``.

    Other signs become ``_``; a label that begins otherwise gets the element in front: ``Li(1)`` is ``Li_1``, ``48h`` is
    ``Li_48h``.
    """
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", label).strip("_")
    return plain if LABEL_PATTERN.fullmatch(plain) else f"{element}_{plain}".rstrip("_")


def _first_structure(path: Path) -> gemmi.cif.Block:
    if not path.is_file():
        raise ValueError(f"there is no file {path}: give a CIF that exists")
    try:
        document = gemmi.cif.read(str(path))
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read as a CIF: {' '.join(str(error).split())}") from None
    for block in document:
        if len(block.find_loop("_atom_site_fract_x")) or block.find_value("_atom_site_fract_x"):
            return block
    raise ValueError(f"{path}: no data block with the atom sites of a crystal (_atom_site_fract_x)")


def _model(block: gemmi.cif.Block, path: Path, carrier: str) -> SiteModel:
    structure = gemmi.make_small_structure_from_block(block)
    cell = structure.cell
    vectors = cell_from_parameters([cell.a, cell.b, cell.c], [cell.alpha, cell.beta, cell.gamma])
    rotations, translations = _operations(block, structure)
    rows = [_row(site, rotations, translations) for site in structure.sites]
    if not any(row.element == carrier for row in rows):
        found = ", ".join(sorted({row.element for row in rows}))
        raise ValueError(f"no site of the carrier {carrier} among {found}: name the carrier or choose another file")
    sites = _orbits((row for row in rows if row.element == carrier), vectors, {})
    framework = _orbits((row for row in rows if row.element != carrier), vectors, sites)
    mapping = {**{name: orbit.label for name, orbit in sites.items()}}
    model = SiteModel(
        material=path.stem,
        carrier=carrier,
        cell=vectors,
        sites=tuple(sites.values()),
        framework=tuple(framework.values()),
        citation=_citation(block),
        label_mapping=tuple((name, label) for name, label in mapping.items() if name != label),
    )
    model.network()  # what the network refuses is refused here
    return model


def _operations(block: gemmi.cif.Block, structure: gemmi.SmallStructure) -> tuple[FloatArray, FloatArray]:
    """Return rotations and translations of the space group."""
    triplets = [text for tag in SYMMETRY_TAGS for text in block.find_values(tag)]
    if triplets:
        operations = [gemmi.Op(gemmi.cif.as_string(text)) for text in triplets]
    else:
        group = gemmi.find_spacegroup_by_name(structure.spacegroup_hm) if structure.spacegroup_hm else None
        if group is None:
            raise ValueError("the file lists no symmetry operations and names no space group that is known")
        operations = list(group.operations())
    rotations = np.array([operation.rot for operation in operations], dtype=np.float64) / gemmi.Op.DEN
    translations = np.array([operation.tran for operation in operations], dtype=np.float64) / gemmi.Op.DEN
    return rotations, translations


def _row(site: gemmi.SmallStructure.Site, rotations: FloatArray, translations: FloatArray) -> _Row:
    position = np.array(site.fract.tolist(), dtype=np.float64)
    element = site.element.name
    if not np.isfinite(position).all():
        raise ValueError(f"the site {site.label} lacks a coordinate")
    if element == "X":
        raise ValueError(f"the site {site.label} names no element")
    images = distinct_images(position, rotations @ position + translations)
    return _Row(site.label, element, min(float(site.occ), 1.0), images)


def _orbits(rows: Iterable[_Row], cell: FloatArray, taken: dict[str, Orbit]) -> dict[str, Orbit]:
    """Return one orbit for each label of the file, rows on one place merged into the first."""
    orbits: dict[str, Orbit] = {}
    labels = {orbit.label for orbit in taken.values()}
    for row in rows:
        same = next((name for name, orbit in orbits.items() if _same_place(orbit.positions, row.positions, cell)), None)
        if same is not None:
            orbits[same] = _with_element(orbits[same], row)
        elif row.label in orbits:
            known = orbits[row.label]
            joined = np.concatenate([known.positions, row.positions])
            orbits[row.label] = Orbit(known.label, joined, known.occupancy)
        else:
            label = _free_label(site_label(row.label, row.element), labels)
            labels.add(label)
            orbits[row.label] = Orbit(label, row.positions, ((row.element, row.share),))
    return orbits


def _same_place(positions: FloatArray, others: FloatArray, cell: FloatArray) -> bool:
    difference = positions - others[0]
    return bool((np.linalg.norm((difference - np.rint(difference)) @ cell, axis=1) < SAME_PLACE_A).any())


def _with_element(orbit: Orbit, row: _Row) -> Orbit:
    if row.element in orbit.elements:
        raise ValueError(f"the site {row.label} stands twice, or is the image of another ({orbit.label})")
    return Orbit(orbit.label, orbit.positions, (*orbit.occupancy, (row.element, row.share)))


def _free_label(label: str, taken: set[str]) -> str:
    number = 2
    free = label
    while free in taken:
        free, number = f"{label}_{number}", number + 1
    return free


def _citation(block: gemmi.cif.Block) -> str:
    """Return what the file says about its source."""
    doi = block.find_value("_journal_paper_doi") or block.find_value("_citation_DOI")
    code = block.find_value("_cod_database_code")
    known = [("doi ", doi), ("COD ", code)]
    parts = [prefix + gemmi.cif.as_string(value) for prefix, value in known if value and value not in ("?", ".")]
    return f"CIF {block.name}" + "".join(f", {part}" for part in parts)
