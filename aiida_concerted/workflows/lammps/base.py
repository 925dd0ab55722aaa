"""One molecular-dynamics run with LAMMPS, mended where it can be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import (
    ProcessBuilder,
    ProcessHandlerReport,
    ProcessSpec,
    process_handler,
    while_,
)

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_run import md_parameters
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.workflows.executables import check_code
from aiida_concerted.workflows.options import calcjob_options
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.restarting import RestartingWorkChain
from aiida_concerted.workflows.sections import MD_KEYS

INTERRUPTIONS = tuple(
    LammpsMdCalculation.exit_codes[label]
    for label in ("ERROR_CUT_SHORT", "ERROR_NO_TRAJECTORY", "ERROR_OUTFILE_MISSING", "ERROR_PARSING_OUTFILE")
)
"""What the machine, not the physics, does to a run."""

WALL_TIME_MARGIN = 1.2
"""Factor on the wall time that a run would have needed: machines are not always equally fast."""


MONITORS = {"disagreeing": {"entry_point": "concerted.lammps.stop_disagreeing", "minimum_poll_interval": 30}}
"""Attached to every run whose committee is watched, where no others are given."""


def wall_time_needed_s(job: orm.CalcJobNode, n_steps: int, n_done: int) -> int:
    """Return the wall time in s in which a job would make so many steps, with a margin.

    :param n_done: steps that it made in the time that it had.
    """
    given = job.get_option("max_wallclock_seconds") or 0
    return math.ceil(WALL_TIME_MARGIN * given * n_steps / max(n_done, 1))


def wall_time_between_restarts(job: orm.CalcJobNode, md: MdParameters, results: Mapping[str, Any]) -> tuple[float, int]:
    """Return how far in ps a job came that reached no restart file, and the wall time in s that would do.

    :param results: what it left of the run.
    """
    done, start = (int(results.get(key, 0)) for key in ("steps_done", "start_step"))
    needed = wall_time_needed_s(job, md.restart_steps, done - start)
    return done * md.timestep_ps, max(needed, (job.get_option("max_wallclock_seconds") or 0) + 1)


class LammpsRunProtocol(ProtocolMixin):
    """How a run of LAMMPS is filled from a protocol, whichever work chain runs it."""

    _protocol_file = "lammps_base"
    _section_keys: ClassVar = {"md": (*MD_KEYS, "temperature_K", "seed")}

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        models: dict[str, orm.Data],
        *,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: the ``lmp`` code.
        :param structure: where the run begins.
        :param models: potentials by name; the first drives the run, the others give the deviation of the committee.
        :param overrides: differences from the protocol, in its own nesting.
        :param options: scheduler options.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        check_code(code, "lmp")
        builder = cls.get_builder()
        builder.md.code = code
        builder.md.structure = structure
        builder.md.models = models
        builder.md.parameters = orm.Dict(inputs["md"])
        builder.md.metadata.options = calcjob_options(options, code)
        builder.max_iterations = inputs["max_iterations"]
        return builder


class LammpsBaseWorkChain(LammpsRunProtocol, RestartingWorkChain):
    """Runs LAMMPS with a deep potential and runs it again when the machine, not the physics, ended it."""

    _process_class = LammpsMdCalculation

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(LammpsMdCalculation, namespace="md")
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.run_process, cls.inspect_process),
            cls.results,
        )
        spec.expose_outputs(LammpsMdCalculation)
        spec.exit_code(210, "ERROR_PAIR_STYLE_MISSING", message="{reason}")
        spec.exit_code(
            410,
            "ERROR_WALL_TIME_OVER",
            message="The wall time ended the run after {done:g} of {planned:g} ps, heating included; its frames so far "
            "are attached. Set max_wallclock_seconds to {needed_s} or more, or shorten production_ps.",
        )
        spec.exit_code(412, "ERROR_OUT_OF_MEMORY", message="{reason}")
        spec.exit_code(
            510,
            "ERROR_PHYSICS",
            message="The run ended, and the physics says no: {reason}. Its sound part is attached.",
        )

    def setup(self) -> None:
        """Take the inputs of the run, with our monitor where a deviation is watched and no others were asked for."""
        super().setup()
        self.ctx.inputs = self.exposed_inputs(LammpsMdCalculation, "md")
        is_watched = md_parameters(self.ctx.inputs.parameters).max_deviation_eV_A is not None
        if is_watched and not self.ctx.inputs.get("monitors"):
            self.ctx.inputs["monitors"] = {name: orm.Dict(settings) for name, settings in MONITORS.items()}

    @process_handler(priority=600)
    def handle_physics(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Stop where the run went to its end and the physics says no.

        Atoms were lost or the energy exploded: the same inputs would do so again. The frames before are attached.
        """
        if calculation.exit_status is None or not 500 <= calculation.exit_status < 600:
            return None
        self.report(f"LAMMPS <{calculation.pk}>: {calculation.exit_message}; the sound part is kept")
        self.out_many(self.exposed_outputs(calculation, LammpsMdCalculation))
        return ProcessHandlerReport(True, self.exit_codes.ERROR_PHYSICS.format(reason=calculation.exit_message))

    @process_handler(priority=580, exit_codes=[LammpsMdCalculation.exit_codes.ERROR_STOPPED_BY_TIMER])
    def handle_wall_time(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport:
        """Stop where the wall time was too short, and say how much would do.

        The same inputs would end at the same place. The frames so far are sound and attached.
        """
        self.out_many(self.exposed_outputs(calculation, LammpsMdCalculation))
        md = md_parameters(calculation.inputs.parameters)
        planned = md.first_step + md.production_steps
        done = calculation.outputs.results["steps_done"] if "results" in calculation.outputs else 0
        needed = wall_time_needed_s(calculation, planned, done)
        self.report(f"LAMMPS <{calculation.pk}> ran out of wall time at step {done} of {planned}")
        code = self.exit_codes.ERROR_WALL_TIME_OVER.format(
            done=done * md.timestep_ps, planned=planned * md.timestep_ps, needed_s=needed
        )
        return ProcessHandlerReport(True, code)

    @process_handler(priority=570, exit_codes=[LammpsMdCalculation.exit_codes.ERROR_OUT_OF_MEMORY])
    def handle_memory(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport:
        """Stop where the memory was too small: the same run would need as much again. Its frames so far are sound."""
        self.out_many(self.exposed_outputs(calculation, LammpsMdCalculation))
        reason = calculation.exit_message
        return ProcessHandlerReport(True, self.exit_codes.ERROR_OUT_OF_MEMORY.format(reason=reason))

    @process_handler(priority=550, exit_codes=[LammpsMdCalculation.exit_codes.ERROR_PAIR_STYLE_MISSING])
    def handle_pair_style(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport:
        """Stop where this LAMMPS cannot run deep potentials at all."""
        reason = calculation.exit_message
        return ProcessHandlerReport(True, self.exit_codes.ERROR_PAIR_STYLE_MISSING.format(reason=reason))

    @process_handler(priority=500, exit_codes=list(INTERRUPTIONS))
    def handle_interruption(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport:
        """Run again what the machine ended: a kill, a power cut, a full disk, a node that went down.

        The run begins anew with the same seed, hence along the same trajectory.
        """
        self.report(f"LAMMPS <{calculation.pk}> was cut short: {calculation.exit_message}; running it again")
        return ProcessHandlerReport(True)
