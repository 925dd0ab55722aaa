"""Molecular dynamics with LAMMPS to a length, over as many jobs as it takes."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessSpec, while_

from aiida_concerted.calculations.functions.join_segments import SERIES, join_segments
from aiida_concerted.calculations.lammps_md import LammpsMdCalculation, md_parameters
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.workflows.lammps.base import LammpsRunProtocol
from aiida_concerted.workflows.lammps.segment import LammpsSegmentWorkChain
from aiida_concerted.workflows.resumable import ResumableWorkChain
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.waves import positive

LAST = ("structure", "restart")
"""Outputs of the last segment that are those of the whole run."""

FAILURES = ("ERROR_PAIR_STYLE_MISSING", "ERROR_WALL_TIME_OVER", "ERROR_OUT_OF_MEMORY", "ERROR_PHYSICS")
"""What ends a segment for good, and the run with it."""


class LammpsMdWorkChain(LammpsRunProtocol, ResumableWorkChain):
    """Runs molecular dynamics to a length; what the wall time or the machine ended goes on from the last restart file.

    Segments are joined to one trajectory in which no frame is missing and none is twice. With the restart file and the
    outputs of an earlier run it makes that run longer.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(LammpsSegmentWorkChain)
        value_port(
            spec, "max_segments", orm.Int, "Most segments that are run (a number without unit).", default=1000,
            validator=positive,
        )  # fmt: skip
        spec.input_namespace(
            "before",
            required=False,
            help="What a run left that this one goes on from, beside its restart file: it is joined to the outputs.",
        )
        spec.input("before.trajectory", valid_type=MolecularDynamicsData, required=False, help="Its frames (Å, ps).")
        for label in ("thermo", "model_deviation"):
            spec.input(f"before.{label}", valid_type=orm.ArrayData, required=False, help=f"Its `{label}`.")
        spec.input("before.results", valid_type=orm.Dict, required=False, help="Its `results`.")
        spec.outline(cls.setup, while_(cls.should_run_segment)(cls.run_segment, cls.inspect_segment), cls.collect)
        spec.expose_outputs(LammpsMdCalculation, exclude=("remote_folder", "remote_stash", "retrieved"))
        for label in FAILURES:
            code = LammpsSegmentWorkChain.exit_codes[label]
            spec.exit_code(code.status, label, code.message)
        spec.exit_code(
            433,
            "ERROR_TOO_MANY_SEGMENTS",
            message="{n} segments have brought the run to step {step} of {n_steps}; its frames so far are attached. "
            "Give them more wall time, or raise max_segments.",
        )

    def setup(self) -> None:
        """Begin at the restart file that was given, or anew."""
        self.ctx.n_segments = 0
        self.ctx.is_done = False
        self.ctx.verdict = None

    def should_run_segment(self) -> bool:
        """Return whether frames remain to be computed."""
        return not self.ctx.is_done and self.ctx.verdict is None

    def run_segment(self) -> None:
        """Submit the next segment."""
        self.ctx.n_segments += 1
        builder = LammpsSegmentWorkChain.get_builder()
        builder._update(self.exposed_inputs(LammpsSegmentWorkChain))
        if self.ctx.n_segments > 1:
            builder.md.restart = self.ctx.segment.outputs.restart
        self.to_context(segment=self.run_child(segment_label(self.ctx.n_segments), builder))

    def inspect_segment(self) -> None:
        """Note whether the run is done, goes on, or ends in a failure."""
        node, md = self.ctx.segment, md_parameters(self.inputs.md.parameters)
        if not node.is_finished_ok:
            self.ctx.verdict = (node.exit_status or 1, node.exit_message or f"<{node.pk}> {node.process_state.value}")
            return
        results = node.outputs.results
        last = results["first_step"] + (results["n_frames"] - 1) * md.frame_steps
        self.ctx.is_done = last >= md.last_step
        if self.ctx.is_done:
            return
        step = node.outputs.restart.base.attributes.get("step")
        done, total = step * md.timestep_ps, md.last_step * md.timestep_ps
        if self.ctx.n_segments >= self.inputs.max_segments.value:
            code = self.exit_codes.ERROR_TOO_MANY_SEGMENTS
            code = code.format(n=self.ctx.n_segments, step=step, n_steps=md.last_step)
            self.ctx.verdict = (code.status, code.message)
            return
        self.report(f"{done:g} of {total:g} ps are done, heating included; going on from step {step}")

    def parts(self) -> list[Any]:
        """Return the outputs of what was run before and of each segment, in their order."""
        labels = [segment_label(number + 1) for number in range(self.ctx.n_segments)]
        segments = [self.children_labelled(label)[-1].outputs for label in labels]
        return [self.inputs.before, *segments] if self.inputs.get("before") else segments

    def collect(self) -> ExitCode | None:
        """Join what the segments left."""
        parts = self.parts()
        for label in LAST:
            if label in parts[-1]:
                self.out(label, parts[-1][label])
        series = {label: [part[label] for part in parts if label in part] for label in SERIES}
        if len(parts) == 1 or len(series["results"]) == 1:
            for label, nodes in series.items():
                if nodes:
                    self.out(label, nodes[-1])
        else:
            named = {f"{label}_{n:03d}": node for label, nodes in series.items() for n, node in enumerate(nodes)}
            joined = self.call(join_segments, "join", self.inputs.md.parameters, self.inputs.md.structure, **named)
            if joined is None:
                return self.function_failure()
            self.out_many(joined)
        return None if self.ctx.verdict is None else ExitCode(*self.ctx.verdict)


def segment_label(number: int) -> str:
    """Return the label of a segment's call link; in the order of their names segments are in their own.

    :param number: of the segment, from 1.
    """
    return f"segment_{number:03d}"
