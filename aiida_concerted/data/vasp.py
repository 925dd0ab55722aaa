"""A finished VASP run as the package's own objects, read from the files that aiida-vasp retrieved."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from aiida import orm
from aiida_vasp.data.potcar import PotcarData
from numpy.typing import NDArray

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.common.stand_in import is_stand_in
from aiida_concerted.formats.energy_settings import EnergySettings
from aiida_concerted.formats.vasprun import VasprunHeader, VasprunReader, read_vasprun_frames

VASPRUN = "vasprun.xml"

FUNCTIONALS = {"PE": "PBE", "PS": "PBEsol", "RP": "RPBE", "91": "PW91", "AM": "AM05"}
"""Names of VASP's GGA tags."""


@dataclass(frozen=True)
class VaspRun:
    """All complete ionic steps of a run.

    :param frames: Cartesian positions, free energies, forces and virials; aiida-vasp's own trajectory has fractional
        positions and, by default, the energy that does not belong to the forces.
    :param is_converged: whether the electrons of each step converged within NELM, shape ``(n_frames,)``.
    :param n_truncated: steps begun and not finished.
    :param level_of_theory: what made the numbers.
    :param settings: what decides the energies.
    """

    frames: LabelledFrames
    is_converged: NDArray[np.bool_]
    n_truncated: int
    level_of_theory: str
    settings: EnergySettings = field(default_factory=EnergySettings)


def read_run(retrieved: orm.FolderData) -> VaspRun:
    """Return the ionic steps of a run, each with the UUID of the calculation that computed it.

    :raises ValueError: if there is no vasprun.xml or no complete step in it.
    """
    _check_present(retrieved)
    origin = retrieved.creator.uuid if retrieved.creator else retrieved.uuid
    with retrieved.base.repository.as_path(VASPRUN) as path:
        content = read_vasprun_frames(path, origin=origin)
    converged = np.ones(len(content.frames), dtype=bool)
    converged[content.unconverged] = False
    settings = with_hashes(content.header.settings(content.frames.cells[0]), retrieved.creator)
    return VaspRun(content.frames, converged, content.n_truncated, describe_theory(content.header), settings)


@dataclass(frozen=True)
class RunHead:
    """What made the numbers of a run.

    :param level_of_theory: functional and program.
    :param settings: what decides the energies.
    """

    level_of_theory: str
    settings: EnergySettings


def read_head(retrieved: orm.FolderData) -> RunHead:
    """Return what made the numbers of a run, reading no further than its first step.

    :raises ValueError: if the head of vasprun.xml is not readable.
    """
    _check_present(retrieved)
    with retrieved.base.repository.as_path(VASPRUN) as path:
        reader = VasprunReader(Path(path))
        step = next(iter(reader), None)
    settings = EnergySettings() if step is None else reader.header.settings(step.cell)
    return RunHead(describe_theory(reader.header), with_hashes(settings, retrieved.creator))


def with_hashes(settings: EnergySettings, calculation: orm.ProcessNode | None) -> EnergySettings:
    """Return settings with the hashes of the potentials that a calculation took."""
    if calculation is None:
        return settings
    links = calculation.base.links.get_incoming(node_class=PotcarData).all_nodes()
    hashes = {potential.element: potential.sha512 for potential in links}
    return replace(settings, hashes={element: hashes[element] for element in settings.titles if element in hashes})


def read_last_energy(retrieved: orm.FolderData) -> float:
    """Return the free energy in eV of the last complete ionic step of a run.

    :raises ValueError: if there is no complete step.
    """
    _check_present(retrieved)
    energy = None
    with retrieved.base.repository.as_path(VASPRUN) as path:
        for step in VasprunReader(path):
            energy = step.energy
    if energy is None:
        raise ValueError(f"the VASP run <{retrieved.pk}> completed no ionic step")
    return energy


def describe_theory(header: VasprunHeader) -> str:
    """Return the level of theory as nodes state it, such as ``PBE/VASP 6.4.2``.

    An executable that stands in for VASP names itself in the build of the program, and is taken at its word.
    """
    build = header.subversion
    if is_stand_in(build):
        return build.strip()
    tags = {**header.parameters, **header.incar}
    meta, gga = (tags.get(key, "").strip().upper() for key in ("METAGGA", "GGA"))
    if meta and meta.strip("-"):
        functional = meta
    elif gga and gga.strip("-"):
        functional = FUNCTIONALS.get(gga, gga)
    else:
        # The titles of the oldest set, made with the local density approximation, say PAW and no more.
        kinds = {title.split()[0].removeprefix("PAW_").replace("PAW", "LDA") for title in header.potentials if title}
        functional = " ".join(sorted(kinds)) or "DFT"
    hybrid = "hybrid " if tags.get("LHFCALC", "F").strip(" .").upper().startswith("T") else ""
    return f"{hybrid}{functional}/VASP {header.version}"


def _check_present(retrieved: orm.FolderData) -> None:
    if VASPRUN not in retrieved.base.repository.list_object_names():
        raise ValueError(f"the files retrieved from VASP <{retrieved.pk}> hold no {VASPRUN}")
