"""One segment of molecular dynamics with VASP, which may end early and still be of use."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessHandlerReport, ProcessSpec, process_handler

from aiida_concerted.calculations.vasp_md import VaspMdCalculation
from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain

MONITORS = {
    "walltime": {"entry_point": "concerted.vasp.stop_before_walltime", "minimum_poll_interval": 30},
    "stuck": {"entry_point": "concerted.vasp.stop_stuck", "minimum_poll_interval": 60},
}
"""Attached to every run for which no others are given."""

ADVANCED = (
    0,
    VaspMdCalculation.exit_codes.ERROR_STOPPED_IN_ORDER.status,
    VaspMdCalculation.exit_codes.ERROR_CUT_SHORT.status,
)
"""Exit statuses of runs that brought the dynamics further."""


class VaspSegmentWorkChain(VaspBaseWorkChain):
    """Runs one segment of molecular dynamics, from a structure or from where another ended.

    A run that the wall time or the machine ended is a shorter segment: its steps and the state to go on from are its
    outputs, and what remains is for the next segment. Only one that came no step further is started again, once.
    """

    _process_class = VaspMdCalculation

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the outputs; all ports are those of the calculation and of the base."""
        super().define(spec)
        spec.outputs["misc"].required = False

    def init_inputs(self) -> Any:
        """Prepare the inputs of the calculation, with our monitors unless others were asked for."""
        exit_code = super().init_inputs()
        if not self.inputs.get("monitors"):
            self.ctx.inputs.monitors = {name: orm.Dict(settings) for name, settings in MONITORS.items()}
        return exit_code

    @process_handler(priority=1200)
    def handle_advanced(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Keep a segment that brought the run further, whether or not it came to its last step.

        The wall time was over, the machine went down or a step was stuck. Nothing is changed and nothing repeated here:
        the steps up to the state to go on from count, and the next segment computes the others. Electronic convergence
        is judged step by step where frames are collected, so that aiida-vasp's checks of the last step are passed over.
        """
        if node.exit_status not in ADVANCED:
            return None
        if node.exit_status != 0:
            self.report(f"VASP <{node.pk}>: {node.exit_message}")
        self.ctx.is_finished = True
        return ProcessHandlerReport(do_break=True, exit_code=ExitCode(0))
