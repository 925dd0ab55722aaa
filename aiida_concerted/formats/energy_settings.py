"""What decides the energies of a VASP run, and whether runs agree on it: INCAR, potentials, density of k-points.

Energies are differences between runs, and a potential learns them as one surface. Runs whose cutoff, smearing,
potentials or k-points differ lie on surfaces that are shifted against each other by more than a potential's error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Value = bool | float | str

DECIDING = (
    "ENCUT", "PREC", "EDIFF", "ISMEAR", "SIGMA", "ISPIN", "LREAL", "LASPH", "ADDGRID", "LHFCALC", "AEXX", "HFSCREEN",
    "IVDW", "LUSE_VDW", "LDAU", "LSORBIT", "LNONCOLLINEAR", "LDIPOL", "NUPDOWN",
)  # fmt: skip
"""INCAR tags on which the converged energy depends, or how well it is converged.

The functional (GGA, METAGGA) is not among them: it is part of the level of theory.
"""

NAMES = {"ENMAX": "ENCUT"}
"""Names by which vasprun.xml calls tags among its values in force."""

MAX_DENSITY_RATIO = 2.5
"""Largest ratio of k-point densities that agree by themselves.

A mesh of a given spacing is a whole number along each axis, so that a strain of the cell can change its density by a
factor of two along one axis; Γ beside 2×2×1, or cells of 50 and 400 atoms at Γ, differ by four and eight.
"""

SPACING_MARGIN = 0.95
"""How far below the coarsest spacing that a mesh rules out a common spacing must stay."""


@dataclass(frozen=True)
class Sampling:
    """How densely k-points lie, for one run or for several.

    :param densities: least and largest number of points of the full mesh times the volume of the cell in Å³.
    :param spacing: the least spacing of k-points, in 2π Å⁻¹, that gives each of these meshes.
    :param below: the spacing from which one of them would be coarser; ``None`` where all are Γ alone.
    """

    densities: tuple[float, float]
    spacing: float
    below: float | None

    @classmethod
    def of_mesh(cls, divisions: Sequence[int], cell: FloatArray) -> Sampling:
        """Return the sampling of a mesh.

        :param divisions: points along each reciprocal vector.
        :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
        """
        lengths = np.linalg.norm(np.linalg.inv(cell), axis=0)
        density = float(np.prod(divisions) * abs(np.linalg.det(cell)))
        bounds = [b / (n - 1) for b, n in zip(lengths, divisions, strict=True) if n > 1]
        spacing = max(b / n for b, n in zip(lengths, divisions, strict=True))
        return cls((density, density), float(spacing), float(min(bounds)) if bounds else None)

    def __or__(self, other: Sampling) -> Sampling:
        """Return what describes the meshes of both."""
        bounds = [bound for bound in (self.below, other.below) if bound is not None]
        densities = (min(self.densities[0], other.densities[0]), max(self.densities[1], other.densities[1]))
        return Sampling(densities, max(self.spacing, other.spacing), min(bounds) if bounds else None)

    @property
    def is_uniform(self) -> bool:
        """Return whether the meshes are about equally dense, or one spacing gives them all."""
        if self.densities[1] <= MAX_DENSITY_RATIO * self.densities[0]:
            return True
        return self.below is not None and self.spacing < SPACING_MARGIN * self.below


@dataclass(frozen=True)
class EnergySettings:
    """What decides the energies of a run, or of several that agree.

    :param tags: INCAR tags of ``DECIDING`` that are known, in force.
    :param titles: TITEL of the potential of each element.
    :param hashes: aiida-vasp's SHA-512 of the potential of each element, where known.
    :param sampling: how densely k-points lie; ``None`` where they are not a mesh or not known.
    """

    tags: Mapping[str, Value] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    sampling: Sampling | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; what is not known is left out."""
        potentials = {
            element: {"titel": title} | ({"sha512": self.hashes[element]} if element in self.hashes else {})
            for element, title in self.titles.items()
        }
        content: dict[str, Any] = {"incar": dict(self.tags), "potentials": potentials}
        if self.sampling is not None:
            low, high = self.sampling.densities
            kpoints = {"density_A3": [low, high], "spacing_2pi_per_A": self.sampling.spacing}
            if self.sampling.below is not None:
                kpoints["spacing_below_2pi_per_A"] = self.sampling.below
            content["kpoints"] = kpoints
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> EnergySettings:
        """Return the settings of their JSON form."""
        potentials = content.get("potentials", {})
        kpoints = content.get("kpoints")
        sampling = None
        if kpoints is not None:
            low, high = kpoints["density_A3"]
            sampling = Sampling((low, high), kpoints["spacing_2pi_per_A"], kpoints.get("spacing_below_2pi_per_A"))
        return cls(
            tags=dict(content.get("incar", {})),
            titles={element: entry["titel"] for element, entry in potentials.items()},
            hashes={element: entry["sha512"] for element, entry in potentials.items() if "sha512" in entry},
            sampling=sampling,
        )


def known_tags(parameters: Mapping[str, Any], incar: Mapping[str, Any]) -> dict[str, Value]:
    """Return the deciding tags that are known, their values in one form.

    :param parameters: values in force, defaults included, by the names of vasprun.xml.
    :param incar: tags as they were given, in any case; they count where ``parameters`` has none.
    """
    given = {tag.upper(): value for tag, value in incar.items()}
    in_force = {NAMES.get(tag, tag): value for tag, value in parameters.items()}
    found: dict[str, Value] = {}
    for tag in DECIDING:
        value = in_force.get(tag, given.get(tag))
        if value is not None:
            found[tag] = _one_form(value)
    # Among the values in force real space is a logical, whether its projectors are VASP's choice or the user's.
    projection = str(given.get("LREAL", "")).strip(" .").upper()[:1]
    if projection in ("A", "O"):
        found["LREAL"] = "auto" if projection == "A" else "on"
    return found


def _one_form(value: Any) -> Value:
    """Return a value as a logical, a number or up to six lower-case letters, which is what VASP keeps of a word."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    if text.strip(".").upper() in ("T", "TRUE", "F", "FALSE"):
        return text.strip(".").upper().startswith("T")
    try:
        number = float(text.upper().replace("D", "E"))
    except ValueError:
        return text.lower()[:6]
    return number if math.isfinite(number) else text.lower()[:6]


def conflict(first: EnergySettings, second: EnergySettings, *, with_kpoints: bool = True) -> str | None:
    """Return on what two settings disagree, or ``None``; what one of them does not know is not compared.

    :param with_kpoints: whether the density of k-points counts, which differs between a metal and an insulator.
    """
    for tag in DECIDING:
        if tag in first.tags and tag in second.tags and not _is_same(first.tags[tag], second.tags[tag]):
            return f"{tag} is {_shown(first.tags[tag])} in one and {_shown(second.tags[tag])} in the other"
    for element in sorted(set(first.titles) & set(second.titles)):
        titles = [settings.titles[element] for settings in (first, second)]
        if titles[0].split() != titles[1].split():
            return f"the POTCAR of {element} is {titles[0]} in one and {titles[1]} in the other"
        hashes = [settings.hashes.get(element, "") for settings in (first, second)]
        if all(hashes) and hashes[0] != hashes[1]:
            return f"the POTCARs of {element} have one title and different content ({hashes[0][:8]}, {hashes[1][:8]})"
    if not with_kpoints or first.sampling is None or second.sampling is None:
        return None
    both = first.sampling | second.sampling
    if both.is_uniform:
        return None
    ratio = both.densities[1] / both.densities[0]
    return f"the density of k-points differs by a factor of {ratio:.3g}: use one spacing, or one mesh for one cell"


def unite_settings(parts: Mapping[str, EnergySettings]) -> EnergySettings:
    """Return the settings on which parts agree.

    :param parts: settings by the name of what they belong to; at least one.
    :raises ValueError: naming two parts and on what they disagree.
    """
    (first_name, united), *others = parts.items()
    names = {first_name: united}
    for name, settings in others:
        if conflict(united, settings) is not None:
            other, reason = next(
                ((known, text) for known, part in names.items() if (text := conflict(part, settings))),
                ("the others", conflict(united, settings)),
            )
            raise ValueError(f"'{other}' and '{name}' do not belong together: {reason}")
        sampling = united.sampling or settings.sampling
        if united.sampling is not None and settings.sampling is not None:
            sampling = united.sampling | settings.sampling
        united = replace(
            united,
            tags={**settings.tags, **united.tags},
            titles={**settings.titles, **united.titles},
            hashes={**settings.hashes, **united.hashes},
            sampling=sampling,
        )
        names[name] = settings
    return united


def _is_same(first: Value, second: Value) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        # vasprun.xml has eight decimals.
        return math.isclose(first, second, rel_tol=1e-4, abs_tol=6e-9)
    return first == second


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    return f"{value:g}" if isinstance(value, float) else value
