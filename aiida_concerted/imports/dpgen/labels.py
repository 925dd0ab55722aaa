"""How a DP-GEN project labels: INCAR, k-points and POTCARs as the settings of our runs of VASP.

Of POTCARs only the headers are read, and only their titles are passed on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_concerted.formats.energy_settings import EnergySettings, known_tags
from aiida_concerted.formats.incar import Incar, as_logical, read_incar
from aiida_concerted.formats.potcar import PotentialHeader, read_potential_headers
from aiida_concerted.imports.dpgen.account import Account, as_number, number, numbers, shown
from aiida_concerted.imports.dpgen.project import Project

PLACE = "learn.iteration.label.vasp"

SET_BY_LABELS = ("IBRION", "NSW", "ISIF", "ISYM", "POTIM", "EDIFFG", "NBLOCK", "KBLOCK")
"""Tags about ions and symmetry, which single points set themselves."""

NO_SETTING = ("SYSTEM", "MAGMOM", "ISTART", "ICHARG")
"""Tags that belong to one cell or to one run, or to nothing."""

DEFAULTS: Mapping[str, Any] = {
    "PREC": "Normal",
    "EDIFF": 1.0e-4,
    "NELM": 60,
    "NELMIN": 2,
    "ALGO": "Normal",
    "ISMEAR": 1,
    "SIGMA": 0.2,
    "ISPIN": 1,
    "LASPH": False,
    "LREAL": False,
}
"""VASP's own values, as its manual has them, of tags that our protocols set: an INCAR without a tag means these."""

LOGICAL = ("ADDGRID",)
"""Tags with truth values whose names do not begin with L."""


@dataclass(frozen=True)
class Labels:
    """How labels are computed.

    :param incar: tags in lower case, with VASP's own value where our protocols would have another.
    :param spacing_2pi_per_A: of k-points in 2π Å⁻¹; ``None`` where it is not known.
    :param potentials: header of the POTCAR of each element, where known.
    """

    incar: Mapping[str, Any] = field(default_factory=dict)
    spacing_2pi_per_A: float | None = None
    potentials: Mapping[str, PotentialHeader] = field(default_factory=dict)

    @property
    def titles(self) -> dict[str, str]:
        """Return the title of the POTCAR of each element."""
        return {element: header.titel for element, header in self.potentials.items()}

    @property
    def mapping(self) -> dict[str, str]:
        """Return the name of the POTCAR of each element."""
        return {element: header.symbol for element, header in self.potentials.items()}

    def settings(self) -> EnergySettings:
        """Return what decides the energies, but the k-points, which depend on the cell."""
        return EnergySettings(tags=known_tags({}, self.incar), titles=self.titles)

    def overrides(self) -> dict[str, Any]:
        """Return the overrides of the runs of VASP."""
        found: dict[str, Any] = {"incar": dict(self.incar)} if self.incar else {}
        if self.spacing_2pi_per_A is not None:
            found["kpoints_spacing_2pi_per_A"] = self.spacing_2pi_per_A
        return found


def translate_labels(project: Project, account: Account) -> tuple[dict[str, Any], Labels]:
    """Return the overrides of the labelling, and how labels are computed.

    :raises ValueError: if a number is none, or the POTCARs are not those of the type map.
    """
    potentials = _potentials(project, account)
    labels = Labels(potentials=potentials)
    path = project.path(str(project.param.get("fp_incar", "")))
    if "fp_incar" in project.param:
        try:
            incar = read_incar(path)
        except ValueError as error:
            account.left_out("fp_incar", f"{path}: {error}")
            account.left_out("fp_aniso_kspacing", "fp_incar is not there: the protocol's settings stand")
        else:
            labels = labels_of(incar, project, potentials)
            _say_incar(incar, labels, account)
    account.carried("fp_style", "codes.vasp")
    for key in ("fp_params", "user_fp_params"):
        account.left_out(key, "only an INCAR is read: write one of it, and name it by fp_incar")
    account.left_out("cvasp", "runs of VASP are mended by work chains, without Custodian")
    label: dict[str, Any] = {}
    if "ratio_failed" in project.param:
        label["max_failed_fraction"] = number(project.param, "ratio_failed", project.name)
        account.carried("ratio_failed", "learn.iteration.label.max_failed_fraction")
        if not 0 <= label["max_failed_fraction"] <= 1:
            raise ValueError(f"{project.name}: ratio_failed must lie between 0 and 1")
    vasp = labels.overrides()
    return {**label, "vasp": vasp} if vasp else label, labels


def labels_of(incar: Incar, project: Project, potentials: Mapping[str, PotentialHeader]) -> Labels:
    """Return how labels with an INCAR are computed.

    :raises ValueError: if its spacing of k-points is no positive number.
    """
    skipped = (*SET_BY_LABELS, *NO_SETTING, "KSPACING", "KGAMMA")
    tags = {tag: _value(tag, text) for tag, text in incar.values.items() if tag not in skipped}
    tags = {**DEFAULTS, **tags}
    functionals = {header.functional for header in potentials.values()}
    if "GGA" not in tags and "METAGGA" not in tags and len(functionals) == 1:
        tags["GGA"] = functionals.pop()
    if "ENCUT" not in tags and potentials:
        tags["ENCUT"] = max(header.cutoff_eV for header in potentials.values())
    spacing = _spacing(incar, project)
    return Labels({tag.lower(): value for tag, value in tags.items()}, spacing, potentials)


def _value(tag: str, text: str) -> Any:
    """Return a value as a logical, a number, a list of numbers, or text."""
    if tag.startswith("L") or tag in LOGICAL:
        truth = as_logical(text)
        if truth is not None:
            return truth
    found = [as_number(word.upper().replace("D", "E")) for word in text.split()]
    if None in found or not found:
        return text
    values = [
        int(word) if word.lstrip("+-").isdigit() else value for word, value in zip(text.split(), found, strict=True)
    ]
    return values[0] if len(values) == 1 else values


def _spacing(incar: Incar, project: Project) -> float | None:
    """Return the spacing of k-points in 2π Å⁻¹; that of the densest axis where DP-GEN has one for each."""
    by_axis = project.param.get("fp_aniso_kspacing")
    if by_axis is not None:
        spacing = min(numbers(by_axis, "fp_aniso_kspacing", project.name))
    elif "KSPACING" in incar:
        spacing = incar.real("KSPACING", 0.0)
    else:
        return None
    if spacing <= 0:
        raise ValueError(f"{project.name}: the spacing of k-points must be positive, got {spacing:g}")
    return float(f"{spacing / (2 * math.pi):.8g}")


def _say_incar(incar: Incar, labels: Labels, account: Account) -> None:
    dropped = [tag for tag in incar.values if tag in (*SET_BY_LABELS, *NO_SETTING)]
    added = [tag for tag in (*DEFAULTS, "GGA", "ENCUT") if tag not in incar and tag.lower() in labels.incar]
    notes = []
    if dropped:
        notes.append(f"without {', '.join(dropped)}, which single points set themselves or which belong to one cell")
    if added:
        notes.append(f"with VASP's own value of {', '.join(added)}")
    if "KGAMMA" in incar and not incar.logical("KGAMMA", True):
        notes.append("meshes hold the Γ point (KGAMMA = .FALSE.)")
    if labels.spacing_2pi_per_A is None:
        notes.append("it has no KSPACING: the protocol's stands")
    account.changed("fp_incar", f"{PLACE}.incar", "; ".join(notes)) if notes else account.carried(
        "fp_incar", f"{PLACE}.incar"
    )
    account.changed("fp_aniso_kspacing", f"{PLACE}.kpoints_spacing_2pi_per_A", "one spacing for all axes: the least")


def _potentials(project: Project, account: Account) -> dict[str, PotentialHeader]:
    """Return the header of the POTCAR of each element; none where a file cannot be read.

    :raises ValueError: if there is not one for each element, in the order of the type map.
    """
    names = project.param.get("fp_pp_files")
    if names is None:
        account.left_out("fp_pp_path", "there is no fp_pp_files")
        return {}
    if not isinstance(names, list) or len(names) != len(project.type_map):
        raise ValueError(
            f"{project.name}: fp_pp_files must name a POTCAR for each of {', '.join(project.type_map)}, got "
            f"{shown('fp_pp_files', names)}"
        )
    found = {}
    for symbol, name in zip(project.type_map, names, strict=True):
        path = project.path(str(name), "fp_pp_path")
        try:
            header = read_potential_headers(path)[0]
        except ValueError as error:
            for key in ("fp_pp_path", "fp_pp_files"):
                account.left_out(key, f"{path}: {error}")
            return {}
        if header.element != symbol:
            raise ValueError(f"{project.name}: fp_pp_files: {path} is of {header.element}, not of {symbol} (type_map)")
        found[symbol] = header
    account.changed("fp_pp_files", "potcars.mapping", "by name: a family with them must be in the profile")
    account.left_out("fp_pp_path", "POTCARs are those of the family; only their titles were read")
    return found


def incar_of_iteration(folder: Path) -> Path | None:
    """Return the INCAR that an iteration labelled with, where it is still there."""
    places: list[Path] = [folder / "INCAR", *sorted(folder.glob("task.*/INCAR"))[:1]]
    return next((place for place in places if place.is_file()), None)
