"""A site model: where carriers may sit in a crystal, and the framework around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.sites import DEFAULT_MAX_EDGE_A, Group, SiteNetwork

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Orbit:
    """All sites of one label in a unit cell.

    :param label: name of the sites.
    :param positions: fractional coordinates within the cell, shape ``(n_sites, 3)``.
    :param occupancy: ``(element, occupancy)`` of every element on the sites; an occupancy is ``None`` where not known.
    :param wyckoff: multiplicity and letter, such as ``16h``; empty without a space group.
    """

    label: str
    positions: FloatArray
    occupancy: tuple[tuple[str, float | None], ...]
    wyckoff: str = ""

    @property
    def elements(self) -> tuple[str, ...]:
        """Return the elements that may stand on the sites."""
        return tuple(element for element, _ in self.occupancy)


@dataclass(frozen=True)
class SiteModel:
    """The sites of a material as its data file gives them, symmetry applied.

    :param material: short key, such as ``LGPS``.
    :param carrier: element that moves.
    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param sites: the carrier's sites, one orbit a label.
    :param framework: sites of everything else.
    :param spacegroup: number of the space group, ``None`` where every site is listed.
    :param max_edge_A: longest hop in Å that counts as one step.
    :param groups: ``(label, label, distance in Å)``: sites that act as one.
    :param modes: named modes.
    :param origin_shift: prescribed shift of the origin in trajectories, in fractions of the cell.
    :param citation: where the numbers come from.
    :param label_mapping: ``(label in the source, label here)`` of every site whose label had to be changed.
    """

    material: str
    carrier: str
    cell: FloatArray
    sites: tuple[Orbit, ...]
    framework: tuple[Orbit, ...] = ()
    spacegroup: int | None = None
    max_edge_A: float = DEFAULT_MAX_EDGE_A
    groups: tuple[Group, ...] = ()
    modes: tuple[str, ...] = ()
    origin_shift: tuple[float, float, float] | None = None
    citation: str = ""
    label_mapping: tuple[tuple[str, str], ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels of the carrier's sites."""
        return tuple(orbit.label for orbit in self.sites)

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of carrier sites of each label in a unit cell."""
        return {orbit.label: len(orbit.positions) for orbit in self.sites}

    def network(self) -> SiteNetwork:
        """Return the network of the carrier's sites, with the framework that fixes its origin."""
        framework = [position for orbit in self.framework for position in orbit.positions]
        return SiteNetwork(
            material=self.material,
            labels=tuple(orbit.label for orbit in self.sites for _ in orbit.positions),
            fractional=np.concatenate([orbit.positions for orbit in self.sites]),
            cell=self.cell,
            max_edge_A=self.max_edge_A,
            groups=self.groups,
            modes=self.modes,
            framework_elements=tuple(orbit.elements for orbit in self.framework for _ in orbit.positions),
            framework_fractional=np.array(framework, dtype=np.float64).reshape(-1, 3),
            origin_shift=self.origin_shift,
        )

    def disordered_species(self) -> list[tuple[str, dict[str, float], FloatArray]]:
        """Return label, occupancy by element and fractional coordinates of every orbit, carriers first.

        :raises ValueError: if the model lacks an occupancy or names no framework.
        """
        if not self.framework:
            raise ValueError(
                f"the site model '{self.material}' names no framework: a structure cannot be built from it"
            )
        orbits = []
        for orbit in (*self.sites, *self.framework):
            known = {element: share for element, share in orbit.occupancy if share is not None}
            if len(known) != len(orbit.occupancy):
                raise ValueError(f"the site model '{self.material}' gives no occupancy for {orbit.label}")
            orbits.append((orbit.label, known, orbit.positions))
        return orbits
