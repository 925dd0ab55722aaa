"""Molecular dynamics with LAMMPS to a length, over as many jobs as it takes."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessSpec, while_

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_run import md_parameters
from aiida_concerted.calculations.reduce import segment_of
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.workflows.lammps.base import LammpsRunProtocol
from aiida_concerted.workflows.lammps.joining import joined_outputs
from aiida_concerted.workflows.lammps.sealing import (
    REDUCE,
    frames_of,
    is_stashed,
    is_worth_a_try,
    reduce_builder,
    reduce_ports,
)
from aiida_concerted.workflows.lammps.segment import LammpsSegmentWorkChain
from aiida_concerted.workflows.resumable import ResumableWorkChain
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.waves import NOT_SEALED, positive

SEGMENT_LABEL, SEAL = "segment_", "seal"

RUN_KINDS = (MolecularDynamicsData, StashedTrajectoryData)
"""Nodes of a run: with its frames, or with where they stay."""

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
        spec.input("before.trajectory", valid_type=RUN_KINDS, required=False, help="Its frames (Å, ps).")
        for label in ("thermo", "model_deviation"):
            spec.input(f"before.{label}", valid_type=orm.ArrayData, required=False, help=f"Its `{label}`.")
        spec.input("before.results", valid_type=orm.Dict, required=False, help="Its `results`.")
        reduce_ports(spec)
        spec.inputs.validator = cls.validate_inputs
        spec.outline(
            cls.setup,
            while_(cls.should_run_segment)(cls.run_segment, cls.inspect_segment),
            while_(cls.should_seal)(cls.seal),
            cls.collect,
        )
        spec.expose_outputs(LammpsMdCalculation, exclude=("remote_folder", "remote_stash", "retrieved", "trajectory"))
        spec.output(
            "trajectory", valid_type=RUN_KINDS, required=False,
            help="The production: carriers at every frame (Å, ps), framework at its stride; or where its frames stay.",
        )  # fmt: skip
        for label in FAILURES:
            code = LammpsSegmentWorkChain.exit_codes[label]
            spec.exit_code(code.status, label, code.message)
        spec.exit_code(
            433,
            "ERROR_TOO_MANY_SEGMENTS",
            message="{n} segments have brought the run to step {step} of {n_steps}; its frames so far are attached. "
            "Give them more wall time, or raise max_segments.",
        )
        spec.exit_code(
            NOT_SEALED,
            "ERROR_NOT_SEALED",
            message="The run is done, and its frames, which stay in {places}, cannot be read there: {reason}",
        )

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Return why frames could not stay where they are made."""
        if not value or "md" not in value or value.get(REDUCE):
            return None
        known = (value.get("before") or {}).get("trajectory")
        if not has_stash(value) and not is_stashed(known):
            return None
        where = "before.trajectory" if is_stashed(known) else "md.metadata.options.stash"
        return f"{where}: frames that stay where they are made are read there by concerted.reduce: give reduce.code"

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
        if not self.stays_there and has_stash(builder):  # what it goes on from was brought home
            options = {key: value for key, value in builder.md.metadata.options.items() if key != "stash"}
            builder.md.metadata.options = options
        if self.stays_there:
            builder.clean_workdir = orm.Bool(False)  # what could not be stashed is read in the folder of its job
        self.to_context(segment=self.run_child(segment_label(self.ctx.n_segments), builder))

    def is_usable(self, label: str, child: orm.ProcessNode) -> bool:
        """Return whether a segment of an earlier run would do: one whose frames are where those of this run go."""
        outputs = child.outputs
        has_frames = "results" in outputs and outputs["results"].get("n_frames", 0) >= 2
        is_elsewhere = label.startswith(SEGMENT_LABEL) and has_frames and ("trajectory" in outputs) == self.stays_there
        return super().is_usable(label, child) and not is_elsewhere

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
        before = dict(self.inputs.get("before") or {})
        if self.stays_there:
            before.pop("trajectory", None)
        return [before, *segments] if before else segments

    @property
    def stays_there(self) -> bool:
        """Return whether the frames stay where they are made: as those before did, or else as it is asked for."""
        known = (self.inputs.get("before") or {}).get("trajectory")
        return has_stash(self.inputs) if known is None else is_stashed(known)

    def should_seal(self) -> bool:
        """Return whether frames that stay where they are have still to be read there."""
        is_due = self.stays_there and bool(self.frames())
        return is_due and is_worth_a_try(self.ctx.get("sealed"), self.n_tries(SEAL))

    def frames(self) -> dict[str, orm.Data]:
        """Return where the frames of each segment lie."""
        labels = [segment_label(number + 1) for number in range(self.ctx.n_segments)]
        found = {label: frames_of(self.children_labelled(label)[-1].outputs) for label in labels}
        return {label: node for label, node in found.items() if node is not None}

    def seal(self) -> None:
        """Have the frames joined, counted and their digests noted where they are."""
        frames = self.frames()
        for label, node in frames.items():
            if has_stash(self.inputs) and isinstance(node, orm.RemoteData):
                self.report(f"{label}: its frames could not be stashed and stay in the folder of its job <{node.pk}>")
        known = (self.inputs.get("before") or {}).get("trajectory")
        builder = reduce_builder(self.inputs[REDUCE], segments=frames, trajectory=known)
        self.to_context(sealed=self.try_child(SEAL, builder))

    def collect(self) -> ExitCode | None:
        """Join what the segments left."""
        outputs = joined_outputs(self, self.parts(), self.inputs.md.parameters, self.inputs.md.structure, "join")
        if outputs is None:
            return self.function_failure()
        self.out_many(outputs)
        if "sealed" in self.ctx:
            if not self.ctx.sealed.is_finished_ok:
                return self.not_sealed()
            self.out("trajectory", self.ctx.sealed.outputs.trajectory)
        return None if self.ctx.verdict is None else ExitCode(*self.ctx.verdict)

    def not_sealed(self) -> ExitCode:
        """Return the exit code that says where the frames are and why they cannot be read."""
        segments = [segment_of(node) for node in self.frames().values()]
        places, reason = ", ".join(segment.place for segment in segments), self.ctx.sealed.exit_message
        exit_code: ExitCode = self.exit_codes.ERROR_NOT_SEALED.format(places=places, reason=reason)
        return exit_code


def has_stash(inputs: Any) -> bool:
    """Return whether frames are asked to stay where they are made."""
    return bool(inputs["md"].get("metadata", {}).get("options", {}).get("stash"))


def segment_label(number: int) -> str:
    """Return the label of a segment's call link; in the order of their names segments are in their own.

    :param number: of the segment, from 1.
    """
    return f"{SEGMENT_LABEL}{number:03d}"
