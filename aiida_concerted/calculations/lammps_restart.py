"""Restart files of LAMMPS as nodes."""

from __future__ import annotations

import io

from aiida import orm

from aiida_concerted.formats.lammps_restart import restart_step
from aiida_concerted.formats.md_parameters import RestartPoint

BEGIN = "begin_eV_per_atom"
STEP = "step"
BEYOND = "deviation_beyond_since_step"


def restart_node(content: bytes, begin_eV_per_atom: float, beyond_since: int | None = None) -> orm.SinglefileData:
    """Return an unstored node of a restart file.

    :param content: the file.
    :param begin_eV_per_atom: potential energy in eV an atom at step 0 of the run, from which an explosion is judged.
    :param beyond_since: step from which on the committee disagreed by more than it may, where it does so there.
    :raises ValueError: if the file is none of LAMMPS, or cut off.
    """
    step = restart_step(content)
    node = orm.SinglefileData(io.BytesIO(content), filename=f"step_{step}.restart")
    node.base.attributes.set_many({STEP: step, BEGIN: begin_eV_per_atom})
    if beyond_since is not None:
        node.base.attributes.set(BEYOND, beyond_since)
    return node


def restart_point(node: orm.SinglefileData) -> RestartPoint:
    """Return where a run goes on.

    :raises ValueError: if the node is no restart file of a run of ours.
    """
    try:
        step = restart_step(node.get_content(mode="rb"))
    except ValueError as error:
        raise ValueError(f"restart: {error}; take the output `restart` of a run") from None
    begin = node.base.attributes.get(BEGIN, None)
    if not isinstance(begin, float):
        raise ValueError(f"restart has no attribute {BEGIN}: take the output `restart` of a run")
    return RestartPoint(step, begin, node.base.attributes.get(BEYOND, None))
