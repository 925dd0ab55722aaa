"""CONTCAR of molecular dynamics: whether all of a state from which a run can go on is there."""

from __future__ import annotations

from aiida_concerted.formats.poscar import Poscar, parse_poscar

THERMOSTAT_HEAD_LINES = 3
"""Lines before the vectors of the predictor-corrector block: a flag, POTIM and the Nosé coordinate."""

THERMOSTAT_VECTORS = 3
"""Vectors of each atom in that block."""


def parse_dynamics_state(text: str, name: str = "CONTCAR") -> Poscar:
    """Return positions and velocities of a CONTCAR that was written to its end.

    VASP does not replace CONTCAR at once: a killed run can leave any part of it, down to a last number that lacks
    digits. A file that ends after the velocities is taken as whole, since not every thermostat writes more.

    :raises ValueError: if the file is cut short, has no velocities, or cannot be understood.
    """
    poscar = parse_poscar(text, name)
    if poscar.velocities is None:
        raise ValueError(f"{name} has no velocities: dynamics cannot go on from it")
    if not text.endswith("\n"):
        raise ValueError(f"{name} is cut short in its last line")
    rest = [line for line in thermostat_block(text, poscar).splitlines() if line.strip()]
    expected = THERMOSTAT_HEAD_LINES + THERMOSTAT_VECTORS * poscar.n_atoms
    if rest and len(rest) != expected:
        raise ValueError(f"{name} is cut short: {len(rest)} of {expected} lines follow the velocities")
    if any(len(line.split()) < 3 for line in rest[THERMOSTAT_HEAD_LINES:]):
        raise ValueError(f"{name} is cut short: a vector of the predictor-corrector block lacks a component")
    return poscar


def thermostat_block(text: str, poscar: Poscar) -> str:
    """Return what follows the velocities, empty where nothing does.

    :param poscar: what the text holds, velocities included.
    """
    lines = text.splitlines(keepends=True)
    begin = 5 + (2 if poscar.symbols else 1) + (2 if poscar.selective is not None else 1) + poscar.n_atoms
    if begin < len(lines) and lines[begin].strip().upper().startswith("L"):
        begin += 8
    return "".join(lines[begin + 1 + poscar.n_atoms :])
