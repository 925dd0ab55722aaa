"""What a run of molecular dynamics with VASP left in a folder: its steps, and the state from which it can go on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.common.md_segments import MdSegment, steps_before
from aiida_concerted.common.units import FS_IN_PS
from aiida_concerted.data.vasp import VASPRUN, describe_theory, with_hashes
from aiida_concerted.formats.contcar import parse_dynamics_state
from aiida_concerted.formats.energy_settings import EnergySettings
from aiida_concerted.formats.outcar import read_outcar_summary
from aiida_concerted.formats.poscar import Poscar, format_poscar, read_poscar
from aiida_concerted.formats.vasp_output import wrap
from aiida_concerted.formats.vasprun import VasprunReader, VasprunStep, frames_of_steps
from aiida_concerted.surrogate.state import STATE_FILE, load_state

CONTCAR, OUTCAR, OSZICAR = "CONTCAR", "OUTCAR", "OSZICAR"

ARRAYS = ("energies", "forces", "virials", "electronic_converged", "kinetic_energies", "conserved_energies")
"""Arrays of a trajectory node beside AiiDA's own."""


@dataclass(frozen=True)
class Continuation:
    """A state from which molecular dynamics goes on.

    :param poscar: text of the POSCAR to go on from: VASP's CONTCAR to the last digit, or the state below.
    :param state: the surrogate's state in full precision, where it left one.
    :param n_before: how many of the run's steps come before it; the others will be computed again.
    """

    poscar: str
    state: bytes | None
    n_before: int


@dataclass(frozen=True)
class MdFolder:
    """One run.

    :param segment: its complete steps; ``None`` where there is none.
    :param continuation: ``None`` where no state can be read that follows the steps without a gap.
    :param is_closed: whether the program came to its end in order.
    :param n_truncated: steps begun and not finished.
    :param level_of_theory: what made the numbers.
    :param problem: why there are no steps or no continuation.
    :param settings: what decides the energies.
    """

    segment: MdSegment | None
    continuation: Continuation | None
    is_closed: bool
    n_truncated: int
    level_of_theory: str
    problem: str = ""
    settings: EnergySettings = field(default_factory=EnergySettings)

    @property
    def n_steps(self) -> int:
        """Return the number of complete steps."""
        return 0 if self.segment is None else len(self.segment)


def read_md_folder(folder: Path, *, origin: str = "") -> MdFolder:
    """Return what can be read of a run that ended in whatever way; nothing that is missing or cut short raises.

    :param folder: holds vasprun.xml, CONTCAR, OUTCAR and, from the surrogate, its state file.
    :param origin: UUID of the process that ran.
    """
    reader = VasprunReader(folder / VASPRUN)
    steps: list[VasprunStep] = []
    problem = ""
    try:
        for step in reader:
            steps.append(step)
    except (ValueError, OSError) as error:
        problem = str(error)
    theory = describe_theory(reader.header) if reader.header.program else ""
    if not steps:
        return MdFolder(None, None, False, reader.n_truncated, theory, problem or "no step was completed")
    try:
        segment = _segment(reader, steps, origin)
    except (ValueError, KeyError) as error:
        return MdFolder(None, None, False, reader.n_truncated, theory, f"{VASPRUN}: {error}")
    continuation, reason = find_continuation(folder, segment)
    is_closed = reader.is_complete and _is_finished(folder / OUTCAR)
    settings = reader.header.settings(steps[0].cell)
    return MdFolder(segment, continuation, is_closed, reader.n_truncated, theory, problem or reason, settings)


def find_continuation(folder: Path, segment: MdSegment) -> tuple[Continuation | None, str]:
    """Return the latest state that follows the steps of a run, or why there is none.

    Where the surrogate left its own state, CONTCAR is not asked: it would go on without the thermostat. To compute the
    segment once more from its beginning is exact.
    """
    reasons = []
    for find in (_from_state, _from_contcar):
        try:
            poscar, text, state = find(folder)
        except (ValueError, OSError) as error:
            reasons.append(str(error))
            continue
        return _follow(segment, poscar, Continuation(text, state, 0))
    return None, "; ".join(reasons)


def _follow(segment: MdSegment, poscar: Poscar, found: Continuation) -> tuple[Continuation | None, str]:
    """Return a state with the number of steps before it, or why it does not follow them."""
    if poscar.velocities is None or poscar.species != segment.frames.species:
        return None, "the last state is one of other atoms"
    n_before = steps_before(segment, poscar.cell, poscar.positions, poscar.velocities)
    if n_before is None:
        return None, "the last state does not follow any step: what lies between was not written"
    return replace(found, n_before=n_before), ""


def _from_state(folder: Path) -> tuple[Poscar, str, bytes | None]:
    """Return the surrogate's state as a POSCAR, its text and the file itself."""
    path = folder / STATE_FILE
    if not path.exists():
        raise ValueError(f"no {STATE_FILE}")
    saved = load_state(path)
    fractional = wrap(saved.state.positions @ np.linalg.inv(saved.cell))
    poscar = replace(
        _template(folder, saved.species), cell=saved.cell, fractional=fractional, velocities=saved.poscar_velocities
    )
    return poscar, format_poscar(poscar), path.read_bytes()


def _template(folder: Path, species: tuple[str, ...]) -> Poscar:
    """Return a POSCAR with the groups and the flags of CONTCAR, or with plain groups where that cannot be read."""
    try:
        poscar = read_poscar(folder / CONTCAR)
        if poscar.species == species:
            return poscar
    except ValueError:
        pass
    groups = [(symbol, len(list(atoms))) for symbol, atoms in groupby(species)]
    symbols, counts = tuple(symbol for symbol, _ in groups), tuple(count for _, count in groups)
    return Poscar("continued", np.eye(3), symbols, counts, np.zeros((len(species), 3)))


def _from_contcar(folder: Path) -> tuple[Poscar, str, bytes | None]:
    """Return CONTCAR and its text, which is used to the last digit."""
    text = (folder / CONTCAR).read_text(encoding="utf-8", errors="replace")
    return parse_dynamics_state(text), text, None


def _segment(reader: VasprunReader, steps: list[VasprunStep], origin: str) -> MdSegment:
    """Return the steps of a run."""
    if any(step.kinetic is None for step in steps):
        raise ValueError("no kinetic energy: this is no molecular dynamics")
    frames = frames_of_steps(reader.header.species, steps, origin)
    kinetic = np.array([step.kinetic for step in steps], dtype=np.float64)
    conserved = [step.conserved for step in steps]
    limit = reader.header.max_electronic_steps
    return MdSegment(
        frames=frames,
        is_converged=np.array([limit is None or step.n_electronic < limit for step in steps]),
        kinetic=kinetic,
        conserved=frames.energies + kinetic if None in conserved else np.array(conserved, dtype=np.float64),
        timestep_fs=float(reader.header.parameters["POTIM"]),
    )


def _is_finished(outcar: Path) -> bool:
    """Return whether OUTCAR has its closing block."""
    try:
        return read_outcar_summary(outcar).is_finished
    except ValueError:
        return False


def trajectory_node(run: MdFolder, calculation: orm.ProcessNode | None = None) -> orm.TrajectoryData:
    """Return the steps of a run as AiiDA's trajectory: Cartesian positions in Å, times in ps, and the labels beside.

    Energies are VASP's free energies in eV, forces in eV/Å, virials in eV. Every step is there, those without
    electronic convergence too: ``electronic_converged`` marks them.

    :param calculation: the process that ran, whose potentials have hashes.
    :raises ValueError: if there are no steps.
    """
    segment = run.segment
    if segment is None:
        raise ValueError("there are no steps to store")
    frames = segment.frames
    n_steps = len(segment)
    node = orm.TrajectoryData()
    node.set_trajectory(
        symbols=list(frames.species), positions=frames.positions, stepids=np.arange(1, n_steps + 1), cells=frames.cells,
        times=np.arange(n_steps) * segment.timestep_fs * FS_IN_PS, pbc=(True, True, True),
    )  # fmt: skip
    arrays: dict[str, Any] = {
        "energies": frames.energies, "forces": frames.forces, "virials": frames.virials,
        "electronic_converged": segment.is_converged, "kinetic_energies": segment.kinetic,
        "conserved_energies": segment.conserved,
    }  # fmt: skip
    for name, array in arrays.items():
        if array is not None:
            node.set_array(name, array)
    settings = with_hashes(run.settings, calculation).as_dict()
    node.base.attributes.set_many(
        {"level_of_theory": run.level_of_theory, "timestep_fs": segment.timestep_fs, "energy_settings": settings}
    )
    return node


def segment_of_node(node: orm.TrajectoryData) -> MdSegment:
    """Return the steps in a trajectory that :func:`trajectory_node` made, each with the process that computed it."""
    found = {name: node.get_array(name) for name in ARRAYS if name in node.get_arraynames()}
    origin = node.creator.uuid if node.creator else node.uuid
    frames = LabelledFrames(
        species=tuple(node.symbols),
        cells=node.get_cells(),
        positions=node.get_positions(),
        energies=found["energies"],
        forces=found["forces"],
        virials=found.get("virials"),
        origins=tuple((origin, int(step)) for step in node.get_stepids()),
    )
    return MdSegment(
        frames,
        found["electronic_converged"],
        found["kinetic_energies"],
        found["conserved_energies"],
        float(node.base.attributes.get("timestep_fs")),
    )
