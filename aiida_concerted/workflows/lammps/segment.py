"""One segment of molecular dynamics with LAMMPS, which may end early and still be of use."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, ProcessHandlerReport, ProcessSpec, process_handler

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_run import md_parameters
from aiida_concerted.workflows.lammps.base import INTERRUPTIONS, LammpsBaseWorkChain, wall_time_between_restarts

TIMER = LammpsMdCalculation.exit_codes.ERROR_STOPPED_BY_TIMER
ADVANCED = (TIMER.status, *(code.status for code in INTERRUPTIONS))
"""Exit statuses of runs that are segments where they left a restart file."""


class LammpsSegmentWorkChain(LammpsBaseWorkChain):
    """Runs one segment of molecular dynamics, from a structure or from the restart file of another segment.

    A run that the wall time or the machine ended is a shorter segment where it left a restart file: its frames and
    that file are its outputs, and what remains is for the next segment. Only one that came to no restart file is
    started again.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the exit code; all ports are those of the base."""
        super().define(spec)
        spec.exit_code(
            410,
            "ERROR_WALL_TIME_OVER",
            message="The wall time ended the run at {done:g} ps, heating included, before the first restart file from "
            "which it could go on. Set max_wallclock_seconds to {needed_s} or more, or shorten restart_interval_ps.",
        )

    @process_handler(priority=590)
    def handle_advanced(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Keep a segment that brought the run further, although it did not come to its last step."""
        if calculation.exit_status not in ADVANCED or "restart" not in calculation.outputs:
            return None
        step = calculation.outputs.restart.base.attributes.get("step")
        self.report(f"LAMMPS <{calculation.pk}>: {calculation.exit_message}; the run can go on from step {step}")
        self.ctx.is_finished = True
        self.out_many(self.exposed_outputs(calculation, LammpsMdCalculation))
        return ProcessHandlerReport(do_break=True, exit_code=ExitCode(0))

    @process_handler(priority=580, exit_codes=[TIMER])
    def handle_wall_time(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport:
        """Stop where the wall time does not reach from one restart file to the next, and say how much would do."""
        md = md_parameters(calculation.inputs.parameters)
        results = calculation.outputs.results if "results" in calculation.outputs else {}
        done_ps, needed_s = wall_time_between_restarts(calculation, md, results)
        self.report(f"LAMMPS <{calculation.pk}> ran out of wall time at {done_ps:g} ps, before its first restart file")
        return ProcessHandlerReport(True, self.exit_codes.ERROR_WALL_TIME_OVER.format(done=done_ps, needed_s=needed_s))
