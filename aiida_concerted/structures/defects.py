"""Which vacancies of an ordered structure to compute, and the cells they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.structures.labelling import label_carriers
from aiida_concerted.structures.supercells import build_supercell
from aiida_concerted.structures.vacancies import find_in_supercell, inequivalent_sites, remove_atom

SELECTIONS = ("one_per_label", "all")


@dataclass(frozen=True)
class VacancySite:
    """One carrier site whose vacancy is to be computed.

    :param label: label of the nearest site of the site model; of the orbit where there is no model.
    :param index: its index in the cell.
    :param supercell_index: its index in the supercell.
    :param multiplicity: how many carriers of the cell it stands for.
    :param distance_A: distance from the ideal site in Å, if there is a site model.
    """

    label: str
    index: int
    supercell_index: int
    multiplicity: int
    distance_A: float | None


@dataclass(frozen=True)
class VacancyPlan:
    """The sites and cells of a set of vacancies.

    :param perfect: the perfect supercell.
    :param sites: the sites.
    :param missing_labels: labels of the site model that no carrier of the structure has.
    """

    perfect: Atoms
    sites: tuple[VacancySite, ...]
    missing_labels: tuple[str, ...]

    def defect(self, site: VacancySite) -> Atoms:
        """Return the supercell without the carrier of one site."""
        return remove_atom(self.perfect, site.supercell_index)


def plan_vacancies(
    atoms: Atoms,
    carrier: str,
    supercell: Sequence[int] | Sequence[Sequence[int]],
    *,
    network: SiteNetwork | None = None,
    selection: str = "all",
    symprec_A: float = 0.01,
) -> VacancyPlan:
    """Return the symmetry-inequivalent carriers of a cell with their labels, and the cells without them.

    :param carrier: element symbol of the mobile ion.
    :param supercell: three multiples of the lattice vectors or a 3×3 matrix.
    :param network: sites to label the carriers by; without it every inequivalent site is a label of its own.
    :param selection: ``all`` inequivalent sites, or ``one_per_label``, the one nearest to its ideal site.
    :param symprec_A: distance in Å within which positions count as the same.
    :raises ValueError: if the selection is unknown or the structure does not fit carrier, supercell or network.
    """
    if selection not in SELECTIONS:
        raise ValueError(f"the selection must be {' or '.join(SELECTIONS)}, got '{selection}'")
    perfect = build_supercell(atoms, supercell)
    nearest = label_carriers(atoms, carrier, network) if network is not None else {}
    sites = []
    for number, site in enumerate(inequivalent_sites(atoms, carrier, symprec_A=symprec_A), start=1):
        known = nearest.get(site.index)
        sites.append(
            VacancySite(
                label=known.label if known else f"{carrier}{number}",
                index=site.index,
                supercell_index=find_in_supercell(perfect, atoms.positions[site.index], carrier),
                multiplicity=site.multiplicity,
                distance_A=known.distance_A if known else None,
            )
        )
    if selection == "one_per_label":
        sites = _nearest_of_each_label(sites)
    present = {site.label for site in sites}
    labels = dict.fromkeys(network.labels) if network is not None else {}
    return VacancyPlan(perfect, tuple(sites), tuple(label for label in labels if label not in present))


def _nearest_of_each_label(sites: list[VacancySite]) -> list[VacancySite]:
    """Return for each label the site nearest to the ideal one, the first of equals."""
    chosen: dict[str, VacancySite] = {}
    for site in sorted(sites, key=lambda site: (np.inf if site.distance_A is None else site.distance_A, site.index)):
        chosen.setdefault(site.label, site)
    return sorted(chosen.values(), key=lambda site: site.index)
