"""What work chains that run potentials at several temperatures have in common."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder, ProcessSpec

from aiida_concerted.workflows import checks
from aiida_concerted.workflows.executables import check_code
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.lammps.sealing import REDUCE
from aiida_concerted.workflows.options import calcjob_options
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.vasp.validation import non_negative

SET_FOR_EACH_RUN = ("md.structure", "md.models", "md.parameters", "md.restart", "before")
"""Inputs of a run that the work chain sets."""


def dynamics_ports(spec: ProcessSpec, *, may_stay_there: bool = False) -> None:
    """Define the ports of work chains that run potentials at several temperatures.

    :param may_stay_there: whether frames may stay where they were made.
    """
    exclude = SET_FOR_EACH_RUN if may_stay_there else (*SET_FOR_EACH_RUN, REDUCE)
    spec.expose_inputs(LammpsMdWorkChain, namespace="run", exclude=exclude)
    value_port(
        spec, "md", orm.Dict, "Parameters of `concerted.lammps.md` without temperature and seed; units in the keys.",
        validator=checks.dynamics,
    )  # fmt: skip
    value_port(spec, "temperatures_K", orm.List, "Temperatures of the runs in K.", validator=checks.temperatures)
    value_port(
        spec, "seed", orm.Int, "Seed of the velocities and of every draw (without unit).", default=1,
        validator=non_negative,
    )  # fmt: skip


def fill_dynamics(
    builder: ProcessBuilder, code: orm.AbstractCode, inputs: dict[str, Any], options: dict[str, Any] | None
) -> None:
    """Fill the ports of work chains that run potentials at several temperatures.

    :param code: the ``lmp`` code.
    :param inputs: the protocol with its overrides.
    :param options: scheduler options.
    :raises ValueError: if the code cannot run deep potentials.
    """
    check_code(code, "lmp")
    builder.run.md.code = code
    builder.run.md.metadata.options = calcjob_options(options, code)
    builder.md = orm.Dict(inputs["md"])
    builder.temperatures_K = orm.List(inputs["temperatures_K"])
    builder.max_concurrent = inputs["max_concurrent"]
